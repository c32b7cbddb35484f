"""Expressions: CEL everywhere, compiled once.

``compile_expression`` reads the text once and decides how it will be evaluated:

- plain selections, comparisons with literals and their combinations in Python (``native``), never loading CEL; also
  ``list.map(x, x.key)``, which CEL does in square time (200 elements: 20 µs instead of 3.7 ms);
- everything else by the ``cel`` crate through its extension module, handed only the keys the expression uses.

Measured per evaluation with a whole CAMMRA message (34 keys, 1.1 kB) as ``item``, one core, Python 3.11:
a selection 0.1 to 0.2 µs, ``has`` 0.3, two comparisons joined 0.5, one that absorbs a failure 2.2, against 94 µs each
when CEL is handed the whole message. Through CEL with the two keys used 7.7 µs (1.6 of them the bounds below, 0.5 CEL's
own work, the rest crossing into it); a comprehension over a short list 8.1.

CEL cannot be interrupted and stalls every thread, so its work is bounded: texts of 2 kB, one comprehension each,
lists of 1,000 elements, 5,000 values and 64 Ki characters in all, and what ``bounds`` reckons to take more than 10 ms.
Whatever is beyond fails as an expression, it does not run.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Protocol

from bridge.config.errors import did_you_mean
from bridge.profiles import bounds
from bridge.profiles.evaluation import Evaluate, ExpressionFailed
from bridge.profiles.lexer import VERBS, Call, Kind, Token, Use, place_in, tokens, uses
from bridge.profiles.native import mapped, plain

__all__ = ["Expression", "ExpressionError", "ExpressionFailed", "compile_expression"]

LONGEST_TEXT = 2048

METHODS = frozenset({
    "contains", "size", "startsWith", "endsWith", "matches", "getFullYear", "getMonth", "getDayOfYear", "getDate",
    "getDayOfMonth", "getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
})  # fmt: skip
FUNCTIONS = frozenset({
    "has", "size", "string", "int", "uint", "double", "bytes", "timestamp", "duration", "type", "dyn",
})  # fmt: skip
_TYPES = frozenset({"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"})
_CEL_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


class ExpressionError(ValueError):
    """The text is no expression that can be used. ``line`` and ``column`` (from 1) are those within the text."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{message} (line {line}, column {column} of the expression)")
        self.message = message
        self.line = line
        self.column = column


class Expression(Protocol):
    """A compiled expression. ``path``: its names when it is one bare selection (``item.a.b``), else None."""

    @property
    def text(self) -> str: ...

    @property
    def path(self) -> tuple[str, ...] | None: ...

    def evaluate(self, variables: Mapping[str, object]) -> object:
        """The value; raises ExpressionFailed and nothing else. ``variables`` hold what JSON can hold."""


def compile_expression(text: str, variables: set[str] | None = None) -> Expression:
    """Compile ``text``. ``variables``: the names it may use, None for any. Raises ExpressionError."""
    if len(text.encode("utf-8", "replace")) > LONGEST_TEXT:
        raise ExpressionError(f"an expression may have {LONGEST_TEXT} bytes; this has more: split it")
    words = tokens(text)
    if len(words) == 1:
        raise ExpressionError("the expression is empty; write for example item.name")
    used, calls, elements = uses(words)
    _check_calls(text, calls)
    _check_patterns(text, words)
    if variables is not None:
        _check_names(text, used, variables | elements)
    _check_dots(text, words)
    found = plain(words, text)
    if found is not None:
        return _Native(text, *found)
    engine = _Cel(text, words, used, calls)
    each = mapped(words, text, engine.evaluate, bounds.LONGEST_LIST)
    return engine if each is None else _Native(text, each, None)


class _Native:
    __slots__ = ("evaluate", "path", "text")

    def __init__(self, text: str, evaluate: Evaluate, path: tuple[str, ...] | None) -> None:
        self.text = text
        self.path = path
        self.evaluate = evaluate  # the closure itself: one call less on the hot path

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


class _Cel:
    path = None

    def __init__(self, text: str, words: Sequence[Token], used: Sequence[Use], calls: Sequence[Call]) -> None:
        self.text = text
        self._execute = _program(text)
        self._members = _members(used)
        self._shape = bounds.shape_of(words, used, calls)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, variables: Mapping[str, object]) -> object:
        context: dict[str, object] = {}
        weighed: dict[tuple[str, str | None], object] = {}
        for name, members in self._members:
            if name in variables:
                value = variables[name]
                if members is not None and isinstance(value, Mapping):
                    value = {member: value[member] for member in members if member in value}
                    for member in value:
                        weighed[name, member] = value[member]
                else:
                    weighed[name, None] = value
                context[name] = value
        why = bounds.too_much(self._shape, weighed)
        if why is not None:
            raise ExpressionFailed(f"{self.text}: {why}")
        try:
            return self._execute(context)
        except KeyError as error:
            raise ExpressionFailed(f"{self.text}: there is no {error.args[0]}") from None
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise  # a panic of the crate is no Exception, and must not end the service
            reason = str(error).partition(". ")[0].partition(": the operation")[0]
            raise ExpressionFailed(f"{self.text}: {reason}") from None


def _members(used: Sequence[Use]) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    """For each variable the keys that are used of it, or None where all of it is."""
    members: dict[str, set[str] | None] = {}
    for use in used:
        keys = members.setdefault(use.name, set())
        if use.member is None or keys is None:
            members[use.name] = None
        else:
            keys.add(use.member)
    return tuple((name, None if keys is None else tuple(sorted(keys))) for name, keys in members.items())


# --------------------------------------------------------------------------------------- what is refused when compiling


def _check_calls(text: str, calls: Sequence[Call]) -> None:
    verbs = [call for call in calls if call.method and call.name in VERBS]
    if len(verbs) > 1:
        names = ", ".join(sorted(VERBS - {"existsOne"}))
        raise ExpressionError(
            f"only one of {names} may stand in an expression and this is the second: write two",
            *place_in(text, verbs[1].place),
        )
    for call in calls:
        known = METHODS | VERBS if call.method else FUNCTIONS
        if call.name in known:
            continue
        hint = did_you_mean(call.name, known)
        if call.method and call.name in FUNCTIONS:
            hint = f"; write {call.name}(value)"
        what = f"there is no method .{call.name}()" if call.method else f"there is no function {call.name}()"
        raise ExpressionError(f"{what}{hint}", *place_in(text, call.place))


def _check_patterns(text: str, words: Sequence[Token]) -> None:
    """A pattern is a text in the expression: one that a message brings could be made to take any time."""
    for index, word in enumerate(words):
        if word.text != "matches" or word.kind is not Kind.NAME or words[index + 1].text != "(":
            continue
        pattern = words[index + 2]
        if pattern.kind is not Kind.STRING or words[index + 3].text != ")":
            raise ExpressionError("write the pattern itself, such as .matches('^[0-9]+$')", *place_in(text, word.place))
        if pattern.text[0] not in "rR" and "\\" in pattern.text.replace("\\\\", ""):
            raise ExpressionError(
                "in a pattern a backslash is written twice, or the text as r'...'", *place_in(text, pattern.place)
            )
        if bounds.pattern_weight(pattern.text) > bounds.HEAVIEST_PATTERN:
            raise ExpressionError(
                "this pattern is too large: count less in it, or write [a-z] for \\w",
                *place_in(text, pattern.place),
            )


def _check_names(text: str, used: Sequence[Use], known: set[str]) -> None:
    for use in used:
        if use.name not in known and use.name not in _TYPES:
            hint = did_you_mean(use.name, known) or f"; it may use {', '.join(sorted(known))}"
            raise ExpressionError(f"there is no variable {use.name}{hint}", *place_in(text, use.place))


def _check_dots(text: str, words: Sequence[Token]) -> None:
    """CEL takes a leading dot for an absolute name, which here never exists; say so instead of failing later."""
    for before, word in zip([None, *words], words, strict=False):
        if word.text == "." and (before is None or (before.kind is Kind.SIGN and before.text not in (")", "]", "}"))):
            raise ExpressionError(
                "a name stands before a dot: write for example item.name", *place_in(text, word.place)
            )


# ---------------------------------------------------------------------------------------------------------- the engine


def _program(text: str) -> Callable[[dict[str, object]], object]:
    try:
        compiled = _engine().compile(text)
    except Exception as error:  # noqa: BLE001 - whatever the parser raises means that this is no expression
        found = _CEL_PLACE.search(str(error))
        if found is None:
            raise ExpressionError(f"this is no expression: {error}") from None
        raise ExpressionError(_said(found[3]), int(found[1]), int(found[2])) from None
    execute: Callable[[dict[str, object]], object] = compiled.execute
    return execute


def _said(complaint: str) -> str:
    """The parser's complaint as people say it."""
    if "'<EOF>'" in complaint:
        return "the expression ends too early; something is missing here"
    wrong = re.search(r"(?:input|error at:) '(.*?)'(?= expecting|$)", complaint)
    return f"this is not expected here: {wrong[1]}" if wrong else f"this is no expression: {complaint}"


def _engine() -> ModuleType:
    """The extension module of the ``cel`` package, without the package's own ``__init__``.

    That one imports its command line (typer, rich, prompt_toolkit): measured 139 ms and 29 MiB against 9 ms and 4 MiB.
    """
    loaded = sys.modules.get("cel.cel")
    if loaded is not None:
        return loaded  # the extension cannot be initialised twice in one process, whoever did it first
    package = importlib.util.find_spec("cel")
    places = package.submodule_search_locations if package is not None else None
    spec = importlib.machinery.PathFinder.find_spec("cel.cel", places) if places else None
    if spec is None or spec.loader is None:
        raise ImportError("the package common-expression-language is not installed: install vms-bridge again")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    sys.modules["cel.cel"] = loaded
    return loaded

"""Expressions: CEL everywhere, compiled once.

``compile_expression`` reads the text once and decides how it will be evaluated:

- plain selections, comparisons with literals and their combinations in Python (``native``), never loading CEL;
- everything else by the ``cel`` crate through its extension module, handed only the keys the expression uses.

Measured per evaluation with a whole CAMMRA message (34 keys, 1.1 kB) as ``item``, one core, Python 3.11:
a selection 0.1 to 0.2 µs, ``has`` 0.3, two comparisons joined 0.5, one that absorbs a failure 2.2, against 94 µs each
when CEL is handed the whole message. Through CEL with the two keys used 7.7 µs (1.6 of them the bounds below, 0.5 CEL's
own work, the rest crossing into it); a comprehension over a short list 8.1.

CEL cannot be interrupted and stalls every thread, so its work is bounded: texts of 2 kB, one comprehension each,
lists of 1,000 elements (500 where ``map`` or ``filter`` build a list, which the crate does in square time), 5,000
values and 64 Ki characters in all. Whatever is beyond fails as an expression, it does not run.
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
from bridge.profiles.evaluation import Evaluate, ExpressionFailed
from bridge.profiles.lexer import VERBS, Call, Kind, Token, Use, place_in, tokens, uses
from bridge.profiles.native import plain

__all__ = ["Expression", "ExpressionError", "ExpressionFailed", "compile_expression"]

LONGEST_TEXT = 2048
LONGEST_LIST = 1000
LONGEST_BUILT = 500
MOST_VALUES = 5000
MOST_CHARACTERS = 65536

METHODS = frozenset({
    "contains", "size", "startsWith", "endsWith", "matches", "getFullYear", "getMonth", "getDayOfYear", "getDate",
    "getDayOfMonth", "getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
})  # fmt: skip
FUNCTIONS = frozenset({
    "has", "size", "string", "int", "uint", "double", "bytes", "timestamp", "duration", "type", "dyn",
})  # fmt: skip
_TYPES = frozenset({"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"})
_BUILDS = frozenset({"map", "filter"})
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
    if variables is not None:
        _check_names(text, used, variables | elements)
    _check_dots(text, words)
    found = plain(words, text)
    if found is not None:
        return _Native(text, *found)
    return _Cel(text, used, calls)


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

    def __init__(self, text: str, used: Sequence[Use], calls: Sequence[Call]) -> None:
        self.text = text
        self._execute = _program(text)
        self._members = _members(used)
        builds = any(call.method and call.name in _BUILDS for call in calls)
        self._longest = LONGEST_BUILT if builds else LONGEST_LIST

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, variables: Mapping[str, object]) -> object:
        context: dict[str, object] = {}
        for name, members in self._members:
            if name in variables:
                value = variables[name]
                if members is not None and isinstance(value, Mapping):
                    value = {member: value[member] for member in members if member in value}
                context[name] = value
        self._bound(context)
        try:
            return self._execute(context)
        except KeyError as error:
            raise ExpressionFailed(f"{self.text}: there is no {error.args[0]}") from None
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise  # a panic of the crate is no Exception, and must not end the service
            reason = str(error).partition(". ")[0].partition(": the operation")[0]
            raise ExpressionFailed(f"{self.text}: {reason}") from None

    def _bound(self, context: dict[str, object]) -> None:
        """Raise ExpressionFailed when the values are more than CEL may be given."""
        values, characters, longest = 0, 0, self._longest
        waiting: list[object] = [context]
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                characters += len(value)
                continue
            if not isinstance(value, Mapping | list | tuple):
                continue
            if len(value) > longest:
                raise ExpressionFailed(f"{self.text}: {len(value)} elements, and {longest} is the most it may look at")
            values += len(value)
            if values > MOST_VALUES:
                break
            waiting += value.values() if isinstance(value, Mapping) else value
        if values > MOST_VALUES or characters > MOST_CHARACTERS:
            raise ExpressionFailed(f"{self.text}: the values it looks at are too large")


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

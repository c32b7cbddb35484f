"""The plain part of CEL, evaluated in Python with the answers CEL gives.

Covers selections (``item.a.b``, ``item["a b"]``), ``has(item.a)``, ``==``, ``!=`` and ``in`` of a selection and
literals, and ``&&``, ``||``, ``!`` and parentheses of those. Everything else is CEL's own. A differential test holds
the two together, errors included.

The rules kept (CEL language definition, "Equality", "Logical Operators", "Field Selection", and what the cel crate
0.10 was seen to do): values of different types are unequal, never an error; a number equals a number of another type
with the same value, compared as doubles when one is a double; ``&&`` and ``||`` absorb the error of one side when the
other decides; a selection from what is no map is an error, a missing key too.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.profiles.evaluation import (
    Evaluate,
    ExpressionFailed,
    Literal,
    Variables,
    absorbing,
    among,
    equals,
    has_path,
    negated,
    select_path,
)
from bridge.profiles.lexer import Kind, Token, simple_string

_RESERVED = frozenset({
    "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop", "namespace",
    "package", "return", "var", "void", "while", "as", "true", "false", "null",
})  # fmt: skip


class _NotPlain(Exception):
    """This needs CEL."""


def plain(words: Sequence[Token], text: str) -> tuple[Evaluate, tuple[str, ...] | None] | None:
    """How to evaluate the expression, and its path when it is one bare selection; None when it needs CEL."""
    reader = _Reader(words, text)
    try:
        path = reader.path_alone()
        return (select_path(path, text), path) if path is not None else (reader.whole(), None)
    except _NotPlain:
        return None


def mapped(words: Sequence[Token], text: str, otherwise: Evaluate, most: int) -> Evaluate | None:
    """How to evaluate ``list.map(x, x.key)``, or None. What is no list is left to ``otherwise``."""
    verb = next((index for index, word in enumerate(words) if word.text == "map" and word.kind is Kind.NAME), 0)
    closed = len(words) - 2
    if verb < 2 or verb + 5 > closed or words[verb - 1].text != "." or words[verb + 3].text != ",":
        return None
    if words[closed].text != ")" or words[closed].kind is not Kind.SIGN or words[verb + 1].text != "(":
        return None
    end = words[-1]
    path = _Reader([*words[: verb - 1], end], text).path_alone()
    inner = _Reader([*words[verb + 4 : closed], end], text).path_alone()
    if path is None or inner is None or len(inner) < 2 or inner[0] != words[verb + 2].text or inner[0] == path[0]:
        return None
    select, step = select_path(path, text), select_path(inner, text)

    def each(variables: Variables) -> object:
        found = select(variables)
        if type(found) is not list:
            return otherwise(variables)
        if len(found) > most:
            raise ExpressionFailed(f"{text}: {len(found)} elements, and {most} is the most it may look at")
        return [step({inner[0]: element}) for element in found]

    return each


class _Reader:
    def __init__(self, words: Sequence[Token], text: str) -> None:
        self._words = words
        self._text = text
        self._at = 0
        self._depth = 0

    def path_alone(self) -> tuple[str, ...] | None:
        """The expression as a path when it is one bare selection."""
        try:
            path = self._path()
        except _NotPlain:
            path = None
        if path is not None and self._words[self._at].kind is Kind.END:
            return path
        self._at = 0
        return None

    def whole(self) -> Evaluate:
        found = self._either()
        if self._words[self._at].kind is not Kind.END:
            raise _NotPlain
        return found

    def _either(self) -> Evaluate:
        sides = [self._both()]
        while self._take("||"):
            sides.append(self._both())
        return sides[0] if len(sides) == 1 else absorbing(tuple(sides), True, self._text)

    def _both(self) -> Evaluate:
        sides = [self._relation()]
        while self._take("&&"):
            sides.append(self._relation())
        return sides[0] if len(sides) == 1 else absorbing(tuple(sides), False, self._text)

    def _relation(self) -> Evaluate:
        literal = self._literal()
        if literal is not None:
            return self._literal_first(literal[0])
        negations = 0
        while self._take("!"):
            negations += 1
        value, is_path = self._operand()
        if self._word() in ("==", "!=", "in"):
            if negations or not is_path:
                raise _NotPlain
            return self._compare(value)
        return negated(value, self._text) if negations % 2 else value  # CEL drops an even number of ! unseen

    def _literal_first(self, literal: Literal) -> Evaluate:
        """``"x" == item.a``, or true and false by themselves."""
        sign = self._word()
        if sign not in ("==", "!="):
            if isinstance(literal, bool) and sign in ("&&", "||", ")", ""):
                return lambda _: literal
            raise _NotPlain
        self._at += 1
        path = self._path()
        if self._word() in ("==", "!=", "in"):
            raise _NotPlain
        return equals(select_path(path, self._text), literal, sign == "!=")

    def _compare(self, value: Evaluate) -> Evaluate:
        sign = self._word()
        self._at += 1
        if sign == "in":
            found: Evaluate = among(value, self._literals())
        else:
            literal = self._literal()
            if literal is None:
                raise _NotPlain
            found = equals(value, literal[0], sign == "!=")
        if self._word() in ("==", "!=", "in"):
            raise _NotPlain
        return found

    def _literals(self) -> tuple[Literal, ...]:
        self._need("[")
        found: list[Literal] = []
        while True:
            literal = self._literal()
            if literal is None:
                raise _NotPlain
            found.append(literal[0])
            if not self._take(","):
                self._need("]")
                return tuple(found)

    def _operand(self) -> tuple[Evaluate, bool]:
        """A value, and whether it is a selection (which alone may be compared here)."""
        if self._take("("):
            self._depth += 1
            if self._depth > 20:
                raise _NotPlain
            inner = self._either()
            self._need(")")
            if self._word() in (".", "["):
                raise _NotPlain
            return inner, False
        if self._word() == "has" and self._words[self._at + 1].text == "(":
            self._at += 2
            path = self._path(dots_only=True)
            self._need(")")
            if len(path) < 2 or self._word() in (".", "["):
                raise _NotPlain
            return has_path(path, self._text), False
        return select_path(self._path(), self._text), True

    def _path(self, dots_only: bool = False) -> tuple[str, ...]:
        path = [self._name()]
        while True:
            if self._take("."):
                path.append(self._name())
                if self._word() == "(":
                    raise _NotPlain
            elif not dots_only and self._take("["):
                key = simple_string(self._words[self._at].text) if self._words[self._at].kind is Kind.STRING else None
                if key is None:
                    raise _NotPlain
                self._at += 1
                self._need("]")
                path.append(key)
            else:
                return tuple(path)

    def _name(self) -> str:
        word = self._words[self._at]
        if word.kind is not Kind.NAME or word.text in _RESERVED or self._words[self._at + 1].text == "(":
            raise _NotPlain
        self._at += 1
        return word.text

    def _literal(self) -> tuple[Literal] | None:
        """A literal here, in a tuple because it may be null."""
        word = self._words[self._at]
        sign = 1
        at = self._at
        if word.text == "-" and self._words[at + 1].kind is Kind.NUMBER:
            sign, at = -1, at + 1
            word = self._words[at]
        found: Literal
        if word.kind is Kind.NUMBER:
            found = sign * _number(word.text)
        elif word.kind is Kind.STRING:
            text = simple_string(word.text)
            if text is None:
                raise _NotPlain
            found = text
        elif word.kind is Kind.NAME and word.text in ("true", "false", "null"):
            found = {"true": True, "false": False, "null": None}[word.text]
        else:
            return None
        self._at = at + 1
        if self._word() in (".", "["):
            raise _NotPlain
        return (found,)

    def _word(self) -> str:
        return self._words[self._at].text

    def _take(self, text: str) -> bool:
        word = self._words[self._at]
        if word.text == text and word.kind is not Kind.STRING:
            self._at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise _NotPlain


def _number(text: str) -> int | float:
    if text[-1] in "uU":
        raise _NotPlain
    value: int | float
    if text.startswith("0x"):
        value = int(text, 16)
    elif text.isdigit():
        value = int(text)
    else:
        return float(text)
    if value >= 2**63:
        raise _NotPlain  # CEL refuses it, and says so
    return value

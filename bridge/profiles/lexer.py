"""The words of a CEL expression and where each stands.

By the lexical grammar of the CEL language definition (https://github.com/google/cel-spec/blob/master/doc/langdef.md,
"Syntax"). Text that is no CEL token becomes one token of kind OTHER: the CEL compiler says what is wrong with it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence

import msgspec


class Kind(enum.Enum):
    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    SIGN = "sign"
    OTHER = "other"
    END = "end"


class Token(msgspec.Struct, frozen=True):
    """``place``: characters before it."""

    kind: Kind
    text: str
    place: int


_TOKEN = re.compile(
    r"""
      (?P<space>(?:\s+|//[^\n]*)+)
    | (?P<string>[rRbB]{0,2}(?:'{3}(?:[^\\]|\\.)*?'{3}|"{3}(?:[^\\]|\\.)*?"{3}))
    | (?P<raw>[bB]?[rR][bB]?(?:'[^'\n]*'|"[^"\n]*"))
    | (?P<quoted>[bB]?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
    | (?P<number>0x[0-9a-fA-F]+[uU]?|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {
    "string": Kind.STRING, "raw": Kind.STRING, "quoted": Kind.STRING,
    "number": Kind.NUMBER, "name": Kind.NAME, "sign": Kind.SIGN,
}  # fmt: skip


def tokens(text: str) -> list[Token]:
    """The tokens of ``text`` without space and comments, ended by one of kind END."""
    found: list[Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            found.append(Token(Kind.OTHER, text[place], place))
            place += 1
            continue
        group = match.lastgroup
        if group is not None and group != "space":
            found.append(Token(_KINDS[group], match[0], place))
        place = match.end()
    found.append(Token(Kind.END, "", len(text)))
    return found


def simple_string(text: str) -> str | None:
    """What a string token says; None for raw, bytes and triple-quoted ones and those with escapes."""
    if text[0] not in "'\"" or text[:3] in ("'''", '"""') or "\\" in text:
        return None
    return text[1:-1]


def place_in(text: str, place: int) -> tuple[int, int]:
    """Line and column, from 1, of a character of the text."""
    before = text[:place]
    return before.count("\n") + 1, place - (before.rfind("\n") + 1) + 1


VERBS = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
"""The comprehension macros: what follows the opening parenthesis is the name of the element."""


class Use(msgspec.Struct, frozen=True):
    """A name that stands for a variable. ``member``: the one key of it that is used here, None for all of it."""

    name: str
    member: str | None
    place: int


class Call(msgspec.Struct, frozen=True):
    """A function or macro that is called; ``method``: on a value, as in ``x.size()``."""

    name: str
    method: bool
    place: int


_CONSTANTS = frozenset({"true", "false", "null", "in"})


def uses(words: Sequence[Token]) -> tuple[list[Use], list[Call], set[str]]:
    """The variables used, the functions called, and the names that comprehensions give their elements."""
    used: list[Use] = []
    calls: list[Call] = []
    elements: set[str] = set()
    for index, word in enumerate(words):
        if word.kind is not Kind.NAME or word.text in _CONSTANTS:
            continue
        method = index > 0 and words[index - 1].text == "."
        if words[index + 1].text == "(":
            calls.append(Call(word.text, method, word.place))
            if method and word.text in VERBS and words[index + 2].kind is Kind.NAME:
                elements.add(words[index + 2].text)
        elif not method:
            used.append(Use(word.text, _member(words, index + 1), word.place))
    return used, calls, elements


def _member(words: Sequence[Token], index: int) -> str | None:
    """The key selected by ``.key`` or ``["key"]`` at ``index``, unless it is a method that is called."""
    if words[index].text == "." and words[index + 1].kind is Kind.NAME and words[index + 2].text != "(":
        return words[index + 1].text
    if words[index].text == "[" and words[index + 1].kind is Kind.STRING and words[index + 2].text == "]":
        return simple_string(words[index + 1].text)
    return None

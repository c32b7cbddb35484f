"""The query language of ``q`` as far as a bridge speaks it: commas part, a backslash keeps one in a text [5]."""

from __future__ import annotations

import re
from urllib.parse import unquote

import msgspec


class Unreadable(Exception):
    """It cannot be read."""


class Call(msgspec.Struct, frozen=True):
    """``Name(argument,argument)``; ``arguments`` None where it has no brackets."""

    name: str
    arguments: tuple[str, ...] | None = None


def calls(q: str) -> list[Call]:
    """Raises Unreadable."""
    text = unquote(q, errors="strict")
    if "#" in text:
        raise Unreadable("# is not supported")
    return [_call(each) for each in parted(text)]


def parted(text: str) -> list[str]:
    """At commas outside brackets that no backslash stands before; backslashes stay. Raises Unreadable."""
    parts, depth, at = [""], 0, 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            parts[-1] += text[at : at + 2]
            at += 2
            continue
        depth += (char == "(") - (char == ")")
        if depth < 0:
            raise Unreadable("a ) too many")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
        at += 1
    if depth:
        raise Unreadable("a ) is missing")
    return parts


def plain(text: str) -> str:
    """Without the backslashes that keep characters."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _call(text: str) -> Call:
    found = re.fullmatch(r"([A-Za-z0-9_.]+)\((.*)\)", text, re.DOTALL)
    if found is None:
        return Call(plain(text))
    arguments = parted(found[2])
    if any(re.search(r"(?<!\\)[{}=*@]", each) for each in arguments):
        raise Unreadable("an argument has something with a meaning in it")
    return Call(found[1], tuple(plain(each) for each in arguments))

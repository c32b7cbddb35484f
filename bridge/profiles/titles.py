"""Titles: ``Plate {plate}[ {direction}]``. A part in square brackets is left out when a field in it is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

LONGEST = 200

_PIECE = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{([^{}\[\]]*)\}|[\[\]{}]|[^\[\]{}]+")
Fields = Mapping[str, object]


class TitleError(ValueError):
    """The template cannot be used; the message says why."""


def names_in(template: str) -> list[str]:
    return [match[1].strip() for match in _PIECE.finditer(template) if match[1] is not None]


def compile_title(template: str) -> Callable[[Fields], str]:
    """The title made of an event's fields; raises TitleError."""
    always: list[str] = []  # "%s" pieces of a group; text has its % doubled
    groups: list[tuple[str, tuple[str, ...], bool]] = []
    names: list[str] = []
    optional = False
    for match in _PIECE.finditer(template):
        piece = match[0]
        if match[1] is not None:
            if not match[1].strip():
                raise TitleError("{} names no field; write for example {plate}")
            names.append(match[1].strip())
            always.append("%s")
        elif piece == "[":
            if optional:
                raise TitleError("[ stands inside [ ]; close the first one before")
            groups.append(("".join(always), tuple(names), False))
            always, names, optional = [], [], True
        elif piece == "]":
            if not optional:
                raise TitleError("] closes nothing; write ]] for the sign itself")
            if not names:
                raise TitleError("there is no field in [ ]; write [[ and ]] for the signs themselves")
            groups.append(("".join(always), tuple(names), True))
            always, names, optional = [], [], False
        elif piece in ("{", "}"):
            raise TitleError(f"{piece} is alone; write {piece * 2} for the sign itself")
        else:
            always.append(
                (piece[0] if len(piece) == 2 and piece[0] == piece[1] and piece[0] in "{}[]" else piece).replace(
                    "%", "%%"
                )
            )
    if optional:
        raise TitleError("[ is never closed; write [[ for the sign itself")
    groups.append(("".join(always), tuple(names), False))
    pieces = tuple(group for group in groups if group[0])

    def title(fields: Fields) -> str:
        told = []
        for text, wanted, may_go in pieces:
            values = tuple([fields.get(name) for name in wanted])
            if may_go and None in values:
                continue
            told.append(text % tuple(["" if value is None else value for value in values]))
        return "".join(told).strip()[:LONGEST]

    return title

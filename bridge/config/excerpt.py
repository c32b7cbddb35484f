"""A line of a file as an error may show it: what is, or could be, a secret is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

HIDDEN = "…"
LONGEST = 160

_KEY = re.compile(r"[A-Za-z_][\w.-]*(?=\s*:(\s|$))")
_MARK = re.compile(r"[\s:{}\[\],#&*!|>?\"'-]")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def structure(line: str, column: int) -> tuple[str, int]:
    """Only the keys and punctuation of a line, for faults of the YAML itself, where no value is known to be harmless.

    Returns the excerpt and the column in it that ``column`` (from 1) became.
    """
    return _fitted(_skeleton(line), len(_skeleton(line[: column - 1])) + 1)


def _skeleton(line: str) -> str:
    shown, at, braces, key_may_begin = "", 0, 0, True
    while at < len(line):
        character = line[at]
        key = _KEY.match(line, at) if key_may_begin else None
        if key:
            shown, at, key_may_begin = shown + key[0], key.end(), False
        elif _MARK.match(character):
            shown, at = shown + character, at + 1
            braces += (character == "{") - (character == "}")
            if not character.isspace():
                key_may_begin = (character == "-" and key_may_begin) or (character in "{," and braces > 0)
        else:
            shown, at, key_may_begin = (shown if shown.endswith(HIDDEN) else shown + HIDDEN), at + 1, False
            while at < len(line) and not _MARK.match(line[at]):
                at += 1
    return shown


def excerpt(line: str, column: int, hidden: Iterable[tuple[int, str]] = ()) -> tuple[str, int]:
    """The line with the ``hidden`` values left out, each given by its column (from 1) and its text.

    Returns the excerpt and the column in it that ``column`` became. Raises ValueError when a hidden value is not
    found on the line as it was given: then nothing of this file is safe to show but its ``structure``.
    """
    spans = [_span(line, start - 1, value) for start, value in hidden]
    spans += [found.span() for found in _CREDENTIALS.finditer(line)]
    shown, caret, at = "", 0, 0
    for start, end in [*sorted(spans), (len(line), len(line))]:
        if at <= column - 1 < max(start, at):
            caret = len(shown) + column - at
        shown += line[at : max(start, at)]
        if start < end and at < end:
            if start <= column - 1 < end:
                caret = len(shown) + 1
            shown += HIDDEN
        at = max(at, end)
    return _fitted(shown, caret or len(shown) + 1)


def _span(line: str, start: int, value: str) -> tuple[int, int]:
    """Where a value stands on its line, with its quotes, anchor or tag."""
    rest = line[start:]
    if rest.startswith(value):
        return start, start + len(value)
    if rest[:1] in ("'", '"') and rest[1:].startswith(value) and rest[1 + len(value) : 2 + len(value)] == rest[0]:
        return start, start + len(value) + 2
    raise ValueError("the value is not written on its line as it is read")


def _fitted(shown: str, caret: int) -> tuple[str, int]:
    """Not longer than people read, with the caret still in it."""
    shown = shown.rstrip()
    if len(shown) <= LONGEST:
        return shown, caret
    start = max(0, min(caret - LONGEST // 2, len(shown) - LONGEST))
    return HIDDEN + shown[start : start + LONGEST] + HIDDEN, caret - start + 1


def line_of(lines: Sequence[str], number: int) -> str:
    """Line ``number`` (from 1), "" beyond the end."""
    return lines[number - 1] if 0 < number <= len(lines) else ""

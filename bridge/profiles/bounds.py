"""How much work an expression may be: CEL cannot be interrupted and stops every thread while it runs.

What an expression does is read off its tokens once (``Shape``); before each evaluation the values it looks at are
weighed, and what would take more than ``MOST_WORK`` is not run. The weights are what the cel crate 0.10 was measured to
take on one core, in ns: 300 for an entry of a map, 100 for an element of a list, 1 for a character that is copied, 50
for a token of a comprehension's body, 15,000 for a pattern and 2,000 for each unit of its weight. They are meant to be
too high: what is let through was seen to take 10 ms at most. Without bounds 280 texts of 64 kB added took 2.6 s, 280
lists 3.9 s, ``map`` over 500 elements giving a list of 500 each 10.7 s (it copies what it has built for every element),
``filter`` of 400 maps 0.16 s, ``in`` a list of 1,000 for each of 1,000 0.11 s, a pattern ``\\w{50}`` 10 ms each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from bridge.profiles.lexer import VERBS, Call, Kind, Token, Use

LONGEST_LIST = 1000
MOST_VALUES = 5000
MOST_CHARACTERS = 65536
MOST_WORK = 10_000_000
HEAVIEST_PATTERN = 1500

PER_ENTRY, PER_ELEMENT, PER_TOKEN, PER_PATTERN, PER_PATTERN_WEIGHT = 300, 100, 50, 15_000, 2_000

_BUILDS = frozenset({"map", "filter"})
_CLASS = re.compile(r"\\+[wWdDsSbBpP]")
_COUNT = re.compile(r"\{\s*(\d+)?\s*(?:,\s*(\d*))?\s*\}")


class Shape(msgspec.Struct, frozen=True):
    """``body``: what the comprehension's body uses but its element, as (variable, key of it or None)."""

    joins: int
    patterns: int
    loops: bool
    builds: bool
    tokens: int
    body: frozenset[tuple[str, str | None]]


def shape_of(words: Sequence[Token], used: Sequence[Use], calls: Sequence[Call]) -> Shape:
    """What the expression does. At most one comprehension stands in it."""
    joins = sum(1 for word in words if word.kind is Kind.SIGN and word.text == "+")
    patterns = sum(
        PER_PATTERN + PER_PATTERN_WEIGHT * pattern_weight(words[index + 2].text)
        for index, word in enumerate(words)
        if word.text == "matches" and word.kind is Kind.NAME and words[index + 1].text == "("
    )
    verb = next((call for call in calls if call.method and call.name in VERBS), None)
    if verb is None:
        return Shape(joins, patterns, False, False, 0, frozenset())
    begins = next(index for index, word in enumerate(words) if word.place == verb.place) + 1
    ends = _closing(words, begins)
    element = words[begins + 1].text
    first, last = words[begins].place, words[ends].place
    body = frozenset((use.name, use.member) for use in used if first < use.place < last and use.name != element)
    return Shape(joins, patterns, True, verb.name in _BUILDS, ends - begins, body)


def _closing(words: Sequence[Token], at: int) -> int:
    depth = 0
    for index in range(at, len(words)):
        if words[index].kind is Kind.SIGN:
            depth += (words[index].text in "([{") - (words[index].text in ")]}")
            if depth == 0:
                return index
    return len(words) - 1


def pattern_weight(text: str) -> int:
    """How large a pattern is: a character counts 1, a class of Unicode 100, all times what is counted in braces."""
    times = 1
    for least, most in _COUNT.findall(text):
        times *= max(1, int((most or least or "1")[:6]))
    return min(times * (len(text) + 100 * len(_CLASS.findall(text))), 10**9)


def too_much(shape: Shape, members: Mapping[tuple[str, str | None], object]) -> str | None:
    """Why an expression is not run with these values, None when it may be. ``members``: all that it uses."""
    values, characters, longest, weight, in_body = 0, 0, 0, 0, 0
    for member, top in members.items():
        here = 0
        waiting: list[object] = [top]
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                characters += len(value)
                here += len(value)
            elif isinstance(value, Mapping):
                values += len(value)
                longest = max(longest, len(value))
                here += PER_ENTRY * len(value)
                waiting += value.values()
            elif isinstance(value, list | tuple):
                values += len(value)
                longest = max(longest, len(value))
                here += PER_ELEMENT * len(value)
                waiting += value
            if longest > LONGEST_LIST:
                return f"{longest} elements, and {LONGEST_LIST} is the most it may look at"
            if values > MOST_VALUES or characters > MOST_CHARACTERS:
                return "the values it looks at are too large"
        weight += here
        if member in shape.body:
            in_body += here
    joins = shape.joins + 1
    work = shape.patterns + weight * joins * joins // 2
    if shape.loops:
        result = in_body * joins
        work += longest * (PER_TOKEN * shape.tokens + result + shape.patterns)
        if shape.builds:
            work += longest * (weight + longest * (PER_ELEMENT + result + _built(shape))) // 2
    return None if work <= MOST_WORK else "it would be too much work with values of this size"


def _built(shape: Shape) -> int:
    """What one element of the list it builds weighs at most, but for what it copies."""
    return PER_ELEMENT * max(0, shape.tokens - 12)

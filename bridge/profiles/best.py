"""The best of several: CEL can ask whether one is there, not which is the highest."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.profiles.values import Pick, Seen, number

MOST = 1000
"""Elements that are looked at."""


def best_of(lists: Sequence[Pick], ways: Sequence[tuple[str, ...]]) -> Pick:
    """The element with the highest number at the first of ``ways`` that has one, the first of equals.

    ``lists``: the first of them that is a list with elements counts; a map by itself is a list of one. Elements without
    a number come last.
    """

    def find(seen: Seen) -> object:
        for pick in lists:
            value = pick(seen)
            elements = value[:MOST] if isinstance(value, list) else [value] if isinstance(value, dict) else []
            if elements:
                return max(elements, key=height)
        return None

    def height(element: object) -> float:
        for way in ways:
            value = element
            for key in way:
                value = value.get(key) if isinstance(value, dict) else None
            found = number(value)
            if found is not None:
                return found
        return float("-inf")

    return find

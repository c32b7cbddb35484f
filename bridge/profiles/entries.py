"""One map, many items: each entry that a profile names is an item ``{key, value}``, the whole message its ``outer``.

For devices that tell the state of several things under keys of one document (a leak, a tampered case, a weak battery).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bridge.profiles.decode import MOST_ITEMS, encode
from bridge.profiles.splitting import MOST_OUTER, Around

LONGEST_KEY = 200


class Entries:
    """``of``: the path of the map, () for the message itself. ``keys``: names of entries, ``*`` stands for any text."""

    def __init__(self, of: tuple[str, ...], keys: Sequence[str]) -> None:
        self.of = of
        self._names = frozenset(key for key in keys if "*" not in key)
        patterns = [".*".join(map(re.escape, key.split("*"))) for key in keys if "*" in key]
        self._pattern = re.compile("|".join(patterns), re.DOTALL) if patterns else None

    def found(self, document: dict[str, object]) -> list[dict[str, object]]:
        """The entries as items, in the order of the document; none: the message itself is the item."""
        value: object = document
        for key in self.of:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, dict):
            return []
        names, pattern = self._names, self._pattern
        found = [
            {"key": key, "value": each}
            for key, each in value.items()
            if key in names or (pattern is not None and len(key) <= LONGEST_KEY and pattern.fullmatch(key))
        ]
        return found[: MOST_ITEMS + 1]


def around(document: dict[str, object], raw: bytes | None) -> tuple[Around, bytes, int]:
    """What stands around the entries, their detail (the whole message), and how many of them have it."""
    whole = raw if raw is not None else encode(document)
    shared = Around(document, [], b"", b"", b"", b"", 0, {})
    return shared, whole, max(1, MOST_OUTER // max(len(whole), 1))

"""Documents that stand as text in a document: JSON, or base64 of it, is read and put in its place.

What cannot be read, is no map or list, would be nested too deep where it stands, or would be more values than
``MOST_VALUES`` in all texts of a message, stays the text it is.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence

from bridge.profiles.decode import DEEPEST, MOST_VALUES, is_json, read, too_deep, values_in

_BASE64_OF_JSON = frozenset("eWICD7")
"""What base64 begins with when the bytes begin with a bracket, space or a byte order mark."""

_SPACE = " \t\r\n\x00\ufeff"
_URL_SAFE = str.maketrans("-_", "+/")


class Unwrapper:
    """Unwraps one message after another; ``afresh`` gives the allowance for one."""

    def __init__(self, paths: Sequence[tuple[str, ...]], literal: bool) -> None:
        self.paths = tuple(paths)
        self._literal = literal

    def __bool__(self) -> bool:
        return bool(self.paths)

    def unwrap(self, document: dict[str, object], left: list[int]) -> bool:
        """Put documents in their places; whether there were any. ``left`` holds the values still allowed."""
        changed = False
        for path in self.paths:
            changed |= self._at(document, path, 1, left)
        return changed

    def _at(self, above: object, path: Sequence[str], depth: int, left: list[int]) -> bool:
        key = path[0]
        if key == "[]":
            if not isinstance(above, list):
                return False
            return True in [self._put(above, place, path, depth, left) for place in range(len(above))]
        return isinstance(above, dict) and key in above and self._put(above, key, path, depth, left)

    def _put(
        self,
        above: dict[str, object] | list[object],
        place: str | int,
        path: Sequence[str],
        depth: int,
        left: list[int],
    ) -> bool:
        value = above[place]  # type: ignore[index]
        if len(path) > 1:
            return self._at(value, path[1:], depth + 1, left)
        if not isinstance(value, str):
            return False
        found = self._document(value, depth, left)
        if found is None:
            return False
        above[place] = found  # type: ignore[index]
        return True

    def _document(self, text: str, depth: int, left: list[int]) -> object | None:
        data = wrapped(text)
        if data is None:
            return None
        values = values_in(data)
        if values > left[0]:
            return None
        left[0] -= values
        documents, wrong = read(data, self._literal)
        if wrong or len(documents) != 1 or not isinstance(documents[0], dict | list):
            return None
        return None if too_deep(documents[0], DEEPEST - depth) else documents[0]


def allowance() -> list[int]:
    """What ``unwrap`` may spend on one message."""
    return [MOST_VALUES]


def wrapped(text: str) -> bytes | None:
    """The bytes of a document in a text, when it begins like one."""
    if text[:1] in _BASE64_OF_JSON:
        try:
            data = binascii.a2b_base64(text.translate(_URL_SAFE) + "=" * (-len(text) % 4), strict_mode="\n" not in text)
        except ValueError:
            return None
        return data if is_json(data) else None
    return text.encode("utf-8", "replace") if text[:256].lstrip(_SPACE)[:1] in ("{", "[") else None

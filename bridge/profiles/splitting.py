"""One document, many items: the list at a path is split, and what stands around it stays known as ``outer``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bridge.profiles.decode import encode
from bridge.profiles.xml import ROOT

MOST_OUTER = 1024 * 1024
"""Bytes that the surroundings may have in the details of all items of a document together."""

NOTE = "#outer"
SAID_ONCE = "what stands around this item is told once, with the first item of its message"


class Around(msgspec.Struct):
    """What the items of one document share. ``told`` is a memory for what is read from it only once."""

    outer: dict[str, object]
    elements: list[object]
    before: bytes
    after: bytes
    short_before: bytes
    short_after: bytes
    whole: int
    """So many items, at least one, have all of it in their detail."""
    told: dict[str, object]

    def detail(self, place: int, element: Mapping[str, object]) -> bytes:
        """The document as the device sends it, with a list that holds only this element."""
        if place < self.whole:
            return self.before + encode(element) + self.after
        return self.short_before + encode(element) + self.short_after


def list_at(
    document: dict[str, object], paths: Sequence[tuple[str, ...]]
) -> tuple[tuple[str, ...], list[object]] | None:
    """The first path at which there is a list, and that list.

    Where none is one, the first at which there is a map: it is the one element. XML does not tell one from a list of
    one, and writes a list of none as an empty element.
    """
    single: tuple[tuple[str, ...], list[object]] | None = None
    for path in paths:
        value: object = document
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, list):
            return path, value
        if single is None and (isinstance(value, dict) or (value == "" and ROOT in document)):
            single = path, [value] if value != "" else []
    return single


def around(document: dict[str, object], path: tuple[str, ...], elements: list[object]) -> Around:
    """What stands around the list at ``path``; the document itself is not changed."""
    outer = dict(document)
    level = outer
    for key in path[:-1]:
        below = level[key]
        assert isinstance(below, dict)
        level[key] = level = dict(below)
    del level[path[-1]]
    before, after = _pieces(document, path)
    lean: dict[str, object] = {NOTE: SAID_ONCE}
    level = lean
    for key in path[:-1]:
        level[key] = level = {}
    level[path[-1]] = elements
    short_before, short_after = _pieces(lean, path)
    whole = max(1, MOST_OUTER // (len(before) + len(after)))
    return Around(outer, elements, before, after, short_before, short_after, whole, {})


def _pieces(document: dict[str, object], path: Sequence[str]) -> tuple[bytes, bytes]:
    """The JSON before and after the element of a list of one at ``path``."""
    before, after = bytearray(), b""
    level: object = document
    for key in path:
        assert isinstance(level, dict)
        names = list(level)
        place = names.index(key)
        ahead = encode({name: level[name] for name in names[:place]})[1:-1]
        behind = encode({name: level[name] for name in names[place + 1 :]})[1:-1]
        before += b"{" + ahead + (b"," if ahead else b"") + encode(key) + b":"
        after = (b"," if behind else b"") + behind + b"}" + after
        level = level[key]
    return bytes(before) + b"[", b"]" + after

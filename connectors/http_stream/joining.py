"""Parts → messages: a document, and the pictures that follow it. Pure.

A camera names its pictures in a document and sends them behind it (reference "Other number-plate systems", C2 and D1);
they may be missing, and nothing says that there are no more.
"""

from __future__ import annotations

import re

from bridge.model import Part
from connectors.http_stream.parts import PartStream
from connectors.http_stream.told import Told

WITHOUT_A_BOUNDARY = 0.2
"""Seconds without a byte after which a part that looks complete is taken for it."""


class Joining:
    """Implements ``told.Reading``. ``wait``: seconds a document waits for pictures; 0: none are joined to it.
    ``count``: the element or key of a document that says how many pictures follow, "" where none does."""

    def __init__(self, content_type: str, most: int, wait: float, count: str) -> None:
        self.alive = self.garbage = 0
        self.trouble = ""
        self._parts = PartStream(content_type, most)
        self._most = most
        self._wait = wait
        self._count = re.compile(rb"\b%s\b[\"'\s>:=]{1,16}(\d{1,3})\b" % re.escape(count.encode())) if count else None
        self._group: list[Part] = []
        self._expected: int | None = None
        self._left_out = 0

    @property
    def broken(self) -> bool:
        return self._parts.broken

    @property
    def oversize(self) -> int:
        return self._parts.oversize + self._left_out

    @property
    def cut(self) -> int:
        return self._parts.cut

    @property
    def held(self) -> int:
        return self._parts.held + sum([len(part.data) for part in self._group])

    @property
    def settles_in(self) -> float | None:
        if self._parts.in_a_part:
            return WITHOUT_A_BOUNDARY
        return self._wait if self._group else None

    def feed(self, data: bytes) -> list[Told]:
        return self._take(self._parts.feed(data))

    def settle(self) -> list[Told]:
        if self._parts.in_a_part:
            return self._take(self._parts.settle())
        return self._close()

    def finish(self, clean: bool) -> list[Told]:
        return [*self._take(self._parts.finish(clean)), *self._close()]

    def _take(self, parts: list[Part]) -> list[Told]:
        told: list[Told] = []
        for part in parts:
            self.alive += 1
            if part.data.strip():
                told += self._one(part)
        if self._parts.in_a_part and not self._parts.in_a_picture:
            told += self._close()
        if self._parts.trouble:
            self.trouble, self._parts.trouble = self._parts.trouble, ""
        return told

    def _one(self, part: Part) -> list[Told]:
        if not self._wait:
            return [Told(part.data, part.content_type)]
        if not part.content_type.startswith("image/"):
            told = self._close()
            self._group = [part]
            self._expected = self._expects(part.data)
        elif not self._group:
            self.trouble = "a picture came without a document before it"
            return [Told(part.data, part.content_type)]
        else:
            told = []
            if self._expected is not None:
                self._expected -= 1
            if sum([len(each.data) for each in self._group]) + len(part.data) > self._most:
                self._left_out += 1
                self.trouble = f"a document and its pictures are longer than {self._most} bytes; one is left out"
            else:
                self._group.append(part)
        return [*told, *self._close()] if self._expected == 0 else told

    def _expects(self, document: bytes) -> int | None:
        found = self._count.search(document) if self._count is not None else None
        return None if found is None else int(found[1])

    def _close(self) -> list[Told]:
        group, self._group, self._expected = self._group, [], None
        if len(group) > 1:
            return [Told(content_type="multipart/mixed", parts=tuple(group))]
        return [Told(part.data, part.content_type) for part in group]

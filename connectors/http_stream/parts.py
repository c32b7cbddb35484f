"""An endless multipart body → its parts, one by one as they come. Pure.

Framing of cameras (reference "Other number-plate systems", C2 and D2): the boundary stands with or without quotes in
the Content-Type, and some devices count its two dashes to it; lines end in CRLF or LF; blank lines stand before and
behind boundaries; the closing boundary never comes. A part's Content-Length is right for pictures, and sometimes
missing or wrong for text: a part is cut by its length when a boundary follows there, else at the next boundary. What
follows may come only minutes later, with the next event; so a part that is complete by its length, or by itself, is
given by ``settle`` when nothing came for a moment.
"""

from __future__ import annotations

import re
from enum import Enum

from bridge.model import Part
from connectors.http_stream.whole import is_whole
from connectors.multipart import (
    BOUNDARY_LINE,
    LONGEST_HEADERS,
    SNIFFED,
    declared_boundary,
    headers_at,
    names_in,
    part_of,
)

MOST_WITHOUT = 64 * 1024
"""Bytes without any boundary at the beginning that show a stream to be none of parts."""

_REST = re.compile(rb"--|[ \t]{0,64}\r?\n")
_PART_OF_A_REST = re.compile(rb"-|[ \t]{0,64}\r?")
_BLANK_LINES = re.compile(rb"(?:[ \t]{0,64}\r?\n){1,4}")
_HEADER_FIRST = b"content-"
_MOST_LINE_ENDS = 8
_MOST_SETTLED = 2**20
_LARGE = 256 * 1024
_FEW = 8
"""Tries to take a large part for complete; each may be 6 ms. Then it has to grow by a quarter before the next: a device
that sends a byte now and then must not keep everybody else waiting."""
STILL = 10
"""Calls of ``settle`` in a row without a byte, after which it is tried all the same: what follows may come in hours."""


class _State(Enum):
    BETWEEN = 0
    HEAD = 1
    DATA = 2
    SKIP = 3


class PartStream:
    """``feed`` bytes as they come, ``finish`` when the stream ends.

    ``most``: bytes of the longest part. ``dropped``: bytes that are in no part. For the rest see ``told.Reading``.
    """

    def __init__(self, content_type: str, most: int) -> None:
        self.trouble, self.broken = "", False
        self.oversize = self.cut = self.dropped = 0
        self._most = most
        declared = declared_boundary(content_type)
        self._candidates = [b"--" + declared] if declared else []
        if declared.startswith(b"--"):
            self._candidates.append(declared)
        self._dashes = b""  # the boundary with its dashes, once seen
        self._buffer = bytearray()
        self._start = 0  # of what is not yet understood
        self._at = 0  # no boundary begins before it
        self._state = _State.BETWEEN
        self._length: int | None = None
        self._headers: dict[str, str] = {}
        self._tries = 0  # to settle this part
        self._try_at = 0  # bytes it has to have before the next
        self._settled_at = 0  # bytes that were there the last time
        self._still = 0  # times in a row

    @property
    def held(self) -> int:
        return len(self._buffer)

    @property
    def in_a_part(self) -> bool:
        return self._state is _State.DATA

    @property
    def in_a_picture(self) -> bool:
        return self._state is _State.DATA and self._headers.get("content-type", "").lower().startswith("image/")

    def feed(self, data: bytes) -> list[Part]:
        self._buffer += data
        return self._steps()

    def settle(self) -> list[Part]:
        """The part that is complete by its length or by itself, though no boundary says so yet."""
        if self._state is not _State.DATA:
            return []
        held = len(self._buffer)
        is_long_enough = self._length is not None and held - self._start >= self._length
        self._still = self._still + 1 if held == self._settled_at else 0
        self._settled_at = held
        if held < self._try_at and not is_long_enough and self._still != STILL:
            return []
        self._tries += 1
        self._try_at = held + 1 if self._tries < _FEW or held < _LARGE else held * 5 // 4
        data = bytes(memoryview(self._buffer)[self._start :])
        if self._length is not None and len(data) >= self._length:
            end = self._length
        elif len(data) <= _MOST_SETTLED and is_whole(data):
            end = len(data)
        elif self._length is not None and (line := self._boundary_with_headers(data)) is not None:
            # The length reaches beyond the next boundary: it is wrong.
            self._length, self._at = None, self._start + line
            return self._steps()
        else:
            return []
        found = [self._part(self._start + end)]
        self._between(self._start + end)
        return [*found, *self._steps()]

    def finish(self, clean: bool) -> list[Part]:
        self._try_at = 0
        found = self.settle()
        data = bytes(memoryview(self._buffer)[self._start :])
        if self._state is _State.DATA and data.strip():
            if clean and self._length is None and self._is_text():
                found.append(self._part(self._start + self._without_half_a_boundary(data)))
            else:
                self.cut += 1
                self.trouble = f"the stream ended inside of a part, {len(data)} bytes of which had come"
        elif self._state is _State.HEAD and data.strip():
            self.cut += 1
        self._buffer.clear()
        self._between(0)
        return found

    # ------------------------------------------------------------------------------------------------------- steps

    def _steps(self) -> list[Part]:
        found: list[Part] = []
        while not self.broken and self._step(found):
            pass
        del self._buffer[: self._start]
        self._at = max(0, self._at - self._start)
        self._start = 0
        return found

    def _step(self, found: list[Part]) -> bool:
        """Go on from where the last bytes left off; False when more bytes are needed."""
        if self._state is _State.HEAD:
            return self._head()
        if self._state is _State.DATA:
            return self._data(found)
        return self._look_for_boundary()

    def _look_for_boundary(self) -> bool:
        """Between parts, or behind what is too long: everything up to the next boundary is left out."""
        if not self._dashes:
            self._first_boundary()
        line = self._boundary() if self._dashes else None
        if line is None:
            if self._dashes:
                self._drop_to(self._at - 1)  # whether a line begins there is seen from the byte before
            elif len(self._buffer) > MOST_WITHOUT:
                self.broken = True
                self.trouble = "there is no boundary: it is no stream of parts"
            return False
        begins, ends, last = line
        self._drop_to(begins)
        self._start = self._at = ends
        self._state = _State.BETWEEN if last else _State.HEAD
        return True

    def _first_boundary(self) -> None:
        """Which of what may be the boundary is."""
        seen = [(at, each) for each in self._candidates if (at := self._line_with(each)) is not None]
        if seen:
            self._dashes = min(seen)[1]
            return
        found = BOUNDARY_LINE.search(self._buffer, 0, SNIFFED)
        if found is not None and len(self._buffer) > found.end():
            self._dashes = b"--" + found[1]

    def _line_with(self, dashes: bytes) -> int | None:
        at = -1
        while (at := self._buffer.find(dashes, at + 1)) >= 0:
            if at == 0 or self._buffer[at - 1] == 0x0A:
                return at
        return None

    def _boundary(self) -> tuple[int, int, bool] | None:
        """The next boundary line: where it begins, where what follows it begins, whether it is the closing one; None
        when there is none yet, and then ``_at`` is where to look on."""
        buffer, dashes = self._buffer, self._dashes
        while (at := buffer.find(dashes, self._at)) >= 0:
            end = at + len(dashes)
            if at == self._start or buffer[at - 1] == 0x0A:
                rest = _REST.match(buffer, end)
                if rest is not None:
                    return at, rest.end(), rest[0] == b"--"
                if _PART_OF_A_REST.fullmatch(buffer, end) is not None:
                    self._at = at
                    return None
            self._at = end
        # Half a boundary may stand at the end, and the line end before it belongs to it.
        self._at = max(self._at, self._start, len(buffer) - len(dashes) - 1)
        return None

    def _head(self) -> bool:
        """The part's header lines."""
        head = bytes(memoryview(self._buffer)[self._start : self._start + LONGEST_HEADERS + 256])
        blank = _BLANK_LINES.match(head)
        skipped = 0
        if blank is not None:  # extra line ends behind a boundary, or a part without headers
            after = head[blank.end() : blank.end() + len(_HEADER_FIRST)].lower()
            if after == _HEADER_FIRST:
                skipped = blank.end()
            elif _HEADER_FIRST.startswith(after):
                return False
        headers, end = headers_at(head[skipped:], 0)
        end += skipped
        through = head[skipped:end]
        is_over = through in (b"\n", b"\r\n") or through.endswith((b"\n\n", b"\n\r\n"))
        if not (is_over or b"\n" in head[end:] or len(head) > LONGEST_HEADERS):
            return False
        self._headers = headers
        self._start += end
        self._at = self._start
        self._state = _State.DATA
        self._tries = self._try_at = self._settled_at = self._still = 0
        length = headers.get("content-length", "")
        self._length = int(length) if length.isascii() and length.isdigit() and len(length) <= 12 else None
        if self._length is not None and self._length > self._most and not self._is_text():
            self._leave_out()  # a picture's length is right
        elif self._length is not None and self._length > self._most:
            self._length = None
        return True

    def _data(self, found: list[Part]) -> bool:
        if self._length is not None:
            end = self._start + self._length
            if len(self._buffer) < end:
                return False
            stands = self._stands_at(end)
            if stands is None:
                return False
            if stands:
                found.append(self._part(end))
                self._between(end)
                return True
            self._length = None
        line = self._boundary()
        if line is None:
            if len(self._buffer) - self._start > self._most:
                self._leave_out()
                return True
            return False
        begins, _, _ = line
        stop = begins
        if stop - self._start > self._most + 2:
            self._leave_out()
            return True
        if stop > self._start and self._buffer[stop - 1] == 0x0A:
            stop -= 2 if stop - 1 > self._start and self._buffer[stop - 2] == 0x0D else 1
        found.append(self._part(stop))
        self._between(begins)
        return True

    def _stands_at(self, end: int) -> bool | None:
        """Whether a boundary follows here; None when that cannot be told yet."""
        follows = bytes(memoryview(self._buffer)[end : end + _MOST_LINE_ENDS + len(self._dashes) + 2])
        line = follows.lstrip(b"\r\n")
        if line.startswith(self._dashes):
            return True
        return None if self._dashes.startswith(line) and len(follows) - len(line) <= _MOST_LINE_ENDS else False

    def _without_half_a_boundary(self, data: bytes) -> int:
        """Where the last part ends when the stream ended inside of the boundary behind it."""
        at = data.rfind(b"\n")
        if at < 0 or not data[at + 1 :] or not (self._dashes + b"--").startswith(data[at + 1 :]):
            return len(data)
        return at - (data[at - 1 : at] == b"\r")

    def _boundary_with_headers(self, data: bytes) -> int | None:
        found = re.search(
            rb"\n" + re.escape(self._dashes) + rb"[ \t]{0,64}\r?\n(?:\r?\n){0,4}content-", data, re.IGNORECASE
        )
        return None if found is None else found.start()

    # ------------------------------------------------------------------------------------------------------ outcomes

    def _part(self, end: int) -> Part:
        data = bytes(memoryview(self._buffer)[self._start : end])
        name, filename = names_in(self._headers.get("content-disposition", ""))
        return part_of(data, self._headers.get("content-type", ""), name, filename)

    def _is_text(self) -> bool:
        return not self._headers.get("content-type", "").lower().startswith(("image/", "audio/", "video/"))

    def _between(self, start: int) -> None:
        self._start = self._at = start
        self._state = _State.BETWEEN
        self._length = None

    def _leave_out(self) -> None:
        self.oversize += 1
        self.trouble = f"a part is longer than {self._most} bytes and left out"
        self._state = _State.SKIP
        self._length = None

    def _drop_to(self, end: int) -> None:
        if self._state is _State.BETWEEN:
            self.dropped += len(bytes(memoryview(self._buffer)[self._start : end]).strip())
        self._start = max(self._start, end)
        self._at = max(self._at, self._start)

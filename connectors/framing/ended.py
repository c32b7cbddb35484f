"""Messages that end with agreed bytes, and may begin with some: lines, STX … ETX, receipts. Pure.

What is too long is left out up to its end, and with it nothing else.
"""

from __future__ import annotations

import re

_BETWEEN = b" \t\r\n\0"


class EndFramer:
    """See ``framed.Framed``. With a start, what stands outside of messages is left out and the end of the stream ends
    no message; without one the end of the stream ends the last message too."""

    def __init__(
        self, ends: tuple[bytes, ...], most: int, start: bytes = b"", restart: bool = True, blank: bool = True
    ) -> None:
        """``ends``: all of one length. ``restart``: a start inside a message begins anew. ``blank``: messages of
        nothing but blanks count too."""
        self.garbage = self.dropped = self.oversize = 0
        self.trouble, self.broken = "", False
        self._begins = start
        self._blank = blank
        self._most = most
        self._restart = bool(start) and restart and start not in ends
        marks = (*ends, start) if self._restart else ends
        self._marks = re.compile(b"|".join(re.escape(mark) for mark in marks))
        self._longest = max(len(mark) for mark in marks)
        self._end_length = len(ends[0])
        self._buffer = bytearray()
        self._start = 0  # of the message, or of what is not yet known to be one
        self._at = 0  # no mark begins before it
        self._inside = not start
        self._skipping = False  # what is too long

    @property
    def held(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        found: list[bytes] = []
        while self._step(found):
            pass
        del self._buffer[: self._start]
        self._at -= self._start
        self._start = 0
        return found

    def finish(self) -> list[bytes]:
        rest = bytes(self._buffer)
        whole = not self._begins and not self._skipping and len(rest) <= self._most
        self.oversize += not self._begins and not self._skipping and not whole
        if self._inside and self._begins and rest:
            self.trouble = "the stream ended inside of a message"
        if not self._inside:
            self._drop_outside(len(rest))
        elif not whole:
            self._drop(rest)
        self._buffer.clear()
        self._start = self._at = 0
        return [rest] if whole and rest.strip(_BETWEEN) else []

    def _step(self, found: list[bytes]) -> bool:
        if not self._inside:
            return self._look_for_start()
        buffer = self._buffer
        # Nothing beyond the longest message is looked at, so that what is too long is so however it was cut.
        limit = len(buffer) if self._skipping else self._start + self._most + self._end_length
        mark = self._marks.search(buffer, self._at, limit)
        if mark is None:
            if not self._skipping and len(buffer) >= limit:
                self.oversize += 1
                self.trouble = f"a message is longer than {self._most} bytes and left out"
                self._skipping = True
                self._at = max(self._start, limit - self._longest + 1)
                return True
            self._at = max(self._at, len(buffer) - self._longest + 1)
            if self._skipping:
                self._drop_to(self._at)
            return False
        self._ended(mark, found)
        return True

    def _ended(self, mark: re.Match[bytes], found: list[bytes]) -> None:
        begins = self._restart and mark[0] == self._begins
        if self._skipping:
            self._drop_to(mark.start())
        elif begins:
            if mark.start() > self._start:
                self.trouble = "a message began before the end of the one before it, which is left out"
            self._drop_to(mark.start())
        else:
            message = bytes(memoryview(self._buffer)[self._start : mark.start()])
            if message and (self._blank or message.strip(_BETWEEN)):
                found.append(message)
        self._skipping = False
        self._inside = begins or not self._begins
        self._start = self._at = mark.end()

    def _look_for_start(self) -> bool:
        start = self._buffer.find(self._begins, self._at)
        if start < 0:
            self._at = max(self._at, len(self._buffer) - len(self._begins) + 1)
            self._drop_outside(self._at)
            return False
        self._drop_outside(start)
        self._inside = True
        self._start = self._at = start + len(self._begins)
        return True

    def _drop_outside(self, end: int) -> None:
        before = self.dropped
        self._drop_to(end)
        if self.dropped > before:
            self.trouble = "bytes outside of start and end are left out"

    def _drop_to(self, end: int) -> None:
        self._drop(self._buffer[self._start : end])
        self._start = end

    def _drop(self, data: bytes | bytearray) -> None:
        self.dropped += len(data.translate(None, _BETWEEN))

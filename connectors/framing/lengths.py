"""Messages behind their length: binary, or in decimal digits as RFC 6587 section 3.4.1 counts octets. Pure.

What is too long is left out by its length. A length that cannot be, or is out of all proportion, shows that the place
in the stream is lost; nothing marks the next one, so then nothing more is read.
"""

from __future__ import annotations

from connectors.framing.framings import Length

OUT_OF_PROPORTION = 4
"""A message so many times longer than the longest is no message."""

_DIGITS = 10
_LINE_ENDS = b"\r\n"


class LengthFramer:
    """See ``framed.Framed``."""

    def __init__(self, length: Length, most: int) -> None:
        self.garbage = self.dropped = self.oversize = 0
        self.trouble, self.broken = "", False
        self._length = length
        self._most = most
        self._buffer = bytearray()
        self._start = 0
        self._skip = 0  # of a message that is too long

    @property
    def held(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        if self.broken:
            self.dropped += len(data)
            return []
        self._buffer += data
        found: list[bytes] = []
        while self._step(found):
            pass
        if self.broken:
            self.dropped += len(self._buffer) - self._start
            self._start = len(self._buffer)
        del self._buffer[: self._start]
        self._start = 0
        return found

    def finish(self) -> list[bytes]:
        if self._buffer or self._skip:
            self.trouble = "the stream ended inside of a message"
        self.dropped += len(self._buffer)
        self._buffer.clear()
        return []

    def _step(self, found: list[bytes]) -> bool:
        """Read one message, or what there is of one that is too long; False when more bytes are needed."""
        if self._skip:
            here = min(self._skip, len(self._buffer) - self._start)
            self._start += here
            self._skip -= here
            self.dropped += here
            return not self._skip
        header, length = self._decimal() if self._length.length == "decimal" else self._binary()
        if header < 0:
            return False
        if self._length.counts == "all":
            length -= header
        if length < 0 or length > self._most * OUT_OF_PROPORTION:
            return self._lost("what should be a length is out of all proportion")
        begin = self._start + header
        if length > self._most:
            self.oversize += 1
            self.trouble = f"a message is longer than {self._most} bytes and left out"
            self._start, self._skip = begin, length
            return True
        if len(self._buffer) < begin + length:
            return False
        if length:
            found.append(bytes(memoryview(self._buffer)[begin : begin + length]))
        self._start = begin + length
        return True

    def _binary(self) -> tuple[int, int]:
        """How long the length is and what it says; -1 when it is not here whole."""
        size = self._length.length
        assert isinstance(size, int)
        said = self._buffer[self._start : self._start + size]
        return (size, int.from_bytes(said, self._length.order)) if len(said) == size else (-1, 0)

    def _decimal(self) -> tuple[int, int]:
        buffer, digits = self._buffer, self._length.digits
        while self._start < len(buffer) and buffer[self._start] in _LINE_ENDS:
            self._start += 1  # some senders end what they have counted with a line end they have not
        said = bytes(buffer[self._start : self._start + (digits or _DIGITS + 1)])
        if digits is None:
            said, space, _ = said.partition(b" ")
            whole, header = bool(space), len(said) + 1
        else:
            whole, header = len(said) == digits, digits
        if (whole or said) and (not said.isdigit() or len(said) > _DIGITS):
            self._lost("what should be a length is no number")
            return -1, 0
        return (header, int(said)) if whole else (-1, 0)

    def _lost(self, what: str) -> bool:
        self.broken = True
        self.trouble = f"{what}: the place in the stream is lost, or the framing is another one"
        return False

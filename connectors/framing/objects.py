"""A stream of JSON objects with nothing agreed between them → the objects. Pure.

No delimiter, length or acknowledgement is documented for plate readers that push over TCP (reference "CAMMRA", section
4), so objects are found by their braces, whatever pieces the stream comes in. Byte order marks, line ends, NUL, blanks
and commas between objects are skipped, and so are the brackets of an array of objects. What cannot be JSON is garbage:
it becomes a message of its own, so that it is quarantined and not lost unseen, and the next object is looked for at the
next ``{"``.

Which bytes belong to which message depends on the bytes alone, never on how they were cut.
"""

from __future__ import annotations

import re

GARBAGE_KEPT = 64 * 1024
"""Bytes of one stretch of garbage that are kept; the rest is counted in ``dropped``."""

_DEEPEST = 64
_MOST_NEW_TRIES = 8
_TRIED_AGAIN = 256 * 1024

_MARK = b"\xef\xbb\xbf"
_BETWEEN = re.compile(rb"(?:[\s\0,\[\]]|\xef\xbb\xbf)*+")
_BEGINNING = re.compile(rb'\{\s{0,8}"')
_HALF_A_BEGINNING = re.compile(rb"\{\s{0,8}\Z")
# All that stands between braces but text too long or with escapes. The bytes allowed outside of strings are those of
# numbers, true, false and null: a key or a value without quotes shows that bytes are missing.
_PLAIN = re.compile(rb'(?:[\s:,\[\]0-9+\-.eEtrufalsn]++|"[^"\\]{0,512}+")*+')
_ESCAPED = re.compile(rb"(?:[^\"\\]++|\\[\s\S])*+")
_BEFORE_AN_OBJECT = re.compile(rb"[:,\[]\s*\Z")
_LOOKED_BACK = 64


class Framer:
    """``feed`` bytes as they come, ``finish`` when the stream ends; both give messages in the stream's order.

    ``max_object``: an object longer than so many bytes is garbage. ``garbage``: messages that are none. ``dropped``:
    bytes of garbage not kept.
    """

    def __init__(self, max_object: int) -> None:
        self.garbage = self.dropped = self.oversize = 0
        self.trouble, self.broken = "", False
        self._most = max_object
        self._buffer = bytearray()
        self._start = 0  # of the object, or of what is not yet known to be one
        self._at = 0  # everything before it has been looked at
        self._depth = 0  # 0: between objects
        self._in_string = False
        self._lost = False  # looking for the next beginning
        self._junk = bytearray()
        self._junk_said = False
        self._tries = 0

    @property
    def held(self) -> int:
        """Bytes waiting for the rest of their object."""
        return len(self._buffer) + len(self._junk)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that end in these bytes."""
        self._buffer += data
        found: list[bytes] = []
        while self._step(found):
            pass
        del self._buffer[: self._start]
        self._at -= self._start
        self._start = 0
        return found

    def finish(self) -> list[bytes]:
        """What is left when the stream has ended: an object cut off is garbage."""
        found: list[bytes] = []
        self._discard(len(self._buffer), found)
        self._say_junk(found)
        self._buffer.clear()
        self._start = self._at = self._depth = 0
        self._lost = False
        return found

    # ------------------------------------------------------------------------------------------------------- steps

    def _step(self, found: list[bytes]) -> bool:
        """Go on from where the last bytes left off; False when more bytes are needed."""
        if self._lost:
            return self._look_for_beginning(found)
        if self._depth:
            return self._read_object(found)
        return self._skip_between(found)

    def _skip_between(self, found: list[bytes]) -> bool:
        buffer = self._buffer
        match = _BETWEEN.match(buffer, self._start)
        assert match is not None
        at = self._start = self._at = match.end()
        if at == len(buffer):
            return False
        if buffer[at] == 0x7B:
            self._begin(at)
            return True
        if len(buffer) - at < len(_MARK) and _MARK.startswith(buffer[at:]):
            return False
        self._lost = True
        return True

    def _begin(self, at: int) -> None:
        self._start, self._at = at, at + 1
        self._depth, self._in_string, self._lost = 1, False, False

    def _read_object(self, found: list[bytes]) -> bool:
        buffer = self._buffer
        # Nothing beyond the longest object is looked at, so that what is too long is so however it was cut.
        limit = min(len(buffer), self._start + self._most)
        at, depth = self._at, self._depth
        while at < limit:
            if self._in_string:
                at, closed = self._end_of_string(at, limit)
                if not closed:
                    break
                self._in_string = False
                continue
            match = _PLAIN.match(buffer, at, limit)
            assert match is not None
            at = match.end()
            if at == limit:
                break
            byte = buffer[at]
            if byte == 0x22:
                self._in_string = True
            elif byte == 0x7D:
                depth -= 1
                if not depth:
                    return self._end(at + 1, found)
            elif byte == 0x7B and depth < _DEEPEST and self._may_open(at):
                depth += 1
            else:
                return self._broken(at)
            at += 1
        self._at, self._depth = at, depth
        if limit - self._start < self._most:
            return False
        self._lose(limit)
        return True

    def _end_of_string(self, at: int, limit: int) -> tuple[int, bool]:
        """Behind the closing quote and True; or from where to look for it when more has come, and False."""
        buffer = self._buffer
        quote = buffer.find(b'"', at, limit)
        end = limit if quote < 0 else quote
        escape = buffer.find(b"\\", at, end)
        if escape >= 0:
            match = _ESCAPED.match(buffer, escape, limit)
            assert match is not None
            end = match.end()  # an escape that is cut in two is looked at again as a whole
        return (end + 1, True) if end < limit and buffer[end] == 0x22 else (end, False)

    def _may_open(self, at: int) -> bool:
        """Whether an object may begin here, inside another one."""
        if self._buffer[at - 1] in b":,[":
            return True
        return _BEFORE_AN_OBJECT.search(self._buffer, max(self._start, at - _LOOKED_BACK), at) is not None

    def _end(self, end: int, found: list[bytes]) -> bool:
        self._say_junk(found)
        found.append(bytes(memoryview(self._buffer)[self._start : end]))
        self._start = self._at = end
        self._depth = self._tries = 0
        return True

    # ----------------------------------------------------------------------------------------------------- garbage

    def _broken(self, at: int) -> bool:
        """No JSON has this byte here: perhaps another object begins inside of what began as this one.

        Looking again from its second byte loses nothing; it is done a few times and over a bounded stretch, then the
        search goes on from here.
        """
        self._tries += 1
        self._lose(max(self._start + 1, at - _TRIED_AGAIN) if self._tries <= _MOST_NEW_TRIES else at)
        return True

    def _lose(self, search_from: int) -> None:
        self._lost, self._depth, self._at = True, 0, search_from

    def _look_for_beginning(self, found: list[bytes]) -> bool:
        buffer = self._buffer
        match = _BEGINNING.search(buffer, self._at)
        if match is not None:
            self._discard(match.start(), found)
            self._begin(match.start())
            return True
        half = _HALF_A_BEGINNING.search(buffer, max(self._at, len(buffer) - 9))
        self._at = len(buffer) if half is None else half.start()
        self._discard(self._at, found)
        return False

    def _discard(self, end: int, found: list[bytes]) -> None:
        """Everything up to here is garbage."""
        more = end - self._start
        kept = min(more, GARBAGE_KEPT - len(self._junk))
        self._junk += self._buffer[self._start : self._start + kept]
        self.dropped += more - kept
        self._start = end
        if len(self._junk) == GARBAGE_KEPT and not self._junk_said:
            self._junk_said = True
            self.garbage += 1
            found.append(bytes(self._junk))

    def _say_junk(self, found: list[bytes]) -> None:
        if self._junk and not self._junk_said:
            self.garbage += 1
            found.append(bytes(self._junk))
        self._junk.clear()
        self._junk_said = False

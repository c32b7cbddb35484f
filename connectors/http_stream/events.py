"""Server-sent events (WHATWG HTML, section 9.2 "Server-sent events") → messages. Pure."""

from __future__ import annotations

import re

from connectors.http_stream.told import Told

LONGEST_ID = 1024
"""Bytes of an event's id; with a longer one there is nothing to go on from."""

LONGEST_PAUSE = 600.0
"""Seconds; a server that wants more patience before the next connection is asked again all the same."""

_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n?|\n")


class Events:
    """Implements ``told.Reading``. ``retry``: seconds the server wants to pass before it is asked again, None when it
    did not say. ``last_id``: of all events so far, those without data included; None as long as there was none.

    An event that the end of the stream cuts off is left out, as the standard wants it.
    """

    settles_in = None
    broken = False
    garbage = 0

    def __init__(self, most: int) -> None:
        self.alive = self.oversize = self.cut = 0
        self.trouble = ""
        self.retry: float | None = None
        self.last_id: str | None = None
        self._most = most
        self._buffer = bytearray()
        self._searched = 0
        self._begun = False  # the first line has been seen
        self._after_cr = False
        self._too_long = False  # the line that is being read
        self._left_out = False  # the event that is being read
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""
        self._id: str | None = None

    @property
    def held(self) -> int:
        return len(self._buffer) + self._size

    def feed(self, data: bytes) -> list[Told]:
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        self._buffer += data
        told: list[Told] = []
        start = 0
        while (end := self._line_end(max(start, self._searched))) is not None:
            if self._too_long:
                self._too_long = False
            elif end[0] - start > self._most:
                self._leave_out()
            else:
                self._line(bytes(memoryview(self._buffer)[start : end[0]]), told)
            start = self._searched = end[1]
        self._searched = len(self._buffer)
        if self._searched - start > self._most:
            self._leave_out()
            self._too_long = True
            start = self._searched
        del self._buffer[:start]
        self._searched -= start
        return told

    def settle(self) -> list[Told]:
        return []

    def finish(self, clean: bool) -> list[Told]:
        if self._data or self._buffer.startswith(b"data"):
            self.cut += 1
            self.trouble = "the stream ended inside of an event"
        return []

    def _line_end(self, at: int) -> tuple[int, int] | None:
        """Where the next line ends, and where the one behind it begins. A CR at the end of the bytes ends its line at
        once; if its LF comes, it belongs to it."""
        found = _LINE_END.search(self._buffer, at)
        if found is None:
            return None
        self._after_cr = found[0] == b"\r" and found.end() == len(self._buffer)
        return found.span()

    def _line(self, line: bytes, told: list[Told]) -> None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_MARK)
        if not line:
            self._dispatch(told)
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not name:
            self.alive += 1  # a comment: that is how servers keep a connection alive
        elif name == b"data":
            self._size += len(value) + 1
            if self._size > self._most:
                self._leave_out()
            elif not self._left_out:
                self._data.append(value)
        elif name == b"event":
            self._event = value[:200].decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) < 12:
            self.retry = min(int(value) / 1000, LONGEST_PAUSE)

    def _dispatch(self, told: list[Told]) -> None:
        id, body, event = self._usable_id(), b"\n".join(self._data), self._event
        if id is not None:
            self.last_id = id
        if body and not self._left_out:
            self.alive += 1
            kind = "application/json" if body.lstrip()[:1] in (b"{", b"[") else None
            told.append(Told(body, kind, event="" if event == "message" else event, id=id))
        self._data.clear()
        self._size, self._event, self._id, self._left_out = 0, "", None, False

    def _usable_id(self) -> str | None:
        """The id, when it can be sent in a header; an empty one says that there is nothing to go on from."""
        if self._id is None or len(self._id) > LONGEST_ID or not self._id.isprintable():
            return None
        return self._id

    def _leave_out(self) -> None:
        if not self._left_out:
            self._left_out = True
            self.oversize += 1
            self.trouble = f"an event is longer than {self._most} bytes and left out"
        self._data.clear()
        self._size = 0

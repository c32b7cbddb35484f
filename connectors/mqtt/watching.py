"""What the thread of a session waits for: its socket, and a word from the event loop."""

from __future__ import annotations

import contextlib
import selectors
import socket
from typing import Any


class Watch:
    """``wake`` may be called by any thread, everything else by the one that waits."""

    def __init__(self) -> None:
        self._ears, self._waker = socket.socketpair()
        for each in (self._ears, self._waker):
            each.setblocking(False)
        self._selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._selector.register(self._ears, selectors.EVENT_READ)
        self._wire: Any = None
        self._events = 0

    def wake(self) -> None:
        with contextlib.suppress(OSError):  # it is full of wakings, or closed
            self._waker.send(b"\0")

    def begin(self, wire: Any) -> None:
        """The socket to wait for."""
        self._wire = wire

    def wait(self, reads: bool, writes: bool, seconds: float) -> bool:
        """Until the socket can be read (if that is asked) or written, somebody wakes us, or the time is over; whether
        it can be read."""
        wanted = (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if writes else 0)
        if wanted != self._events:
            if not wanted:
                self._selector.unregister(self._wire)
            elif not self._events:
                self._selector.register(self._wire, wanted)
            else:
                self._selector.modify(self._wire, wanted)
            self._events = wanted
        readable = False
        for key, events in self._selector.select(seconds):
            if key.fileobj is self._ears:
                self._ears.recv(4096)
            else:
                readable = bool(events & selectors.EVENT_READ)
        return readable

    def close(self) -> None:
        self._selector.close()
        self._ears.close()
        self._waker.close()

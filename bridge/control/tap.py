"""Watching a running service: every decision and every settled delivery as a JSON line, to whoever listens now.

A listener that reads too slowly loses lines, never the service time: each has a bounded queue, and what it missed is
counted and told in a line of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from bridge.control import records
from bridge.journal.contract import LaneHead
from bridge.model import Decision, Outcome

LINES = 1000
"""Lines kept for one listener that is behind."""


class _Listener:
    def __init__(self, limit: int) -> None:
        self._lines: deque[bytes] = deque()
        self._limit = limit
        self._dropped = 0
        self._something = asyncio.Event()
        self._closed = False

    def put(self, line: bytes) -> None:
        if len(self._lines) >= self._limit:
            self._dropped += 1
            return
        self._lines.append(line)
        self._something.set()

    def close(self) -> None:
        self._closed = True
        self._something.set()

    async def lines(self) -> AsyncIterator[bytes]:
        while True:
            while self._lines:
                yield self._lines.popleft()
            if self._dropped:  # told where the gap is: after the lines that were kept, before those to come
                dropped, self._dropped = self._dropped, 0
                yield records.line({"what": "dropped", "lines": dropped})
                continue
            if self._closed:
                return
            self._something.clear()
            await self._something.wait()


class Tap:
    """An observer of the service. Costs nothing while nobody listens."""

    def __init__(self, lines: int = LINES, listeners: int = 16) -> None:
        """``lines``: kept per listener; ``listeners``: at once."""
        self._limit = lines
        self._room = listeners
        self._listeners: set[_Listener] = set()
        self._closed = False

    def decided(self, decision: Decision) -> None:
        if self._listeners:
            self._put(records.line(records.of_decision(decision)))

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        if self._listeners:
            self._put(records.line(records.of_settled(head, outcome)))

    def _put(self, line: bytes) -> None:
        for listener in self._listeners:
            listener.put(line)

    @property
    def full(self) -> bool:
        """No room for another listener."""
        return len(self._listeners) >= self._room

    @contextmanager
    def listen(self) -> Iterator[AsyncIterator[bytes]]:
        """Lines from now on; they end when the tap is closed."""
        listener = _Listener(self._limit)
        self._listeners.add(listener)
        if self._closed:
            listener.close()
        try:
            yield listener.lines()
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """End every listener's lines, those of later listeners too."""
        self._closed = True
        for listener in self._listeners:
            listener.close()

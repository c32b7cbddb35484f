"""One who listens to a running service: a queue with a limit. Who reads too slowly loses lines, never the service time;
what was lost is counted and told in a line of its own, where the gap is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from bridge.control import records

LINES = 1000
BYTES = 32 * 2**20
"""Kept for one listener that is behind."""


class Listener:
    def __init__(self, lines: int = LINES, size: int = BYTES) -> None:
        self._lines: deque[bytes] = deque()
        self._most = lines
        self._most_bytes = size
        self._size = 0
        self._dropped = 0
        self._something = asyncio.Event()
        self._closed = False

    def put(self, line: bytes) -> None:
        if len(self._lines) >= self._most or (self._lines and self._size + len(line) > self._most_bytes):
            self._dropped += 1
            return
        self._lines.append(line)
        self._size += len(line)
        self._something.set()

    def close(self) -> None:
        self._closed = True
        self._something.set()

    async def lines(self) -> AsyncIterator[bytes]:
        while True:
            while self._lines:
                line = self._lines.popleft()
                self._size -= len(line)
                yield line
            if self._dropped:  # told where the gap is: after the lines that were kept, before those to come
                dropped, self._dropped = self._dropped, 0
                yield records.line({"what": "dropped", "lines": dropped})
                continue
            if self._closed:
                return
            self._something.clear()
            await self._something.wait()

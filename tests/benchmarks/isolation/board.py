"""The VMS of the healthy: takes webhooks and notes when each came, by what the event says."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from tests.benchmarks.peers import Exchange

_NUMBER = re.compile(rb'"P(\d{7})"|"n-(\d+)"')
_POINT = re.compile(rb'"id":"point-(\d+)-(\d+)"')
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Board:
    """``arrived``: number of a message → monotonic seconds of its first arrival; ``on_point``: told of each change of a
    point, by device and point."""

    def __init__(self) -> None:
        self.arrived: dict[int, float] = {}
        self.on_point: Callable[[int, int], None] = lambda device, point: None
        self.port = 0

    async def open(self) -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Taking(self), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]


class _Taking(Exchange):
    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board

    def message(self, head: bytes, body: bytes) -> None:
        point = _POINT.search(body)
        if point is not None:
            self._board.on_point(int(point[1]), int(point[2]))
        else:
            found = _NUMBER.search(body)
            if found is not None:
                self._board.arrived.setdefault(int(found[1] or found[2]), time.monotonic())
        if self.transport is not None:
            self.transport.write(_ANSWER)

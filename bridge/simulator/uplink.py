"""How a simulated reader sends: over HTTP until acknowledged, over TCP into the dark."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol, cast

import msgspec

from bridge.simulator.http_client import Cut, HttpClient, Reply
from bridge.simulator.issued import Issued, Log

AGAIN = 0.2
"""Seconds until a reader tries again what was not taken."""
DARK = 3.0
"""Seconds before a TCP connection broke in which what was written may not have been read."""


class Outgoing(msgspec.Struct):
    """``issued``: what the ledger knows of it, one for each thing it tells of."""

    data: bytes
    issued: tuple[Issued, ...]


class Uplink(Protocol):
    def put(self, outgoing: Outgoing) -> None: ...

    async def run(self) -> None:
        """Send what is put, in order, until cancelled."""

    async def drained(self, seconds: float) -> bool:
        """Wait until nothing is left to send, so long at most."""

    def close(self) -> None: ...


class _Queue:
    """What waits to be sent, and a bell for who waits for it to come or go."""

    def __init__(self, limit: int) -> None:
        self.waiting: deque[Outgoing] = deque()
        self.filled = asyncio.Event()
        self.empty = asyncio.Event()
        self.empty.set()
        self._limit = limit

    def put(self, outgoing: Outgoing) -> None:
        if len(self.waiting) >= self._limit:
            self.waiting.popleft()  # as the reader's own buffer does: the oldest goes
        self.waiting.append(outgoing)
        self.filled.set()
        self.empty.clear()

    def done(self, outgoing: Outgoing) -> None:
        """This one need not be sent any more."""
        if self.waiting and self.waiting[0] is outgoing:
            self.waiting.popleft()
        if not self.waiting:
            self.filled.clear()
            self.empty.set()

    async def first(self) -> Outgoing:
        await self.filled.wait()
        return self.waiting[0]

    async def drained(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.empty.wait()
        except TimeoutError:
            return False
        return True


class HttpUplink:
    """One message at a time, again until a 2xx; order is kept unless the reader's buffer has other ideas.

    ``buffer`` False: one try each. ``newest_first``, ``twice``: after an outage what had piled up is sent in that
    way, as readers were seen to do.
    """

    def __init__(
        self,
        host: str,
        port: int,
        log: Log,
        *,
        timeout: float = 10.0,
        buffer: bool = True,
        limit: int = 100_000,
        newest_first: bool = False,
        twice: bool = False,
        keep_latencies: bool = False,
    ) -> None:
        self._client = HttpClient(host, port, timeout=timeout)
        self._log = log
        self._buffer = buffer
        self._newest_first = newest_first
        self._twice = twice
        self._keep_latencies = keep_latencies
        self._queue = _Queue(limit)

    def put(self, outgoing: Outgoing) -> None:
        self._queue.put(outgoing)

    async def run(self) -> None:
        failed = False
        while True:
            outgoing = await self._queue.first()
            reply = await self.send(outgoing)
            if reply is not None and reply.taken:
                self._queue.done(outgoing)
                if failed:
                    self._replay()
                failed = False
            elif not self._buffer:
                self._queue.done(outgoing)
            else:
                failed = True
                await asyncio.sleep(max(AGAIN, min(reply.retry_after, 5.0) if reply is not None else 0.0))

    async def send(self, outgoing: Outgoing) -> Reply | None:
        """One try; what became of it is written into the log. None: no answer."""
        self._log.sent += 1
        began = time.perf_counter()
        for issued in outgoing.issued:
            issued.attempts += 1
            issued.unsure = not issued.acknowledged
        try:
            reply = await self._client.send(outgoing.data)
        except Cut:
            self._log.cut += 1
            return None
        if not reply.taken:
            self._log.refused += 1
        elif self._keep_latencies:
            self._log.latencies.append(time.perf_counter() - began)
        for issued in outgoing.issued:
            issued.status = reply.status
            issued.acknowledged = issued.acknowledged or reply.taken
            issued.unsure = not issued.acknowledged and issued.attempts > 1
        return reply

    async def once(self, request: bytes) -> Reply | None:
        """Send something that is not an event and is not missed."""
        self._log.sent += 1
        try:
            return await self._client.send(request)
        except Cut:
            self._log.cut += 1
            return None

    def _replay(self) -> None:
        """The outage is over: turn what piled up into what the reader's buffer makes of it."""
        waiting = list(self._queue.waiting)
        if self._newest_first:
            waiting.reverse()
        if self._twice:
            waiting = [outgoing for outgoing in waiting for _ in range(2)]
        self._queue.waiting.clear()
        self._queue.waiting.extend(waiting)

    async def drained(self, seconds: float) -> bool:
        return await self._queue.drained(seconds)

    def close(self) -> None:
        self._client.close()


class TcpUplink:
    """Objects back to back on one connection, no acknowledgement asked or read.

    What was written less than ``DARK`` seconds before the connection broke is unsure, while the log excuses that; what
    was not written yet goes out on the next one. ``split``: bytes per write, 0 for whole objects.
    """

    def __init__(self, host: str, port: int, log: Log, *, split: int = 0) -> None:
        self._host = host
        self._port = port
        self._log = log
        self._split = split
        self._queue = _Queue(1_000_000)
        self._line: _Line | None = None
        self._recent: deque[tuple[float, Issued]] = deque()
        self.connects = 0
        self.broken: set[int] = set()
        """Which of its connections, counted from 1, the other side ended."""

    def put(self, outgoing: Outgoing) -> None:
        self._queue.put(outgoing)

    async def run(self) -> None:
        while True:
            outgoing = await self._queue.first()
            line = self._line
            if line is None or not line.up:
                line = await self._connect()
                continue
            self._write(line, outgoing)
            self._queue.done(outgoing)
            await line.writable.wait()

    def _write(self, line: _Line, outgoing: Outgoing) -> None:
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - DARK:
            self._recent.popleft()
        for issued in outgoing.issued:
            self._recent.append((now, issued))
            issued.written, issued.connection = True, self.connects
            issued.attempts += 1
        self._log.sent += 1
        data, step = outgoing.data, self._split or len(outgoing.data)
        for at in range(0, len(data), step):
            line.write(data[at : at + step])

    async def _connect(self) -> _Line | None:
        self._line = None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(5):
                _, self._line = await loop.create_connection(lambda: _Line(self._broken), self._host, self._port)
            self.connects += 1
        except (OSError, TimeoutError):
            self._log.cut += 1
            await asyncio.sleep(AGAIN)
        return self._line

    def _broken(self) -> None:
        self._log.cut += 1
        self.broken.add(self.connects)
        if not self._log.excuse_cuts:
            return
        now = time.monotonic()
        for written, issued in self._recent:
            if written >= now - DARK:
                issued.unsure = True
        self._recent.clear()

    async def drained(self, seconds: float) -> bool:
        return await self._queue.drained(seconds)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()


class _Line(asyncio.Protocol):
    def __init__(self, broken: _Told) -> None:
        self._told_broken = broken
        self._transport: asyncio.Transport | None = None
        self._closed_by_us = False
        self.writable = asyncio.Event()
        self.writable.set()

    @property
    def up(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        self._closed_by_us = True
        if self._transport is not None:
            self._transport.close()  # FIN after what is still to be written

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.writable.set()
        if not self._closed_by_us:
            self._told_broken()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()


class _Told(Protocol):
    def __call__(self) -> None: ...

"""Listens on a bound socket, keeps its connections within their limits, and stops in order."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections import Counter
from collections.abc import Coroutine

import msgspec

from bridge.asgi.connection import Connection
from bridge.asgi.exchange import Application, Exchange
from bridge.asgi.handshakes import Handshakes

LOOK_EVERY = 1.0
"""Seconds between two looks at connections that are slow or rest; none while there are no connections."""
BACKLOG = 1024
TURNS_TO_WELCOME = 3
"""Turns of the loop between accepting a connection and its ``connection_made`` (CPython's ``selector_events``), and one
more."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """``connections``: at once. ``head``: bytes of a request's head. ``slow``: seconds in which a handshake must have
    ended, and then a head have come; ``idle``: seconds a connection may rest between two requests; ``unread``: seconds
    a client may leave answers unread when no more of them can be written."""

    connections: int = 256
    head: int = 64 * 1024
    slow: float = 30.0
    idle: float = 30.0
    unread: float = math.inf


class Server:
    """``counts``: connections that ended without a request, by reason. ``crowded``: what one too many is told."""

    def __init__(
        self, application: Application, limits: Limits, counts: Counter[str] | None = None, crowded: bytes = b""
    ) -> None:
        self.application = application
        self.limits = limits
        self.counts: Counter[str] = counts if counts is not None else Counter()
        self.crowded = crowded
        self.closing = False
        self.loop: asyncio.AbstractEventLoop
        self._server: asyncio.Server | None = None
        self._handshakes: Handshakes | None = None
        self._connections: set[Connection] = set()
        self._places: Counter[str] = Counter()  # how many of them each client has
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.TimerHandle | None = None

    async def start(self, listener: socket.socket, context: ssl.SSLContext | None = None) -> None:
        """Accept on ``listener``, which is bound and does not block."""
        self.loop = asyncio.get_running_loop()
        if context is None:
            self._server = await self.loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)
        else:
            self._handshakes = Handshakes(self, listener, context)
            self._handshakes.start(BACKLOG)

    async def finish(self, bound: float) -> None:
        """Accept nothing more, let requests under way be answered within ``bound`` seconds, end the others."""
        self.closing = True
        for connection in list(self._connections):
            if connection.at_work:
                connection.end()
        if self._server is not None:
            await self._accept_no_more(self._server)
        if self._handshakes is not None:
            await self._handshakes.close()
        for connection in list(self._connections):  # and whoever rests: who sees that end finds nobody listening
            connection.end()
        try:
            if self._tasks:
                await asyncio.wait(tuple(self._tasks), timeout=bound)
        finally:
            for task in tuple(self._tasks):
                task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=1.0)
        for connection in list(self._connections):
            connection.close()
        if self._looking is not None:
            self._looking.cancel()
        await asyncio.sleep(0)  # what was written last leaves before the loop may end
        for connection in list(self._connections):
            connection.abort()

    async def _accept_no_more(self, server: asyncio.Server) -> None:
        """A connection that has been accepted just now becomes one of ours first: asyncio drops it without closing it
        when its server is closed meanwhile, and its sender would wait for an answer until its own time-out."""
        for listener in server.sockets:
            self.loop.remove_reader(listener.fileno())
        for _ in range(TURNS_TO_WELCOME):
            await asyncio.sleep(0)
        server.close()

    # -------------------------------------------------------------------------------------------- for connections

    def welcome(self, connection: Connection) -> bool:
        """Whether there is room for it. Where all places are taken, the client with most of them gives one to a client
        with fewer: that of its connections which has been without a whole request longest."""
        self._connections.add(connection)
        self._places[connection.peer] += 1
        if len(self._connections) > self.limits.connections:
            self.counts["crowded"] += 1
            if not self._make_room(connection.peer):
                return False
        if self._looking is None:
            self._looking = self.loop.call_later(LOOK_EVERY, self._look)
        return True

    def _make_room(self, peer: str) -> bool:
        crowd = max(self._places, key=self._places.__getitem__)  # a flood comes here for each of its connections
        if self._places[crowd] <= self._places[peer]:
            return False
        giving = [each for each in self._connections if each.peer == crowd and each.gives_way]
        if not giving:
            return False
        longest = min(giving, key=lambda each: each.since)
        self.farewell(longest)
        longest.close()
        return True

    def farewell(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        self._places[connection.peer] -= 1
        if not self._places[connection.peer]:
            del self._places[connection.peer]

    def answer(self, connection: Connection, exchange: Exchange) -> None:
        self.own(connection.answered(exchange))

    def own(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _look(self) -> None:
        """End connections that have rested too long, whose head does not come or whose answers nobody reads."""
        now = self.loop.time()
        for connection in list(self._connections):
            if connection.unread:
                if now - connection.since >= self.limits.unread:
                    self.counts["unread"] += 1
                    connection.abort()
                continue
            if connection.at_work:
                continue
            if connection.resting:
                if now - connection.since >= self.limits.idle:
                    connection.close()
            elif now - connection.since >= self.limits.slow:
                self.counts["too slow"] += 1
                connection.close()
        self._looking = self.loop.call_later(LOOK_EVERY, self._look) if self._connections else None

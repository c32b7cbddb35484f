"""The connections to one origin: how many requests may be on their way, and which connections wait for the next."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from bridge.vms.http.answer import NotSent
from bridge.vms.http.connection import Connection


class Pool:
    """``limit``: requests in flight at most; ``reserved`` of these only urgent ones may use, which also wait ahead."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int, reserved: int) -> None:
        self._loop = loop
        self._limit = limit
        self._ordinary_limit = max(1, limit - reserved)
        self._in_flight = 0
        self._ordinary = 0
        self._idle: list[Connection] = []  # the one used last is taken first, so that the others may go
        self._urgent_waiting: deque[asyncio.Future[None]] = deque()
        self._ordinary_waiting: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None

    # ----------------------------------------------------------------------------------------------- permission to send

    def enter(self, urgent: bool) -> bool:
        """Take a place if there is one; give it back with ``leave``."""
        if self._in_flight >= self._limit or (not urgent and self._ordinary >= self._ordinary_limit):
            return False
        self._in_flight += 1
        if not urgent:
            self._ordinary += 1
        return True

    async def wait(self, urgent: bool, seconds: float) -> None:
        """Wait for a place. Raises NotSent when none came free in time."""
        queue = self._urgent_waiting if urgent else self._ordinary_waiting
        turn: asyncio.Future[None] = self._loop.create_future()
        queue.append(turn)
        timer = self._loop.call_later(seconds, _give_up, turn, seconds)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave(urgent)  # the place came in the same moment
            raise
        finally:
            timer.cancel()
            with suppress(ValueError):  # it is out of the queue already when its turn came
                queue.remove(turn)

    def leave(self, urgent: bool) -> None:
        """Give a place back, to whoever waits for one."""
        self._in_flight -= 1
        if not urgent:
            self._ordinary -= 1
        if self._urgent_waiting:
            self._let_in(self._urgent_waiting, True)
        if self._ordinary_waiting:
            self._let_in(self._ordinary_waiting, False)

    def _let_in(self, queue: deque[asyncio.Future[None]], urgent: bool) -> None:
        while queue:
            if queue[0].done():
                queue.popleft()
            elif self.enter(urgent):
                queue.popleft().set_result(None)
            else:
                return

    # ------------------------------------------------------------------------------------------------------ connections

    def reuse(self) -> Connection | None:
        """A connection that is open as far as can be known before writing, if there is one."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.idle_since < connection.keep_alive and not connection.closed_meanwhile():
                return connection
            connection.close()
        return None

    def keep(self, connection: Connection) -> None:
        """Keep an answered connection for the next request."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(connection.keep_alive + 0.01, self._drop_old)

    def _drop_old(self) -> None:
        self._sweep = None
        now = self._loop.time()
        young = []
        for connection in self._idle:
            if connection.reusable and now - connection.idle_since < connection.keep_alive:
                young.append(connection)
            else:
                connection.close()
        self._idle = young
        if young:
            due = min(connection.idle_since + connection.keep_alive for connection in young)
            self._sweep = self._loop.call_later(due - now + 0.01, self._drop_old)

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def empty(self) -> bool:
        return not self._idle and not self._in_flight

    def close(self) -> None:
        """Close what is idle and send home who waits; what is in flight ends with its request."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in self._idle:
            connection.close()
        self._idle = []
        for queue in (self._urgent_waiting, self._ordinary_waiting):
            for turn in queue:
                if not turn.done():
                    turn.set_exception(NotSent("the sender was closed", busy=True))
            queue.clear()


def _give_up(turn: asyncio.Future[None], seconds: float) -> None:
    if not turn.done():
        turn.set_exception(NotSent(f"all connections were in use for {round(seconds, 1):g} s", busy=True))

"""A simulated VMS having a bad day: what becomes of a request that meets a fault, the same for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from bridge.simulator.faults import Fault, Faults, Kind
from bridge.simulator.http_server import Answer, Asked, Connection

_PROXY_PAGE = b"<html><body>502 Bad Gateway</body></html>"


class BadDay:
    """``faults``: those that are to come. ``body``: what this VMS says with a status, where it says anything."""

    def __init__(self, faults: Faults, body: Mapping[int, bytes] | None = None) -> None:
        self._faults = faults
        self._body = body or {}
        self._later: set[asyncio.TimerHandle] = set()

    def respond(
        self,
        asked: Asked,
        connection: Connection,
        work: Callable[[], Answer],
        fail: Callable[[], Answer] | None = None,
    ) -> None:
        """Answer, now or later, or cut. ``work``: does what was asked. ``fail``: what a server error is here, where it
        is not one that does nothing."""
        fault = self._faults.pick(asked.method, asked.path)
        if fault is None:
            connection.answer(work())
            return
        match fault.kind:
            case Kind.CUT_BEFORE:
                connection.cut()
            case Kind.CUT_AFTER:
                work()
                connection.cut()
            case Kind.SLOW | Kind.LATE_COMMIT:
                self._after(fault.seconds, lambda: connection.answer(work()))
            case Kind.LATE_ANSWER:
                answer = work()
                self._after(fault.seconds, lambda: connection.answer(answer))
            case Kind.SERVER_ERROR if fail is not None:
                connection.answer(fail())
            case _:
                connection.answer(self._refusal(fault))

    def end(self) -> None:
        """What was to be answered later is not."""
        for handle in self._later:
            handle.cancel()
        self._later.clear()

    def _refusal(self, fault: Fault) -> Answer:
        wait = (("Retry-After", str(round(fault.seconds))),)
        match fault.kind:
            case Kind.UNAUTHORIZED:
                return Answer(401, self._body.get(401, b""))
            case Kind.THROTTLED:
                return Answer(429, headers=wait)
            case Kind.UNAVAILABLE:
                return Answer(503, headers=wait)
            case Kind.BAD_GATEWAY:
                return Answer(502, _PROXY_PAGE, "text/html")
            case _:
                return Answer(500, self._body.get(500, b""))

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)

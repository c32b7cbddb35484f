"""A simulated Frigate: one of its two ports, on demand having a bad day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from types import TracebackType

from bridge.simulator.frigate.api import Api, Users
from bridge.simulator.frigate.events import Camera, Event, Table
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.vxg.faults import Faults, Kind

CAMERAS = ("loading_dock", "front_gate", "boiler_room")


class SimulatedFrigate:
    """``async with SimulatedFrigate() as frigate: … frigate.base_url, frigate.events``.

    ``base``: a path before ``/api``, as a proxy may put there. ``now``: the clock of its events, epoch seconds.
    """

    def __init__(
        self,
        *,
        cameras: Iterable[str] = CAMERAS,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        base: str = "",
        record_bytes: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.cameras = {name: Camera() for name in cameras}
        self.table = Table(self.cameras, now, seed)
        self.users = Users()
        self.api = Api(self.table, self.users, base)
        self.faults = Faults(seed)
        self.server = HttpServer(self._respond, host=host, port=port, keep_heads=record_bytes)
        self.asked: list[Asked] = []
        self._base = base
        self._later: set[asyncio.TimerHandle] = set()

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}{self._base}"

    @property
    def events(self) -> list[Event]:
        """Also those that are not visible yet, in the order of their creation."""
        return list(self.table.rows.values())

    async def __aenter__(self) -> SimulatedFrigate:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._later:
            handle.cancel()
        await self.server.stop()

    def _respond(self, asked: Asked, connection: Connection) -> None:
        self.asked.append(asked)
        fault = self.faults.pick(asked.method, asked.path)
        if fault is None:
            connection.answer(self.api.answer(asked))
            return
        match fault.kind:
            case Kind.CUT_BEFORE:
                connection.cut()
            case Kind.CUT_AFTER:
                self.api.answer(asked)
                connection.cut()
            case Kind.SLOW | Kind.LATE_COMMIT:
                self._after(fault.seconds, lambda: connection.answer(self.api.answer(asked)))
            case Kind.LATE_ANSWER:
                answer = self.api.answer(asked)
                self._after(fault.seconds, lambda: connection.answer(answer))
            case Kind.UNAUTHORIZED:
                connection.answer(Answer(401, b'{"message":"Unauthorized"}'))
            case Kind.THROTTLED:
                connection.answer(Answer(429, headers=(("Retry-After", str(round(fault.seconds))),)))
            case Kind.SERVER_ERROR:
                connection.answer(Answer(500, b'{"success":false,"message":"An unknown error occurred"}'))
            case Kind.UNAVAILABLE:
                connection.answer(Answer(503, headers=(("Retry-After", str(round(fault.seconds))),)))
            case Kind.BAD_GATEWAY:
                connection.answer(Answer(502, b"<html><body>502 Bad Gateway</body></html>", "text/html"))

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)

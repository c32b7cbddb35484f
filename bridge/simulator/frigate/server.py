"""A simulated Frigate: one of its two ports, on demand having a bad day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import TracebackType

from bridge.simulator.bad_day import BadDay
from bridge.simulator.frigate.api import Api, Users
from bridge.simulator.frigate.events import Camera, Event, Table
from bridge.simulator.http_server import Asked, Connection, HttpServer
from bridge.simulator.vxg.faults import Faults

CAMERAS = ("loading_dock", "front_gate", "boiler_room")


FAILED = {
    401: b'{"message":"Unauthorized"}',
    500: b'{"success":false,"message":"An unknown error occurred"}',
}


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
        self._day = BadDay(self.faults, FAILED)
        self.server = HttpServer(self._respond, host=host, port=port, keep_heads=record_bytes)
        self.asked: list[Asked] = []
        self._base = base

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
        self._day.end()
        await self.server.stop()

    def _respond(self, asked: Asked, connection: Connection) -> None:
        self.asked.append(asked)
        self._day.respond(asked, connection, lambda: self.api.answer(asked))

"""A simulated Frigate: one of its two ports, on demand having a bad day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from bridge.simulator.frigate.api import Api, Users
from bridge.simulator.frigate.events import Camera, Event, Table
from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.simulated import Simulated

CAMERAS = ("loading_dock", "front_gate", "boiler_room")


FAILED = {
    401: b'{"message":"Unauthorized"}',
    500: b'{"success":false,"message":"An unknown error occurred"}',
}


class SimulatedFrigate(Simulated):
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
        super().__init__(host, port, seed, base=base, failed=FAILED, record_bytes=record_bytes)

    @property
    def events(self) -> list[Event]:
        """Also those that are not visible yet, in the order of their creation."""
        return list(self.table.rows.values())

    def _answer(self, asked: Asked) -> Answer:
        return self.api.answer(asked)

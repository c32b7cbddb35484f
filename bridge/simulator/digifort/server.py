"""A simulated Digifort server with two cameras and a global event for each; on demand having a bad day."""

from __future__ import annotations

import time
from collections.abc import Callable

from bridge.simulator.digifort.api import Api, Triggered, Users
from bridge.simulator.http_server import Answer, Asked, Connection
from bridge.simulator.simulated import Simulated

CAMERAS = {"CAM01": "Dock 1", "CAM02": "Gate"}
EVENTS = ("Bridge-CAM01", "Bridge-CAM02", "Bridge-CAM01-Fire")


class SimulatedDigifort(Simulated):
    """``async with SimulatedDigifort() as digifort: … digifort.base_url, digifort.triggered``."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, seed: int = 1, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.api = Api(list(EVENTS), dict(CAMERAS), now)
        super().__init__(host, port, seed)
        self.on_triggered: Callable[[Triggered], None] | None = None
        """Told of each trigger as it is fired."""

    @property
    def triggered(self) -> list[Triggered]:
        return self.api.triggered

    @property
    def users(self) -> Users:
        return self.api.users

    def _respond(self, asked: Asked, connection: Connection) -> None:
        self.asked.append(asked)
        # As a server does that has done it and says 500 all the same.
        self._day.respond(asked, connection, lambda: self._answer(asked), lambda: Answer(500, self._answer(asked).body))

    def _answer(self, asked: Asked) -> Answer:
        before = len(self.triggered)
        answer = self.api.answer(asked)
        if self.on_triggered is not None:
            for each in self.triggered[before:]:
                self.on_triggered(each)
        return answer

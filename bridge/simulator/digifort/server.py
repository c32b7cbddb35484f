"""A simulated Digifort server with two cameras and a global event for each; on demand having a bad day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType

from bridge.simulator.digifort.api import Api, Triggered, Users
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.vxg.faults import Faults, Kind

CAMERAS = {"CAM01": "Dock 1", "CAM02": "Gate"}
EVENTS = ("Bridge-CAM01", "Bridge-CAM02", "Bridge-CAM01-Fire")


class SimulatedDigifort:
    """``async with SimulatedDigifort() as digifort: … digifort.base_url, digifort.triggered``."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, seed: int = 1, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.api = Api(list(EVENTS), dict(CAMERAS), now)
        self.faults = Faults(seed)
        self.server = HttpServer(self._respond, host=host, port=port)
        self.asked: list[Asked] = []
        self._later: set[asyncio.TimerHandle] = set()
        self.on_triggered: Callable[[Triggered], None] | None = None
        """Told of each trigger as it is fired."""

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

    @property
    def triggered(self) -> list[Triggered]:
        return self.api.triggered

    @property
    def users(self) -> Users:
        return self.api.users

    async def __aenter__(self) -> SimulatedDigifort:
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
            connection.answer(self._answer(asked))
            return
        wait = (("Retry-After", str(round(fault.seconds))),)
        match fault.kind:
            case Kind.CUT_BEFORE:
                connection.cut()
            case Kind.CUT_AFTER:
                self._answer(asked)
                connection.cut()
            case Kind.SLOW | Kind.LATE_COMMIT:
                self._after(fault.seconds, lambda: connection.answer(self._answer(asked)))
            case Kind.LATE_ANSWER:
                answer = self._answer(asked)
                self._after(fault.seconds, lambda: connection.answer(answer))
            case Kind.UNAUTHORIZED:
                connection.answer(Answer(401))
            case Kind.THROTTLED:
                connection.answer(Answer(429, headers=wait))
            case Kind.SERVER_ERROR:
                # As a server does that has done it and says 500 all the same.
                connection.answer(Answer(500, self._answer(asked).body))
            case Kind.UNAVAILABLE:
                connection.answer(Answer(503, headers=wait))
            case Kind.BAD_GATEWAY:
                connection.answer(Answer(502, b"<html><body>502 Bad Gateway</body></html>", "text/html"))

    def _answer(self, asked: Asked) -> Answer:
        before = len(self.triggered)
        answer = self.api.answer(asked)
        if self.on_triggered is not None:
            for each in self.triggered[before:]:
                self.on_triggered(each)
        return answer

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)

"""A simulated Security Center: cameras, two alarms and a custom event; on demand having a bad day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from bridge.simulator.genetec.api import Api, Users
from bridge.simulator.genetec.directory import Bookmark, Directory, Entity, Made, Raised, Triggered
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.vxg.faults import Faults, Kind

CAMERAS = ("00000001-0000-babe-0000-080023e940c6", "00000001-0000-babe-0000-080023e940c7")
ALARM = "543b686c-06e1-4304-afa6-fcef50242a5e"
CUSTOM_EVENT = 5000


class SimulatedGenetec:
    """``async with SimulatedGenetec() as gsc: … gsc.base_url, gsc.bookmarks, gsc.raised, gsc.triggered``."""

    def __init__(self, *, cameras: int = 2, host: str = "127.0.0.1", port: int = 0, seed: int = 1) -> None:
        more = [f"00000001-0000-babe-0000-{number:012x}" for number in range(2, cameras)]
        guids = [*CAMERAS[:cameras], *more]
        names = ["Dock", "Gate", *(f"Camera {number}" for number in range(3, cameras + 1))]
        entities = [
            Entity(guid, name, logical_id=number)
            for number, (guid, name) in enumerate(zip(guids, names, strict=False), 1)
        ]
        entities.append(Entity(ALARM, "Sensor Alarm", "Alarm"))
        self.directory = Directory(entities, {CUSTOM_EVENT: ("Sensor", "Camera")})
        self.users = Users()
        self.api = Api(self.directory, self.users)
        self.faults = Faults(seed)
        self.server = HttpServer(self._respond, host=host, port=port)
        self.asked: list[Asked] = []
        self._later: set[asyncio.TimerHandle] = set()
        self.on_made: Callable[[Made], None] | None = None
        """Told of each thing as it is made."""

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}/WebSdk"

    @property
    def bookmarks(self) -> list[Bookmark]:
        return [each for each in self.directory.made if isinstance(each, Bookmark)]

    @property
    def raised(self) -> list[Raised]:
        return [each for each in self.directory.made if isinstance(each, Raised)]

    @property
    def triggered(self) -> list[Triggered]:
        return [each for each in self.directory.made if isinstance(each, Triggered)]

    async def __aenter__(self) -> SimulatedGenetec:
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
                connection.answer(Answer(500))
            case Kind.UNAVAILABLE:
                connection.answer(Answer(503, headers=wait))
            case Kind.BAD_GATEWAY:
                connection.answer(Answer(502, b"<html><body>502 Bad Gateway</body></html>", "text/html"))

    def _answer(self, asked: Asked) -> Answer:
        before = len(self.directory.made)
        answer = self.api.answer(asked)
        if self.on_made is not None:
            for made in self.directory.made[before:]:
                self.on_made(made)
        return answer

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)

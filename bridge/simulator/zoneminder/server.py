"""A simulated ZoneMinder: its socket, its API and its monitors in one place, on demand having a bad day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType

from bridge.simulator.faults import Faults, Kind
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.zoneminder.api import Api, Users
from bridge.simulator.zoneminder.monitor import Database, Event, Monitor
from bridge.simulator.zoneminder.trigger import Trigger

MONITORS: Mapping[int, str] = {1: "Dock", 2: "Gate", 3: "Yard"}


class SimulatedZoneMinder:
    """``async with SimulatedZoneMinder() as zm: … zm.base_url, zm.trigger.port, zm.events``.

    ``picture_every``: seconds between two pictures of a monitor. ``stays_open``: seconds that an event goes on after
    its alarm has ended. ``second``: how long a second of zmtrigger's lasts.
    """

    def __init__(
        self,
        *,
        monitors: Mapping[int, str] = MONITORS,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        picture_every: float = 0.02,
        stays_open: float = 0.2,
        second: float = 1.0,
        record_bytes: bool = False,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.database = Database(now or (lambda: datetime.now(UTC)))
        self.monitors = {number: Monitor(number, name, self.database) for number, name in monitors.items()}
        self.trigger = Trigger(self.monitors, second)
        self.users = Users()
        self.api = Api(self.monitors, self.database, self.users)
        self.faults = Faults(seed)
        self.server = HttpServer(self._respond, host=host, port=port, keep_heads=record_bytes)
        self.asked: list[Asked] = []
        self._every = picture_every
        self._stays_open = stays_open
        self._waiting: dict[int, list[Connection]] = {}
        self._later: set[asyncio.TimerHandle] = set()
        self._pictures: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}/zm"

    @property
    def events(self) -> list[Event]:
        return list(self.database.events.values())

    async def __aenter__(self) -> SimulatedZoneMinder:
        await self.server.start()
        await self.trigger.listen()
        self._pictures = asyncio.create_task(self._take_pictures(), name="pictures")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._later:
            handle.cancel()
        if self._pictures is not None:
            self._pictures.cancel()
            await asyncio.gather(self._pictures, return_exceptions=True)
        await self.trigger.stop()
        await self.server.stop()

    async def _take_pictures(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._every)
            for monitor in self.monitors.values():
                said = monitor.picture(loop.time(), self._stays_open)
                if said:
                    self.trigger.tell(b"%d|%b|0|%d" % (monitor.number, said.encode(), monitor.last_event))
                if monitor.alarmed:
                    for connection in self._waiting.pop(monitor.number, []):
                        connection.answer(Api.forced(monitor))

    def _respond(self, asked: Asked, connection: Connection) -> None:
        self.asked.append(asked)
        fault = self.faults.pick(asked.method, asked.path)
        if fault is None:
            self._answer(asked, connection)
            return
        match fault.kind:
            case Kind.CUT_BEFORE:
                connection.cut()
            case Kind.CUT_AFTER:
                self._answer(asked, None)
                connection.cut()
            case Kind.SLOW | Kind.LATE_COMMIT:
                self._after(fault.seconds, lambda: self._answer(asked, connection))
            case Kind.LATE_ANSWER:
                answer = self._answer(asked, None)
                self._after(fault.seconds, lambda: connection.answer(answer or Answer(200)))
            case Kind.UNAUTHORIZED:
                connection.answer(Answer(401, b'{"success":false}'))
            case Kind.THROTTLED:
                connection.answer(Answer(429, headers=(("Retry-After", str(round(fault.seconds))),)))
            case Kind.SERVER_ERROR:
                connection.answer(Answer(500, b'{"success":false}'))
            case Kind.UNAVAILABLE:
                connection.answer(Answer(503, headers=(("Retry-After", str(round(fault.seconds))),)))
            case Kind.BAD_GATEWAY:
                connection.answer(Answer(502, b"<html><body>502 Bad Gateway</body></html>", "text/html"))

    def _answer(self, asked: Asked, connection: Connection | None) -> Answer | None:
        def force(monitor: Monitor) -> None:
            if connection is not None:
                self._waiting.setdefault(monitor.number, []).append(connection)

        answer = self.api.answer(asked, force)
        if answer is not None and connection is not None:
            connection.answer(answer)
        return answer

    def _after(self, seconds: float, act: Callable[[], Answer | None]) -> None:
        def due() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)

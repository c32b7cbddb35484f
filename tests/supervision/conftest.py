"""Time held in the hand, and a bridge that supervises with a real journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bridge.config.site import FaultLimits, Sensor, Site, Supervision
from bridge.intake import Intake
from bridge.journal.contract import DeliveryRecord, EventRecord, MessageRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.model import (
    CameraId,
    ConnectorId,
    Fate,
    Instant,
    Message,
    Origin,
    SensorEvent,
    SensorId,
)
from bridge.supervision import Condition, Conditions
from bridge.supervision.supervisor import Supervisor
from connectors.base import Address
from tests.intake.conftest import site_with_words

START = datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC)
GIGABYTE = 2**30


class HandClock:
    """Time stands still until the test moves it. ``begun``: seconds of a process's life before it."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def now(self) -> Instant:
        return Instant(START + timedelta(seconds=self.seconds), 1000.0 + self.seconds)

    async def sleep(self, seconds: float) -> None:
        await asyncio.get_running_loop().create_future()


class Place(Address):
    path: str = ""

    def place(self) -> str:
        return self.path


def supervised(count: int = 1, connector: str = "lpr", **limits: float) -> dict[SensorId, Sensor]:
    (like,) = site_with_words().sensors.values()
    found = {}
    for number in range(count):
        id = SensorId("gate-lpr" if count == 1 else f"door-{number:03}")
        found[id] = msgspec.structs.replace(
            like, id=id, name=f"Door {number}", connector=ConnectorId(connector), address=Place(path=f"/{id}"),
            supervise=Supervision(**(limits or {"silent_after": 600.0})),
        )  # fmt: skip
    return found


def site(sensors: dict[SensorId, Sensor], cameras: tuple[str, ...] = ("gate-wide",), **limits: float) -> Site:
    return msgspec.structs.replace(
        site_with_words(),
        sensors=sensors,
        fault_cameras=tuple(map(CameraId, cameras)),
        faults=FaultLimits(**{"backlog_old": 1e9, **limits}),  # type: ignore[arg-type] # nobody delivers here
    )


class Bridge:
    """Intake, journal and supervisor of one run."""

    def __init__(self, site: Site, journal: SqliteJournal, clock: HandClock) -> None:
        self.site = site
        self.journal = journal
        self.clock = clock
        self.conditions = Conditions(clock)
        self.intake = Intake(site, journal, clock, self.conditions)
        self.free = 100 * GIGABYTE
        self.announced: list[tuple[str, bool, str]] = []
        self.supervisor = Supervisor(
            site, self.intake, journal, clock, self.conditions, lambda: self.free, self._announce
        )
        self.intake.hearing = self.supervisor

    def _announce(self, condition: Condition, on: bool, title: str) -> None:
        self.announced.append((condition.key, on, title))

    async def hear(self, *sensors: str, **said: object) -> None:
        for sensor in sensors:
            receipt = await self.intake.submit(
                Message(
                    connector=self.site.sensors[SensorId(sensor)].connector,
                    origin=Origin("10.0.0.21", f"/{sensor}"),
                    body=msgspec.json.encode(said or {"plate": "A"}),
                    arrived=self.clock.now(),
                )
            )
            assert receipt.kept

    async def passes(self, seconds: float, step: float = 1.0) -> None:
        """Time passes, and once in every step there is a look."""
        until = self.clock.seconds + seconds
        while self.clock.seconds < until:
            self.clock.seconds = min(self.clock.seconds + step, until)
            await self.supervisor.look()

    async def told(self) -> list[SensorEvent]:
        """The bridge's own events so far, revisions and all."""
        query = Query(what="events", sensor=SensorId("bridge"))
        return [record.event async for record in self.journal.read(query) if isinstance(record, EventRecord)]

    async def shown(self) -> list[tuple[str, str]]:
        query = Query(what="deliveries", sensor=SensorId("bridge"))
        records = [record async for record in self.journal.read(query) if isinstance(record, DeliveryRecord)]
        return [(record.title, record.camera) for record in records]

    async def fates(self) -> list[Fate]:
        query = Query(what="messages", sensor=SensorId("bridge"))
        records = [record async for record in self.journal.read(query) if isinstance(record, MessageRecord)]
        return [verdict.fate for record in records for verdict in record.verdicts]


Begin = Callable[[Site, HandClock], Awaitable[Bridge]]


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Begin]:
    """Begin a run; a run before it ends, and the journal is the same."""
    running: list[Bridge] = []

    async def start(site: Site, clock: HandClock) -> Bridge:
        while running:
            await running.pop().journal.close()
        journal = await SqliteJournal.open(tmp_path / "journal", site=site.id, node="test", clock=clock)
        bridge = Bridge(site, journal, clock)
        await bridge.supervisor.restore()
        running.append(bridge)
        return bridge

    yield start
    while running:
        await running.pop().journal.close()


@asynccontextmanager
async def timers(bridge: Bridge) -> AsyncIterator[None]:
    """While the intake's timers run."""
    task = asyncio.create_task(bridge.intake.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

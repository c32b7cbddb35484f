"""A service to be asked: real socket, real HTTP, real client; behind it a journal in memory at our own seam."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bridge.control.answer import Refused
from bridge.control.door import Door, open_door
from bridge.control.recorder import Recorder
from bridge.control.server import Control, serve
from bridge.control.tap import Tap
from bridge.journal.contract import DeliveryRecord, EventRecord, Query, Record
from bridge.model import (
    Action,
    CameraId,
    DeliveryState,
    EventId,
    Instant,
    MessageId,
    Receipt,
    ReceiptKind,
    SensorEvent,
    SensorId,
    SiteId,
    Urgency,
    VmsId,
)

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def event(number: int, type: str = "vehicle.identified", sensor: str = "gate-lpr") -> SensorEvent:
    return SensorEvent(
        id=EventId(f"e{number}"),
        site=SiteId("depot"),
        sensor=SensorId(sensor),
        sensor_name="Gate",
        kind="lpr",
        message=MessageId(f"m{number}"),
        type=type,
        title=f"Vehicle {number}",
        occurred_at=AT,
        arrived_at=AT,
        urgency=Urgency.ALARM,
        fields={"plate": "ABC123"},
        detail=b'{"plate": "ABC123", "raw": {"x": 1}}',
    )


def dead(number: int, camera: str = "gate-in", vms: str = "cloud") -> DeliveryRecord:
    return DeliveryRecord(
        event=EventId(f"e{number}"),
        revision=0,
        title=f"Vehicle {number}",
        sensor=SensorId("gate-lpr"),
        camera=CameraId(camera),
        vms=VmsId(vms),
        action=Action.RAISE,
        urgency=Urgency.NOTICE,
        state=DeliveryState.DEAD,
        attempts=1,
        remote_id="",
        why="400: title too long",
        begun_at=AT,
        settled_at=AT,
    )


class Status(msgspec.Struct):
    site: str
    pid: int


@dataclass
class FakeJournal:
    events: list[SensorEvent] = field(default_factory=list)
    dead: list[DeliveryRecord] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    replayed: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)

    async def read(self, query: Query) -> AsyncIterator[Record]:
        self.queries.append(query)
        if query.what == "events":
            for one in self.events:
                yield EventRecord(event=one)
        else:
            for record in self.dead:
                if record.state in query.states and query.event in (None, record.event):
                    yield record

    async def replay(self, event: EventId, camera: CameraId, now: Instant) -> int:
        self.replayed.append((event, camera))
        return 1

    async def drop(self, event: EventId, camera: CameraId, why: str, now: Instant) -> int:
        self.dropped.append((event, camera))
        return 1


class FakeService:
    def __init__(self) -> None:
        self.journal = FakeJournal()
        self.site = SimpleNamespace(sensors={"gate-lpr": None, "server-room-leak": None})
        self.fired: list[tuple[Any, ...]] = []
        self.receipt = Receipt(ReceiptKind.ACCEPTED, message=MessageId("m1"))
        self.recorder = Recorder(lambda _: None)

    async def status(self) -> Status:
        return Status("Harbour depot", 7)

    async def fire(self, sensor: str, type: str | None, fields: Mapping[str, Any], urgency: Urgency | None) -> Receipt:
        self.fired.append((sensor, type, dict(fields), urgency))
        return self.receipt


@dataclass
class Running:
    service: FakeService
    tap: Tap
    door: Door
    reloads: list[Callable[[], object]]

    @property
    def path(self) -> Path:
        return self.door.path


@contextlib.asynccontextmanager
async def running(path: Path, unix: bool = True, tap: Tap | None = None) -> AsyncIterator[Running]:
    service, tap, door = FakeService(), tap or Tap(), open_door(path, unix)
    reloads: list[Callable[[], object]] = []

    async def reload(digest: str | None) -> object:
        return reloads.pop()() if reloads else {"changed": [], **({"digest": digest} if digest else {})}

    control = Control(service, tap, reload, lambda: Instant(AT, 0.0), door.token)  # type: ignore[arg-type]
    task = asyncio.create_task(serve(control, tap, door))
    try:
        yield Running(service, tap, door, reloads)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "control.sock") as run:
        yield run


def refuse(why: str) -> Callable[[], object]:
    def refused() -> object:
        raise Refused(why)

    return refused

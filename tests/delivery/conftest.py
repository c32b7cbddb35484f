"""A delivery room with time in the test's hand: nothing happens but what follows from what is already there."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from bridge.clock import Clock
from bridge.delivery.dispatch import Deliveries
from bridge.journal.contract import LaneHead
from bridge.model import (
    Clock as EventClock,
)
from bridge.model import (
    EventId,
    Instant,
    MessageId,
    Outcome,
    SensorEvent,
    SensorId,
    SiteId,
    Urgency,
    VmsId,
)
from bridge.supervision import Conditions
from bridge.vms.base import VmsSettings
from tests.delivery.memory_journal import MemoryJournal
from tests.delivery.scripted_vms import Keys, ScriptedVms

START = datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC)


class HandClock:
    """Time stands still until it is advanced."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> Instant:
        return Instant(START + timedelta(seconds=self._now - 1000.0), self._now)

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + max(seconds, 0.0), next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, waking each sleeper at its moment and letting all that follows happen."""
        end = self._now + seconds
        await quiet()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self._now = max(self._now, due)
                future.set_result(None)
                await quiet()
        self._now = end
        await quiet()


async def quiet() -> None:
    """Until nothing more happens by itself: the loop has no callback left to run."""
    loop = asyncio.get_running_loop()
    ready = loop._ready  # type: ignore[attr-defined]  # the only place that knows
    for _ in range(1_000_000):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("it never becomes quiet")


def event(
    number: int | str, sensor: str = "door", urgency: Urgency = Urgency.NOTICE, at: datetime = START, revision: int = 0
) -> SensorEvent:
    return SensorEvent(
        id=EventId(str(number)),
        site=SiteId("depot"),
        sensor=SensorId(sensor),
        sensor_name=sensor,
        kind="contact",
        message=MessageId(f"m{number}"),
        type="door.opened",
        title="Door opened",
        occurred_at=at,
        arrived_at=at,
        urgency=urgency,
        clock=EventClock.DEVICE,
        revision=revision,
    )


class Seen:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, Outcome]] = []

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        self.outcomes.append((head.delivery.event.id, outcome))


class Room:
    """The delivery room of a test and all around it."""

    def __init__(self, settings: Mapping[str, VmsSettings] | None = None, clock: Clock | None = None) -> None:
        self.clock = HandClock()
        self.keys = Keys()
        self.keys.values.update(gate="one", yard="one")
        self.conditions = Conditions(self.clock)
        self.journal = MemoryJournal(self.clock)
        self.vms = ScriptedVms(self.clock, self.keys)
        self.others: dict[VmsId, ScriptedVms] = {}
        self.settings = {VmsId(name): each for name, each in (settings or {"cloud": VmsSettings(type="any")}).items()}
        for name in self.settings:
            if name != "cloud":
                self.others[name] = ScriptedVms(self.clock, self.keys)
        self.seen = Seen()
        self.deliveries = self._deliveries()
        self._task: asyncio.Task[None] | None = None

    def _deliveries(self) -> Deliveries:
        targets = {name: self.others.get(name, self.vms) for name in self.settings}
        return Deliveries(
            self.journal,  # type: ignore[arg-type]  # only its lanes
            self.journal.lease,
            targets,
            self.settings,
            self.keys,
            self.clock,
            self.conditions,
            self.seen,
        )

    async def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.deliveries.run())
        await quiet()

    async def kill(self) -> None:
        """As if the power went: nothing is tidied up, and what was begun is ambiguous."""
        await self.stop()
        self.journal.crashed()
        self.deliveries = self._deliveries()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (failure := self._task.exception()) is not None:
                raise failure
            self._task = None

    @property
    def ended(self) -> bool:
        return self._task is not None and self._task.done()

    async def until(self, is_so: Callable[[], object], within: float = 3600.0, step: float = 0.25) -> None:
        """Advance time until it is so."""
        await quiet()
        for _ in range(int(within / step)):
            if is_so():
                return
            await self.clock.advance(step)
        raise AssertionError(f"not so within {within} s: {self.journal.states()}")


@pytest.fixture
async def rooms() -> AsyncIterator[Callable[..., Room]]:
    async with AsyncExitStack() as stack:

        def make(**settings: VmsSettings) -> Room:
            room = Room(settings or None)
            stack.push_async_callback(room.stop)
            return room

        yield make


@pytest.fixture
def room(rooms: Callable[..., Room]) -> Room:
    return rooms()

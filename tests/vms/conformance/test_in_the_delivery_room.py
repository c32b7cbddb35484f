"""The same faults with the room that retries, looks again and says when it is late."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from bridge.clock import SystemClock
from bridge.delivery.dispatch import Deliveries
from bridge.journal.contract import LaneHead
from bridge.model import DeliveryState, Outcome, SensorEvent, Urgency, VmsId
from bridge.supervision import Conditions
from bridge.vms.base import VmsSettings
from tests.delivery.memory_journal import MemoryJournal
from tests.vms.conformance.subject import Fate, Held, Running, Subject, running, status
from tests.vms.conftest import event
from tests.vms.time_passes import SECONDS

Any_ = Subject[Any]
VMS = VmsId("vms")
BOUND = 10 * SECONDS
"""Of this loop's time, which may be put forward; pytest has a bound of its own."""


class Room:
    """A delivery room with one VMS; ``outcomes``: what each delivery was settled with."""

    def __init__(self, run: Running[Any], late_after: float) -> None:
        clock = SystemClock()
        self.run = run
        self.journal = MemoryJournal(clock)
        self.outcomes: list[Outcome] = []
        self._news = asyncio.Event()
        settings = VmsSettings(type="any", late_after=late_after, timeout=SECONDS)
        self.deliveries = Deliveries(
            self.journal,  # type: ignore[arg-type]  # only its lanes
            self.journal.lease,
            {VMS: run.target},
            {VMS: settings},
            run.vault,
            clock,
            Conditions(clock),
            self,
        )

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._news.set()

    def add(self, told: SensorEvent) -> None:
        self.journal.add(told, self.run.subject.camera, VMS)

    async def until_all_ended(self) -> None:
        def ended() -> bool:
            open_ = (DeliveryState.PENDING, DeliveryState.BEGUN)
            return all(row.state not in open_ for row in self.journal.rows)

        async with asyncio.timeout(BOUND):
            while not ended():
                self._news.clear()
                await self._news.wait()
        await self.run.arrived()


@asynccontextmanager
async def room(subject: Any_, late_after: float = 3600.0) -> AsyncIterator[Room]:
    async with running(subject) as run:
        made = Room(run, late_after)
        task = asyncio.get_running_loop().create_task(made.deliveries.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.wait([task])


def now(**more: Any) -> SensorEvent:
    moment = SystemClock().now().utc - timedelta(seconds=more.pop("ago", 0))
    return event(occurred_at=moment, arrived_at=moment, **more)


def times(held: list[Held]) -> Counter[str]:
    return Counter(each.event for each in held)


STATUSES = [
    pytest.param(each, marks=pytest.mark.http) for each in (status(429), status(500), status(503, "Retry-After: 0"))
]


@pytest.mark.an_answer
@pytest.mark.content
@pytest.mark.parametrize("fate", [*Fate, *STATUSES], ids=str)
@pytest.mark.parametrize("urgency", [Urgency.NOTICE, Urgency.ALARM])
async def test_an_event_is_there_once_whatever_happens_to_its_request(
    subject: Any_, fate: Fate | bytes, urgency: Urgency
) -> None:
    """A notice is there once. An alarm is sent again after one search in vain, and says so. Where nothing can be
    searched, what is in doubt is sent again, and says so; nothing else is."""
    async with room(subject) as made:
        made.add(now(id="before.0", urgency=urgency, sensor="other"))
        await made.until_all_ended()
        made.run.subject.meets(made.run, fate)
        made.add(now(urgency=urgency))
        await made.until_all_ended()
        assert all(row.state is DeliveryState.DELIVERED for row in made.journal.rows)
        held = [each for each in made.run.held if each.event == event().id]
        if made.run.target.can.search and urgency is Urgency.NOTICE:
            assert len(held) == 1
        assert 1 <= len(held) <= 2
        assert all(each.possible_duplicate for each in held[1:])
        if not isinstance(fate, Fate) and not made.run.target.can.search:
            assert [each.possible_duplicate for each in held] == [fate in subject.doubtful]


@pytest.mark.content
async def test_what_was_there_before_a_crash_is_not_raised_again(subject: Any_) -> None:
    async with room(subject) as made:
        told = now()
        await made.run.sent(made.run.delivery(told))
        made.add(told)
        made.journal.rows[-1].ambiguous = True
        await made.until_all_ended()
        if made.run.target.can.search:
            assert times(made.run.held) == {told.id: 1}
        else:
            assert [each.possible_duplicate for each in made.run.held] == [False, True]


@pytest.mark.content
async def test_many_events_of_many_sensors_are_each_there_once(subject: Any_) -> None:
    async with room(subject) as made:
        told = [now(id=f"{number}.0", sensor=f"s{number % 4}", title=f"Event {number}") for number in range(12)]
        for each in told:
            made.add(each)
        await made.until_all_ended()
        assert times(made.run.held) == {each.id: 1 for each in told}


@pytest.mark.content
async def test_a_late_alarm_stands_at_its_time_or_says_how_late_it_is(subject: Any_) -> None:
    async with room(subject) as made:
        told = now(ago=600, urgency=Urgency.ALARM, title="Smoke")
        made.add(told)
        await made.until_all_ended()
        (held,) = made.run.held
        if made.run.target.can.backdate:
            assert "LATE" not in held.text
        else:
            assert "LATE 10 min: Smoke" in held.text
        assert abs(held.at - told.occurred_at) <= timedelta(milliseconds=1)


async def test_a_late_notice_is_not_shown_as_if_it_were_now(subject: Any_) -> None:
    async with room(subject, late_after=60.0) as made:
        made.add(now(ago=600))
        await made.until_all_ended()
        (row,) = made.journal.rows
        if made.run.target.can.backdate:
            assert row.state is DeliveryState.DELIVERED
        else:
            assert row.state is DeliveryState.EXPIRED
            assert made.run.wire == []

"""Whatever a VMS does: each event stands in its record once (an alarm twice only when marked), lanes in order."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from bridge.delivery import backoff
from bridge.model import Ambiguous, Blocked, Delivered, DeliveryState, EventId, Outcome, Retry, Urgency
from tests.delivery.conftest import Room, event
from tests.delivery.scripted_vms import (
    InSteps,
    ScriptedVms,
    cut_after,
    cut_before,
    errs,
    refuses,
    takes,
    timed_out_after,
)

LAG = 4.0


def timed_out_before(vms: ScriptedVms, request: Any) -> Ambiguous:
    return Ambiguous("time-out", away=False)


def throttled(vms: ScriptedVms, request: Any) -> Retry:
    return Retry("429", after=3.0)


def blocked(vms: ScriptedVms, request: Any) -> Blocked:
    return Blocked("403 for a while")


STEPS = (
    takes,
    takes,
    takes,
    cut_after,
    cut_before,
    timed_out_after,
    timed_out_before,
    refuses,
    errs,
    throttled,
    blocked,
)

LATER: tuple[Outcome, ...] = (
    Delivered(),
    Ambiguous("cut", away=True),
    Ambiguous("nothing seen yet"),
    Retry("503", away=True),
    Retry("500"),
    Blocked("403 to the notes"),
)

deliveries = some.lists(
    some.tuples(some.sampled_from(["door", "fire", "leak"]), some.sampled_from(list(Urgency)), some.integers(0, 1)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=150)
@given(
    deliveries=deliveries,
    script=some.lists(some.sampled_from(STEPS), max_size=60),
    later=some.none() | some.lists(some.sampled_from(LATER), max_size=30),
    kills=some.lists(some.floats(0.0, 20.0), max_size=3),
    lag=some.sampled_from([0.0, 0.3, LAG]),
    unanswered=some.lists(some.booleans(), max_size=9),
    jitter=some.integers(0, 1000),
)
def test_everything_arrives_once_and_in_order(
    deliveries: list[tuple[str, Urgency, int]],
    script: list[Any],
    later: list[Outcome] | None,
    kills: list[float],
    lag: float,
    unanswered: list[bool],
    jitter: int,
) -> None:
    backoff._random.seed(jitter)

    async def scenario() -> None:
        room = Room()
        room.vms.lag = lag
        room.vms.script.extend(script)
        steps = InSteps(room.vms, *later, remembers=True) if later is not None else None
        silences = iter(unanswered)
        room.vms.search = lambda delivery: (
            room.vms.unsearchable(delivery) if next(silences, False) else room.vms._search(delivery)
        )
        await room.start()
        for number, (sensor, urgency, camera) in enumerate(deliveries):
            room.journal.add(event(number, sensor=sensor, urgency=urgency), ("gate", "yard")[camera])
            await room.clock.advance(0.01)
        for after in kills:
            await room.clock.advance(after)
            await room.kill()
            if steps is not None:
                steps.made.clear()
            await room.start()
        await room.until(
            lambda: room.journal.states()[DeliveryState.DELIVERED] == len(deliveries), within=7200.0, step=5.0
        )
        check(room)
        await room.stop()

    asyncio.run(scenario())


def check(room: Room) -> None:
    record = room.vms.record
    taken = Counter((each.event, each.camera) for each in record)
    for row in room.journal.rows:
        times = taken[row.event.id, row.lane.camera]
        copies = [each for each in record if (each.event, each.camera) == (row.event.id, row.lane.camera)]
        assert times >= 1
        if row.lane.urgency is not Urgency.ALARM:
            assert times == 1, f"{row.event.id} was doubled"
        assert sum(not each.marked for each in copies) <= 1, f"{row.event.id} was doubled and not marked"
    for lane in {row.lane for row in room.journal.rows}:
        expected = [row.event.id for row in room.journal.rows if row.lane == lane]
        first: list[EventId] = []
        for each in record:
            if each.event in expected and each.camera == lane.camera and each.event not in first:
                first.append(each.event)
        assert first == expected

"""A delivery of several steps, one of which made the event and a later one failed: it is never simply sent again."""

from __future__ import annotations

import pytest

from bridge.model import Ambiguous, Blocked, DeliveryState, Outcome, Rejected, Retry
from bridge.vms.base import Request
from tests.delivery.conftest import Room, event
from tests.delivery.scripted_vms import LATER, InSteps


async def test_a_doubt_after_the_event_was_made_is_looked_for_before_anything_is_sent_again(room: Room) -> None:
    InSteps(room.vms, Ambiguous("no event seen yet"))
    room.journal.add(event(1), "gate")
    room.journal.add(event(2), "gate")
    await room.start()
    await room.clock.advance(60.0)
    assert room.vms.events() == ["1", "2"]
    assert [name for name, _ in room.vms.searches] == ["1"]


@pytest.mark.parametrize("said", [Ambiguous("cut"), Retry("503"), Blocked("403"), Blocked("401", whole_vms=True)])
async def test_after_a_crash_it_is_looked_for_whatever_the_later_step_was_told(room: Room, said: Outcome) -> None:
    """What the target remembers is lost with the process."""
    InSteps(room.vms, said)
    room.vms.search = room.vms.unsearchable
    room.journal.add(event(1), "gate")
    await room.start()
    assert room.vms.events() == ["1"]
    assert room.journal.states() == {DeliveryState.BEGUN: 1}
    await room.kill()
    room.vms.search = room.vms._search
    await room.start()
    await room.until(lambda: room.journal.states() == {DeliveryState.DELIVERED: 1})
    assert room.vms.events() == ["1"]


async def test_what_was_surely_not_taken_of_it_is_sent_without_a_search_by_the_target_that_made_the_rest(
    room: Room,
) -> None:
    InSteps(room.vms, Retry("503"), Retry("503"), remembers=True)
    room.journal.add(event(1), "gate")
    await room.start()
    await room.until(lambda: room.journal.states() == {DeliveryState.DELIVERED: 1})
    assert room.vms.events() == ["1"]
    assert room.vms.searches == []
    assert not room.journal.rows[0].possible_duplicate


async def test_five_that_were_refused_in_part_wait_in_doubt(room: Room) -> None:
    InSteps(room.vms, *[Rejected("400 bad notes")] * 5)
    for number in range(6):
        room.journal.add(event(number), "gate")
    await room.start()
    assert room.journal.states() == {DeliveryState.DEAD: 4, DeliveryState.BEGUN: 1, DeliveryState.PENDING: 1}
    await room.until(lambda: room.journal.states()[DeliveryState.DELIVERED] == 2)
    assert room.vms.events() == [str(number) for number in range(6)]


async def test_those_a_slow_probe_was_refused_in_part_wait_in_doubt(room: Room) -> None:
    InSteps(room.vms, *[Rejected("400 bad notes")] * 7)
    for number in range(7):
        room.journal.add(event(number, sensor=f"s{number}"), "gate")
    await room.start()
    await room.until(lambda: room.journal.states()[DeliveryState.DELIVERED] == 3)
    assert sorted(room.vms.events()) == [str(number) for number in range(7)]


async def test_a_bug_in_a_step_after_the_event_was_made_is_a_doubt(room: Room) -> None:
    steps = InSteps(room.vms)
    send = steps.send

    async def fails_once(request: Request, urgent: bool = False) -> Outcome:
        if request.url == LATER and not room.vms.searches:
            raise ValueError("a bug")
        return await send(request, urgent)

    room.vms.send = fails_once  # type: ignore[method-assign]
    room.journal.add(event(1), "gate")
    await room.start()
    await room.until(lambda: room.journal.states() == {DeliveryState.DELIVERED: 1})
    assert room.vms.events() == ["1"]

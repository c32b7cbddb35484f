"""Delivered once, as far as the VMS lets us: after a doubt it looks before it sends again."""

from __future__ import annotations

import msgspec
import pytest

from bridge.model import Absent, Action, Ambiguous, Delivered, Delivery, DeliveryState, Search, Urgency
from tests.delivery.conftest import Room, event, quiet
from tests.delivery.scripted_vms import (
    cut_after,
    cut_before,
    errs,
    hangs,
    raises,
    takes,
    timed_out_after,
)

URGENCIES = [Urgency.ALARM, Urgency.NOTICE]


@pytest.mark.parametrize("urgency", URGENCIES)
async def test_committed_then_cut_is_found_and_not_sent_again(room: Room, urgency: Urgency) -> None:
    room.vms.script.append(cut_after)
    room.journal.add(event(1, urgency=urgency), "gate")
    room.journal.add(event(2, urgency=urgency), "gate")
    await room.start()
    assert room.vms.events() == ["1", "2"]
    assert room.seen.outcomes[1] == ("1", Delivered("r1", note="found"))


async def test_a_notice_is_searched_again_after_the_settling_time_before_it_is_sent_again(room: Room) -> None:
    room.vms.script.append(cut_before)
    room.journal.add(event(1), "gate")
    await room.start()
    began = room.clock.now().monotonic
    await room.clock.advance(4.9)
    assert room.vms.record == []
    await room.clock.advance(0.2)
    assert [taken.event for taken in room.vms.record] == ["1"]
    assert not room.vms.record[0].marked
    assert [round(at - began, 1) for _, at in room.vms.searches] == [0.0, 5.0]


async def test_a_notice_that_may_stand_there_half_made_is_sent_again_marked(room: Room) -> None:
    room.vms.search = lambda delivery: Absent(surely=False)
    room.vms.script.extend([cut_before, errs])
    room.journal.add(event(1), "gate")
    await room.start()
    await room.clock.advance(60.0)
    assert [(taken.event, taken.marked) for taken in room.vms.record] == [("1", True)]
    assert room.journal.rows[0].possible_duplicate


async def test_a_search_that_lags_doubles_no_notice(room: Room) -> None:
    room.vms.lag = 5.0
    room.vms.script.append(timed_out_after)
    room.journal.add(event(1), "gate")
    await room.start()
    await room.clock.advance(60.0)
    assert room.vms.events() == ["1"]
    assert room.journal.rows[0].remote_id == "r1"


async def test_waiting_for_the_search_to_settle_holds_no_connection(room: Room) -> None:
    room.vms.script.extend([cut_before] * 16)
    for number in range(17):
        room.journal.add(event(number, sensor=f"s{number}"), "gate")
    room.vms.always = takes
    await room.start()
    room.journal.add(event("other", sensor="other"), "gate")
    await room.clock.advance(1.0)
    assert "other" in room.vms.events()


async def test_an_alarm_is_sent_again_at_once_and_marked(room: Room) -> None:
    room.vms.script.append(cut_before)
    room.journal.add(event(1, urgency=Urgency.ALARM), "gate")
    await room.start()
    assert [(taken.event, taken.marked) for taken in room.vms.record] == [("1", True)]
    assert room.journal.rows[0].possible_duplicate
    assert len(room.vms.searches) == 1


async def test_an_alarm_whose_second_send_is_refused_is_still_looked_for(room: Room) -> None:
    searches = iter([Absent()])
    room.vms.search = lambda delivery: next(searches, None) or room.vms._search(delivery)
    room.vms.script.extend([timed_out_after, errs])
    room.journal.add(event(1, urgency=Urgency.ALARM), "gate")
    await room.start()
    await room.clock.advance(60.0)
    assert room.vms.events() == ["1"]
    assert [taken.marked for taken in room.vms.record] == [False]


async def test_an_alarm_that_stays_in_doubt_is_sent_again_no_faster_than_the_search_settles(room: Room) -> None:
    room.vms.always = lambda vms, request: Ambiguous("time-out")
    room.journal.add(event(1, urgency=Urgency.ALARM), "gate")
    await room.start()
    await room.clock.advance(60.0)
    assert 5 <= len(room.vms.asked) <= 2 + 60 / 5


@pytest.mark.parametrize("urgency", URGENCIES)
async def test_a_crash_between_send_and_settle_is_reconciled_and_not_doubled(room: Room, urgency: Urgency) -> None:
    room.vms.before_answer = lambda: None
    room.vms.script.append(hangs)
    room.journal.add(event(1, urgency=urgency), "gate")
    room.journal.add(event(2, urgency=urgency), "gate")
    await room.start()
    request, _ = room.vms.hanging[0]
    room.vms.take(request)  # the VMS has it; the answer never comes
    await room.kill()
    assert room.journal.states() == {DeliveryState.BEGUN: 1, DeliveryState.PENDING: 1}
    await room.start()
    await room.clock.advance(30.0)
    assert room.vms.events() == ["1", "2"]


async def test_after_a_crash_alarms_are_reconciled_first(room: Room) -> None:
    room.vms.always = hangs
    for number in range(12):
        room.journal.add(event(f"n{number}", sensor=f"s{number}"), "gate")
    for number in range(4):
        room.journal.add(event(f"a{number}", sensor=f"s{number}", urgency=Urgency.ALARM), "gate")
    await room.start()
    await room.kill()
    await room.start()
    assert all(name.startswith("a") for name, _ in room.vms.searches[:4])


async def test_without_an_answer_to_the_search_nothing_is_sent_at_first(room: Room) -> None:
    at_each_search: list[tuple[int, bool]] = []

    def answers_the_sixth_time(delivery: Delivery) -> Search:
        at_each_search.append((len(room.vms.asked), room.journal.rows[0].ambiguous))
        return room.vms.unsearchable(delivery) if len(at_each_search) < 6 else room.vms._search(delivery)

    room.vms.script.append(cut_after)
    room.vms.search = answers_the_sixth_time
    room.journal.add(event(1), "gate")
    await room.start()
    await room.until(lambda: room.journal.states() == {DeliveryState.DELIVERED: 1})
    assert at_each_search == [(1, True)] * 6
    assert room.vms.events() == ["1"]


async def test_a_vms_whose_search_never_answers_does_not_hold_the_lane_for_ever(room: Room) -> None:
    room.vms.script.append(cut_before)
    room.vms.search = room.vms.unsearchable
    room.journal.add(event(1), "gate")
    await room.start()
    await room.until(lambda: room.vms.record)
    assert room.vms.record[0].marked
    assert len(room.vms.searches) == 10


async def test_a_vms_without_search_gets_it_again_and_marked(room: Room) -> None:
    room.vms.can = msgspec.structs.replace(room.vms.can, search=False)
    room.vms.script.extend([cut_before, errs])
    room.journal.add(event(1), "gate")
    await room.start()
    await room.clock.advance(10.0)
    assert [(taken.event, taken.marked) for taken in room.vms.record] == [("1", True)]
    assert room.vms.searches == []


async def test_an_ambiguous_amendment_is_made_again(room: Room) -> None:
    room.vms.script.extend([takes, cut_before])
    room.journal.add(event(1), "gate")
    room.journal.add(event(1, revision=1), "gate", action=Action.AMEND)
    await room.start()
    assert [(taken.action, taken.marked) for taken in room.vms.record] == [("raise", False), ("amend", False)]


async def test_a_bug_in_a_target_after_it_may_have_been_taken_is_a_doubt(room: Room) -> None:
    def takes_and_raises(vms, request):  # type: ignore[no-untyped-def]
        vms.take(request)
        return raises(vms, request)

    room.vms.script.append(takes_and_raises)
    room.journal.add(event(1), "gate")
    await room.start()
    await room.clock.advance(30.0)
    assert room.vms.events() == ["1"]
    assert room.journal.rows[0].remote_id == "r1"


async def test_a_doubt_about_a_step_that_may_be_repeated_needs_no_search(room: Room) -> None:
    send = room.vms.send
    refused = []

    async def first_declaration_is_cut(request, urgent=False):  # type: ignore[no-untyped-def]
        if not request.raises and not refused:
            refused.append(request)
            return Ambiguous("cut", away=True)
        return await send(request, urgent)

    room.vms.send = first_declaration_is_cut  # type: ignore[method-assign]
    room.journal.add(event(1), "gate")
    await room.start()
    await room.clock.advance(2.0)
    assert room.vms.events() == ["1"]
    assert room.vms.searches == []


async def test_what_is_remembered_of_doubts_is_bounded(room: Room) -> None:
    from bridge.delivery.trouble import Troubles
    from bridge.model import CameraId, Delivery, VmsId

    troubles = Troubles(most=10)
    for number in range(50):
        troubles.of(Delivery(event=event(number), camera=CameraId("gate"), vms=VmsId("cloud"))).retries += 1
    assert len(troubles) == 10
    await quiet()

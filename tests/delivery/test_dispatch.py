"""Lanes, urgency, capacity, and how it starts, changes and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from bridge.delivery.outlet import IN_A_ROW
from bridge.model import Action, Ambiguous, Blocked, Delivered, DeliveryState, Outcome, Retry, Urgency, VmsId
from bridge.vms.base import VmsSettings
from tests.delivery.conftest import Room, event, quiet
from tests.delivery.scripted_vms import ScriptedVms, errs, hangs, raises, refuses, throttles

MakeRoom = Callable[..., Room]


async def test_what_is_committed_stands_on_its_camera(room: Room) -> None:
    await room.start()
    room.journal.add(event(1), "gate")
    room.journal.add(event(1), "yard")
    await quiet()
    assert room.vms.events("gate") == room.vms.events("yard") == ["1"]
    assert room.seen.outcomes == [("1", Delivered("r1")), ("1", Delivered("r2"))]
    assert [row.remote_id for row in room.journal.rows] == ["r1", "r2"]


async def test_an_alarm_overtakes_a_backlog_of_a_thousand_notices(room: Room) -> None:
    room.vms.always = hangs
    for number in range(1000):
        room.journal.add(event(number, sensor=f"door-{number % 40}"), "gate")
    await room.start()
    room.journal.add(event("fire", sensor="door-1", urgency=Urgency.ALARM), "gate")
    await quiet()
    asked = [name for name, _ in room.vms.asked]
    assert asked[-1] == "fire"
    assert len(asked) == 12 + 1  # the connections that are not kept for alarms were all busy


async def test_with_everything_free_to_choose_alarms_go_first(room: Room) -> None:
    room.vms.always = hangs
    for number in range(100):
        room.journal.add(event(f"n{number}", sensor=f"door-{number}"), "gate")
    for number in range(20):
        room.journal.add(event(f"a{number}", sensor=f"door-{number}", urgency=Urgency.ALARM), "gate")
    await room.start()
    assert all(name.startswith("a") for name, _ in room.vms.asked)
    assert len(room.vms.asked) == 16


async def test_a_lane_is_sent_one_at_a_time_and_in_order(room: Room) -> None:
    for number in range(100):
        room.journal.add(event(number), "gate")
    await room.start()
    assert room.vms.events() == [str(number) for number in range(100)]
    assert room.vms.most_under_way == 1


async def test_a_long_lane_lets_others_go_first_now_and_then(rooms: MakeRoom) -> None:
    room = rooms(cloud=VmsSettings(type="any", connections=2, alarm_connections=1))
    room.vms.script.append(hangs)
    for number in range(100):
        room.journal.add(event(f"long{number}", sensor="busy"), "gate")
    await room.start()
    room.journal.add(event("urgent", sensor="other", urgency=Urgency.FAULT), "gate")
    request, answer = room.vms.hanging[0]
    answer.set_result(room.vms.take(request))
    await quiet()
    assert room.vms.events().index("urgent") == IN_A_ROW


async def test_while_all_alarm_connections_are_busy_a_notice_lane_makes_room(rooms: MakeRoom) -> None:
    room = rooms(cloud=VmsSettings(type="any", connections=2, alarm_connections=1))
    await room.start()
    room.vms.always = hangs
    room.journal.add(event("n0", sensor="busy"), "gate")
    room.journal.add(event("n1", sensor="busy"), "gate")
    await quiet()
    for number in range(2):
        room.journal.add(event(f"a{number}", sensor=f"s{number}", urgency=Urgency.ALARM), "gate")
    await quiet()
    assert [name for name, _ in room.vms.asked] == ["n0", "a0"]
    _request, answer = room.vms.hanging[0]
    answer.set_result(Delivered("x"))
    await quiet()
    assert [name for name, _ in room.vms.asked] == ["n0", "a0", "a1"]


async def test_a_target_that_hangs_delays_no_other_vms(rooms: MakeRoom) -> None:
    room = rooms(cloud=VmsSettings(type="any"), other=VmsSettings(type="any"))
    room.vms.always = hangs
    for number in range(100):
        room.journal.add(event(number, sensor=f"door-{number}"), "gate", "cloud")
        room.journal.add(event(number, sensor=f"door-{number}"), "gate", "other")
    await room.start()
    assert len(room.others[VmsId("other")].record) == 100


async def test_a_request_that_never_ends_gives_its_slot_back(rooms: MakeRoom) -> None:
    room = rooms(cloud=VmsSettings(type="any", connections=2, alarm_connections=1))
    room.vms.script.append(hangs)
    room.journal.add(event(1, sensor="a"), "gate")
    room.journal.add(event(2, sensor="b"), "gate")
    await room.start()
    assert room.vms.events() == []
    await room.until(lambda: sorted(room.vms.events()) == ["1", "2"])


async def test_drain_lets_what_is_under_way_finish_and_begins_nothing(room: Room) -> None:
    room.vms.always = hangs
    for number in range(3):
        room.journal.add(event(number), "gate")
    await room.start()
    draining = asyncio.ensure_future(room.deliveries.drain(10.0))
    await quiet()
    assert not draining.done()
    room.vms.hanging[0][1].set_result(Delivered("r"))
    await quiet()
    assert draining.done()
    assert room.ended
    assert [name for name, _ in room.vms.asked] == ["0"]
    assert len(room.journal.settled) == 1
    assert room.journal.states() == {DeliveryState.DELIVERED: 1, DeliveryState.PENDING: 2}


async def test_drain_returns_within_its_bound_and_settles_nothing_afterwards(room: Room) -> None:
    room.vms.always = hangs
    room.journal.add(event(0), "gate")
    await room.start()
    draining = asyncio.ensure_future(room.deliveries.drain(10.0))
    await room.clock.advance(9.9)
    assert not draining.done()
    await room.clock.advance(0.2)
    assert draining.done()
    assert room.ended
    assert room.journal.settled == []
    assert room.journal.states() == {DeliveryState.BEGUN: 1}


async def test_what_was_claimed_and_not_sent_goes_back_unsent(room: Room) -> None:
    room.vms.always = refuses
    for number in range(5):
        room.journal.add(event(number, sensor=f"s{number}", urgency=Urgency.ALARM), "gate")
    await room.start()
    await room.clock.advance(5.0)
    draining = asyncio.ensure_future(room.deliveries.drain(10.0))
    await quiet()
    assert draining.done()
    assert room.journal.states() == {DeliveryState.PENDING: 5}
    assert not any(row.ambiguous for row in room.journal.rows)


async def test_a_replaced_target_is_closed_when_its_last_request_has_ended(room: Room) -> None:
    room.vms.always = hangs
    room.journal.add(event(0), "gate")
    room.journal.add(event(1), "gate")
    await room.start()
    new = ScriptedVms(room.clock, room.keys)
    await room.deliveries.replace({VmsId("cloud"): new}, room.settings)
    await quiet()
    assert not room.vms.closed
    room.vms.hanging[0][1].set_result(Delivered("r"))
    await quiet()
    assert room.vms.closed
    assert new.events() == ["1"]
    assert not new.closed


async def test_an_unchanged_vms_is_not_touched_by_a_reload(rooms: MakeRoom) -> None:
    room = rooms(cloud=VmsSettings(type="any"), other=VmsSettings(type="any"))
    await room.start()
    await room.deliveries.replace({VmsId("cloud"): room.vms}, room.settings)
    await quiet()
    other = room.others[VmsId("other")]
    assert other.closed
    assert not room.vms.closed
    room.journal.add(event(1), "gate", "cloud")
    room.journal.add(event(1), "gate", "other")
    await quiet()
    assert room.vms.events() == ["1"]
    assert other.record == []
    back = ScriptedVms(room.clock, room.keys)
    await room.deliveries.replace({VmsId("cloud"): room.vms, VmsId("other"): back}, room.settings)
    await quiet()
    assert back.events() == ["1"]


@pytest.mark.parametrize(
    "said", [Retry("connection refused", away=True), Ambiguous("no answer", away=True), Blocked("401", whole_vms=True)]
)
async def test_of_a_vms_that_left_the_site_nothing_is_said_to_be_wrong(rooms: MakeRoom, said: Outcome) -> None:
    """It was away, which is why it was taken out; its last probe is still under way."""
    room = rooms(cloud=VmsSettings(type="any"), other=VmsSettings(type="any"))
    other = room.others[VmsId("other")]
    other.always = refuses
    room.journal.add(event(1), "gate", "other")
    await room.start()
    await room.until(lambda: room.conditions.holds("vms other"))
    other.always = hangs
    await room.until(lambda: other.hanging)
    await room.deliveries.replace({VmsId("cloud"): room.vms}, room.settings)
    room.conditions.end("vms other", "is no longer of this site")  # as the supervisor does
    other.hanging[0][1].set_result(said)
    await quiet()
    assert other.closed
    assert room.conditions.held() == ()


async def test_retry_waits_with_growing_jitter_and_keeps_the_lane_in_order(room: Room) -> None:
    room.vms.script.extend([errs] * 6)
    for number in range(3):
        room.journal.add(event(number), "gate")
    await room.start()
    await room.until(lambda: len(room.vms.record) == 3)
    assert room.vms.events() == ["0", "1", "2"]
    waits = [outcome.after for _, outcome in room.seen.outcomes if isinstance(outcome, Retry)]
    assert len(waits) == 6
    assert all(0.0 <= after <= 0.5 * 2**tries for tries, after in enumerate(waits))


async def test_retry_after_is_honoured_within_reason(room: Room) -> None:
    room.vms.script.extend([throttles(60.0), throttles(86400.0)])
    room.journal.add(event(0), "gate")
    await room.start()
    await room.clock.advance(59.9)
    assert len(room.vms.asked) == 1
    await room.clock.advance(0.2)
    assert len(room.vms.asked) == 2
    await room.clock.advance(599.0)
    assert len(room.vms.asked) == 2
    await room.clock.advance(2.0)
    assert room.vms.events() == ["0"]


async def test_an_amendment_follows_its_event_and_carries_its_remote_id(room: Room) -> None:
    room.journal.add(event(1), "gate")
    room.journal.add(event(1, revision=1), "gate", action=Action.AMEND)
    await room.start()
    assert [(taken.revision, taken.action) for taken in room.vms.record] == [(0, "raise"), (1, "amend")]


async def test_a_bug_in_a_target_costs_its_delivery_only(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.vms.can = msgspec.structs.replace(room.vms.can, search=False)
    always = room.vms.always
    room.vms.always = lambda vms, request: (raises if b'"bad"' in request.body else always)(vms, request)
    room.journal.add(event("bad", sensor="a"), "gate")
    room.journal.add(event("next", sensor="a"), "gate")
    room.journal.add(event("other", sensor="b"), "gate")
    await room.start()
    assert room.vms.events() == ["other"]
    await room.until(lambda: len(room.vms.record) == 2)
    assert [name for name, _ in room.vms.asked].count("bad") == 5
    assert room.journal.rows[0].state is DeliveryState.DEAD
    assert room.journal.rows[0].why == "target failed: ValueError: a bug"
    assert caplog.text.count("Traceback") == 1

"""Clocks of devices, room on the disk, and what waits too long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.journal.contract import Oldest
from bridge.model import CameraId, EventId, SensorId, Urgency, VmsId
from bridge.supervision import Conditions
from bridge.supervision.backlog import SEEN, Backlog
from bridge.supervision.clocks import DeviceClocks
from bridge.supervision.room import MEASURED, Room
from tests.supervision.conftest import HandClock

GATE = SensorId("gate")
CLOUD = VmsId("cloud")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def conditions(clock: HandClock) -> Conditions:
    return Conditions(clock)


def clocks(conditions: Conditions) -> DeviceClocks:
    made = DeviceClocks(conditions)
    made.watch({GATE: 30.0})
    return made


def test_a_clock_ahead_in_several_messages_is_wrong_and_right_again_after_several(conditions: Conditions) -> None:
    device = clocks(conditions)
    device.said(GATE, 340.0, 0.0)
    device.said(GATE, 341.0, 1.0)
    assert not conditions.held()
    device.said(GATE, 342.0, 2.0)
    (condition,) = conditions.held()
    assert (condition.key, condition.type) == ("clock gate", "clock.wrong")
    assert condition.why == "342 s ahead, allowed 30 s"
    device.said(GATE, 1.0, 3.0)
    device.said(GATE, 1.0, 4.0)
    assert conditions.held()
    device.said(GATE, 1.0, 5.0)
    assert not conditions.held()


def test_one_good_message_between_starts_over(conditions: Conditions) -> None:
    device = clocks(conditions)
    for moment in range(30):
        device.said(GATE, 1.0 if moment % 3 == 0 else 500.0, float(moment))
    assert not conditions.held()


def test_a_buffer_of_old_messages_is_no_wrong_clock(conditions: Conditions) -> None:
    device = clocks(conditions)
    for moment in range(100):  # an hour's messages, sent within seconds, the oldest first
        device.said(GATE, -3600.0 + 36.0 * moment, moment * 0.1)
    for moment in range(100):  # all of one minute an hour ago
        device.said(GATE, -3600.0 + moment * 0.2, 10 + moment * 0.1)
    assert not conditions.held()


def test_a_buffer_that_takes_minutes_to_send_is_no_wrong_clock_either(conditions: Conditions) -> None:
    device = clocks(conditions)
    for moment in range(300):
        device.said(GATE, -3600.0 + 11.0 * moment, float(moment))
    assert not conditions.held()


def test_a_clock_that_stays_behind_by_the_same_is_wrong(conditions: Conditions) -> None:
    device = clocks(conditions)
    for moment in range(4):
        device.said(GATE, -300.0, moment * 30.0)
    assert conditions.holds("clock gate")


def test_who_is_not_watched_is_not_judged(conditions: Conditions) -> None:
    device = clocks(conditions)
    for moment in range(10):
        device.said(SensorId("other"), 1000.0, float(moment))
    assert not conditions.held()
    for moment in range(10):
        device.said(GATE, 1000.0, float(moment))
    device.watch({})
    assert not conditions.held()


MIB, GIB = 2**20, 2**30


def test_a_disk_with_little_room_is_low_until_there_is_clearly_more(conditions: Conditions) -> None:
    room = Room(conditions, disk_low=GIB, buffer_short=3600.0, limit=8 * GIB, reserve=64 * MIB)
    room.measured(0, GIB - 1, 0.0)
    assert [each.type for each in conditions.held()] == ["disk.low"]
    room.measured(0, GIB + 1, 60.0)
    assert conditions.held(), "not for one byte more"
    room.measured(0, 2 * GIB, 120.0)
    assert not conditions.held()


def test_the_time_left_is_foretold_from_the_growth_of_the_last_hour(conditions: Conditions) -> None:
    room = Room(conditions, disk_low=MIB, buffer_short=12 * 3600.0, limit=8 * GIB, reserve=64 * MIB)
    for minute in range(31):
        room.measured(minute * 20 * MIB, 100 * GIB, minute * 60.0)
        assert bool(conditions.held()) == (minute * 60.0 >= MEASURED)
    (condition,) = conditions.held()
    assert condition.type == "buffer.short"
    assert condition.why.startswith("room for 6.3 h")
    for minute in range(31, 130):
        room.measured(31 * 20 * MIB, 100 * GIB, minute * 60.0)
    assert not conditions.held()


def test_a_journal_that_does_not_grow_has_room_for_ever_and_a_full_one_none(conditions: Conditions) -> None:
    room = Room(conditions, disk_low=MIB, buffer_short=3600.0, limit=GIB, reserve=64 * MIB)
    for minute in range(120):
        room.measured(900 * MIB, 100 * GIB, minute * 60.0)
    assert not conditions.held()
    room.measured(GIB, 100 * GIB, 7260.0)
    assert [each.key for each in conditions.held()] == ["buffer journal"]


def test_a_journal_of_what_was_delivered_makes_room_by_itself_and_is_short_only_when_a_vms_is_long_away(
    conditions: Conditions,
) -> None:
    room = Room(conditions, disk_low=MIB, buffer_short=3600.0, limit=GIB, reserve=64 * MIB)
    for minute in range(60):
        room.measured((900 + 2 * minute) * MIB, 100 * GIB, minute * 60.0, waits=30.0)
        assert not conditions.held()
    room.measured(1020 * MIB, 100 * GIB, 3600.0, waits=2 * 3600.0)
    assert [each.type for each in conditions.held()] == ["buffer.short"]
    room.measured(1020 * MIB, 65 * MIB, 3660.0, waits=0.0)
    assert conditions.held(), "the disk is another matter"


def waiting(clock: HandClock, age: float, urgency: Urgency, event: str = "e1") -> Oldest:
    arrived = clock.now().utc - timedelta(seconds=age)
    return Oldest(
        vms=CLOUD, urgency=urgency, event=EventId(event), title="Fire", camera=CameraId("gate-in"), arrived=arrived
    )


def test_an_alarm_that_waits_is_said_and_over_when_it_is_taken(clock: HandClock, conditions: Conditions) -> None:
    backlog = Backlog(conditions, old=900.0, alarm_within=100.0)
    backlog.looked_for_alarms([CLOUD], [waiting(clock, 99.0, Urgency.ALARM)], clock.now())
    clock.seconds += SEEN
    assert not conditions.held()
    backlog.looked_for_alarms([CLOUD], [waiting(clock, 100.0, Urgency.ALARM)], clock.now())
    clock.seconds += SEEN
    backlog.looked_for_alarms([CLOUD], [waiting(clock, 100.0 + SEEN, Urgency.ALARM)], clock.now())
    (condition,) = conditions.held()
    assert condition.key == "alarm cloud"
    assert condition.why == "'Fire' for gate-in was not accepted within 100 s"
    backlog.looked_for_alarms([CLOUD], [waiting(clock, 200.0, Urgency.ALARM, "e2")], clock.now())
    assert len(conditions.held()) == 1, "another that waits is the same trouble"
    backlog.looked_for_alarms([CLOUD], [], clock.now())
    assert not conditions.held()


def test_an_alarm_that_a_rule_held_for_long_is_not_late_at_once(clock: HandClock, conditions: Conditions) -> None:
    backlog = Backlog(conditions, old=900.0, alarm_within=100.0)
    for number in range(20):
        backlog.looked_for_alarms([CLOUD], [waiting(clock, 600.0, Urgency.ALARM, f"e{number}")], clock.now())
        clock.seconds += SEEN
    assert not conditions.held()


def test_what_is_no_alarm_may_wait_longer(clock: HandClock, conditions: Conditions) -> None:
    backlog = Backlog(conditions, old=900.0, alarm_within=100.0)
    backlog.looked([CLOUD], [waiting(clock, 899.0, Urgency.NOTICE)], clock.now())
    assert not conditions.held()
    backlog.looked([CLOUD], [waiting(clock, 900.0, Urgency.NOTICE)], clock.now())
    assert [each.type for each in conditions.held()] == ["backlog.old"]
    backlog.looked([CLOUD], [], clock.now())
    assert not conditions.held()

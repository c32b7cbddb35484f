"""A VMS that does not answer: one probe at a time, alarms first, one condition, and a careful way back."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from bridge.delivery import availability
from bridge.model import Ambiguous, DeliveryState, Outcome, Urgency, VmsId
from bridge.supervision import Conditions
from bridge.vms.base import Request, VmsSettings
from tests.delivery.conftest import HandClock, Room, event, quiet
from tests.delivery.scripted_vms import ScriptedVms, cut_before, hangs, refuses, takes

MakeRoom = Callable[..., Room]


def fill(room: Room, count: int = 200, urgency: Urgency = Urgency.NOTICE, name: str = "n") -> None:
    for number in range(count):
        room.journal.add(event(f"{name}{number}", sensor=f"s{number}", urgency=urgency), "gate")


async def test_while_it_is_away_there_is_one_probe_at_a_time(room: Room) -> None:
    room.vms.always = refuses
    fill(room)
    await room.start()
    at_once = len(room.vms.asked)
    assert at_once <= 16  # those that were under way when the first was refused
    await room.clock.advance(600.0)
    probes = [at for _, at in room.vms.asked[at_once:]]
    assert 60 <= len(probes) <= 240  # half of 10 s apart on average, more often at first
    assert len(set(probes)) == len(probes)
    assert max(later - earlier for earlier, later in itertools.pairwise(probes)) <= 10.0
    assert room.journal.states() == {DeliveryState.PENDING: 199, DeliveryState.BEGUN: 1}


async def test_a_probe_that_hangs_is_the_only_one(room: Room) -> None:
    room.vms.always = refuses
    fill(room)
    fill(room, 50, Urgency.ALARM, "a")
    await room.start()
    room.vms.always = hangs
    before = len(room.vms.asked)
    await room.clock.advance(14.0)
    assert len(room.vms.asked) == before + 1
    assert len(room.vms.hanging) == 1


async def test_the_probe_is_an_alarm_if_there_is_one(room: Room) -> None:
    room.vms.always = refuses
    fill(room)
    await room.start()
    await room.clock.advance(120.0)
    fill(room, 1, Urgency.ALARM, "alarm")
    before = len(room.vms.asked)
    await room.until(lambda: len(room.vms.asked) >= before + 5)
    assert {name for name, _ in room.vms.asked[before:]} == {"alarm0"}


async def test_a_new_alarm_is_tried_within_two_seconds_and_no_more_often(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "full_jitter", lambda tries, longest, first=0.0: longest)
    room.vms.always = refuses
    fill(room)
    await room.start()
    await room.clock.advance(301.0)  # probes at 30, 60 … 300 s
    before = len(room.vms.asked)
    room.journal.add(event("fire", sensor="f", urgency=Urgency.ALARM), "gate")
    await room.clock.advance(1.1)
    assert [name for name, _ in room.vms.asked[before:]] == ["fire"]
    await room.clock.advance(4.8)
    assert len(room.vms.asked) == before + 1  # no longer new, so only every 5 s
    await room.clock.advance(0.2)
    assert len(room.vms.asked) == before + 2
    before += 1
    for number in range(100):
        room.journal.add(event(f"x{number}", sensor=f"x{number}", urgency=Urgency.ALARM), "gate")
        await room.clock.advance(0.1)
    assert 2 <= len(room.vms.asked) - before - 1 <= 6


async def test_it_is_said_once_when_it_goes_and_once_when_it_is_back(room: Room) -> None:
    said: list[str] = []
    begin, end = room.conditions.begin, room.conditions.end

    def begins(key: str, why: str) -> None:
        if not room.conditions.holds(key):
            said.append(f"{key}: {why}")
        begin(key, why)

    def ends(key: str, what: str = "works again") -> None:
        if room.conditions.holds(key):
            said.append(f"{key} {what}")
        end(key, what)

    room.conditions.begin, room.conditions.end = begins, ends  # type: ignore[method-assign]
    room.vms.always = refuses
    fill(room)
    await room.start()
    await room.clock.advance(3600.0)
    room.vms.always = takes
    await room.until(lambda: len(room.vms.record) == 200)
    assert said == ["vms cloud: connection refused", "vms cloud works again"]


async def test_one_refused_connection_is_no_news(room: Room) -> None:
    room.vms.script.append(refuses)
    room.journal.add(event(1), "gate")
    await room.start()
    room.journal.add(event(2, sensor="other"), "gate")
    await quiet()
    assert room.vms.events() == ["2"]
    await room.clock.advance(0.6)
    assert room.vms.events() == ["2", "1"]
    assert room.conditions.held() == ()


async def test_a_short_absence_is_no_news_and_needs_no_slow_way_back(room: Room) -> None:
    room.vms.script.extend([refuses] * 16)
    fill(room)
    await room.start()
    assert len(room.vms.asked) == 12
    room.vms.script.clear()
    room.vms.always = hangs
    await room.clock.advance(1.1)
    assert len(room.vms.hanging) == 1
    request, answer = room.vms.hanging[0]
    answer.set_result(room.vms.take(request))
    await quiet()
    assert len(room.vms.hanging) == 1 + 12
    assert room.conditions.held() == ()


async def test_it_comes_back_gradually(rooms: MakeRoom) -> None:
    room = rooms(cloud=VmsSettings(type="any", connections=64, alarm_connections=4))
    room.vms.always = refuses
    fill(room)
    await room.start()
    await room.until(lambda: room.conditions.holds("vms cloud"))
    room.vms.always = hangs
    await room.until(lambda: room.vms.hanging)
    in_flight = []
    for _ in range(6):
        waiting, room.vms.hanging = room.vms.hanging, []
        in_flight.append(len(waiting))
        request, answer = waiting[0]
        answer.set_result(room.vms.take(request))
        await quiet()
        room.vms.hanging = [*waiting[1:], *room.vms.hanging]
    assert in_flight == [1, 2, 4, 8, 16, 32]


def test_silence_counts_only_in_a_row() -> None:
    clock = HandClock()
    state = availability.Availability("vms cloud", 16, clock, Conditions(clock), lambda: None, lambda: False)
    for _ in range(10):
        state.silent("cut", refused=False, probe=False)
        state.silent("cut", refused=False, probe=False)
        assert not state.away
        state.answered()
    state.silent("refused", refused=True, probe=False)
    assert not state.away
    state.silent("cut", refused=False, probe=False)
    assert state.away


async def test_now_and_then_a_cut_is_no_news(room: Room) -> None:
    room.vms.script.extend([cut_before, cut_before, takes] * 5)
    fill(room, 5)
    await room.start()
    await room.clock.advance(60.0)
    assert len(room.vms.record) == 5
    assert room.conditions.held() == ()


async def test_days_of_absence_of_one_vms_are_nothing_to_another(rooms: MakeRoom) -> None:
    room = rooms(cloud=VmsSettings(type="any"), other=VmsSettings(type="any"))
    room.vms.always = refuses
    fill(room, 3)
    await room.start()
    for day in range(2):
        await room.clock.advance(36000.0)
        room.journal.add(event(f"day{day}"), "gate", "other")
        await quiet()
        assert room.others[VmsId("other")].events()[-1] == f"day{day}"
    room.vms.always = takes
    await room.until(lambda: len(room.vms.record) == 3, within=40.0)


async def test_a_doubt_outlives_being_given_back(room: Room) -> None:
    """Two in doubt and no alarms: one waits to be the probe, the other goes back and is still in doubt."""
    fill(room, 3)
    room.vms.always = hangs
    await room.start()
    for request, _ in room.vms.hanging:
        room.vms.take(request)
    await room.kill()
    room.vms.search = room.vms.unsearchable
    room.vms.always = refuses
    room.journal.add(event("new", sensor="new", urgency=Urgency.FAULT), "gate")
    await room.start()
    await room.clock.advance(20.0)
    assert [row.ambiguous for row in room.journal.rows[:3]] == [True, True, True]
    room.vms.search = room.vms._search
    room.vms.always = takes
    await room.clock.advance(60.0)
    assert sorted(room.vms.events()) == ["n0", "n1", "n2", "new"]


async def test_a_doubt_that_is_only_about_its_camera_does_not_keep_the_vms_away(room: Room) -> None:
    """The VMS is back, and of the alarms on one camera nothing comes there: it is the probe, for it is an alarm."""
    room.vms.always = refuses
    fill(room)
    room.journal.add(event("dead", sensor="dead", urgency=Urgency.ALARM), "yard")
    await room.start()
    await room.until(lambda: room.conditions.holds("vms cloud"))

    def nothing_comes_of_some(vms: ScriptedVms, request: Request) -> Outcome:
        return Ambiguous("no event has come of it") if request.camera == "yard" else vms.take(request)

    room.vms.always = nothing_comes_of_some
    await room.until(lambda: len(room.vms.events()) == 200)
    assert room.conditions.held() == ()


async def test_an_alarm_that_is_never_answered_does_not_keep_the_vms_away(room: Room) -> None:
    """Of a camera that hangs, on a VMS that answers for all others."""

    def silent_for_some(vms: ScriptedVms, request: Request) -> Outcome:
        return Ambiguous("time-out", away=True) if request.camera == "yard" else vms.take(request)

    room.vms.always = silent_for_some
    room.vms.search = lambda delivery: (
        room.vms.unsearchable(delivery) if delivery.camera == "yard" else room.vms._search(delivery)
    )
    room.journal.add(event("dead", sensor="dead", urgency=Urgency.ALARM), "yard")
    await room.start()
    await room.until(lambda: room.conditions.holds("vms cloud"))
    fill(room, 20)
    await room.until(lambda: len(room.vms.events()) == 20)


async def test_a_crash_while_it_is_away_loses_and_doubles_nothing(room: Room) -> None:
    room.vms.always = refuses
    fill(room, 20)
    await room.start()
    await room.clock.advance(60.0)
    await room.kill()
    room.vms.always = takes
    await room.start()
    await room.until(lambda: len(room.vms.record) == 20)
    assert len(set(room.vms.events())) == 20

"""Each condition is an event once, and its restore follows what became of it."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bridge.decide.rules import Armed, ChatterOff, Inhibit, Schedule, Select, Suppress
from bridge.model import Clock, Collapse, Fate, State, StateChange, StateKey, Urgency
from bridge.profiles.expression import compile_expression
from tests.decide.conftest import START, Bench, door, site_of

RESTORED = State.RESTORED
ALARM = Urgency.ALARM
NIGHT = Schedule("night", (Armed((0, 1, 2, 3, 4, 5, 6), 18 * 3600, 6 * 3600),))


def at(clock: str) -> float:
    """Seconds from the bench's start to this time of that day."""
    hours, _, minutes = clock.partition(":")
    return float(int(hours) * 3600 + int(minutes) * 60 - START.hour * 3600)


def test_an_active_that_is_repeated_is_part_of_the_open_event(bench: Bench) -> None:
    opened = bench.say(door()).events[0]
    again = bench.say(door())
    assert (again.verdicts[0].fate, again.verdicts[0].event) == (Fate.COLLAPSED, opened.id)
    assert (again.events, again.deliveries) == ((), ())


def test_after_its_restore_a_condition_is_a_new_event(bench: Bench) -> None:
    bench.say(door())
    bench.say(door(RESTORED))
    assert bench.say(door()).verdicts[0].fate is Fate.RAISED


def test_conditions_of_other_names_are_events_of_their_own(bench: Bench) -> None:
    bench.say(door())
    assert bench.say(door(condition="door|8")).verdicts[0].fate is Fate.RAISED


def test_what_is_more_urgent_than_the_open_event_is_an_event_of_its_own_and_the_restore_closes_it(bench: Bench) -> None:
    first = bench.say(door()).events[0]
    worse = bench.say(door(urgency=ALARM)).events[0]
    assert worse.marks == (f"more urgent than {first.id}",)
    assert bench.say(door()).verdicts[0].event == worse.id
    closed = bench.say(door(RESTORED)).events[0]
    assert (closed.closes, closed.urgency) == (worse.id, ALARM)


def test_two_items_of_one_message_about_one_condition_are_one_event(bench: Bench) -> None:
    decision = bench.say(door(), door())
    assert [verdict.fate for verdict in decision.verdicts] == [Fate.RAISED, Fate.COLLAPSED]
    assert len(decision.events) == 1


def test_the_restore_of_what_a_rule_filtered_is_filtered_by_the_same_name() -> None:
    bench = Bench(site_of(NIGHT))
    assert bench.say(door()).verdicts[0].rule == "night"
    restore = bench.say(door(RESTORED))
    assert (restore.verdicts[0].fate, restore.verdicts[0].rule) == (Fate.FILTERED, "night")
    assert (restore.events, bench.facts()) == ((), {})


def test_the_restore_of_what_was_raised_is_raised_although_the_schedule_is_off_by_now() -> None:
    bench = Bench(site_of(NIGHT))
    bench.seconds = at("19:00")
    opened = bench.say(door()).events[0]
    bench.seconds = at("31:00")
    assert bench.say(door(RESTORED)).events[0].closes == opened.id


def test_no_rule_is_asked_about_the_restore_of_what_was_raised() -> None:
    only_active = Select("actives", compile_expression('event.state == "active"', {"event"}))
    bench = Bench(site_of(only_active))
    opened = bench.say(door()).events[0]
    assert bench.say(door(RESTORED)).events[0].closes == opened.id


def test_a_condition_that_was_filtered_and_is_still_on_is_judged_again_when_it_is_told_again() -> None:
    """A device that tells active again and again, or whose restore was lost, must not be silent at night."""
    bench = Bench(site_of(NIGHT))
    assert bench.say(door()).verdicts[0].fate is Fate.FILTERED
    bench.seconds = at("18:01")
    raised = bench.say(door())
    assert raised.verdicts[0].fate is Fate.RAISED
    assert bench.say(door(RESTORED)).events[0].closes == raised.events[0].id


def test_an_orphan_restore_is_raised_and_marked_whatever_the_hour() -> None:
    bench = Bench(site_of(NIGHT, Suppress("quiet", 600.0)))
    for _ in range(2):
        orphan = bench.say(door(RESTORED))
        assert orphan.events[0].marks == ("restored without a known start",)
        assert orphan.deliveries


def test_an_orphan_restore_of_what_a_select_does_not_want_is_filtered() -> None:
    leaks = Select("leaks only", compile_expression('event.type == "leak"', {"event"}))
    assert Bench(site_of(leaks)).say(door(RESTORED)).verdicts[0].rule == "leaks only"


def test_a_restore_goes_to_the_cameras_that_were_shown_its_beginning() -> None:
    bench = Bench(site_of())
    bench.say(door())
    gate = bench.site.sensors["gate-lpr"]  # type: ignore[index]
    moved = msgspec.structs.replace(gate, cameras=("gate-wide",))
    bench.site = msgspec.structs.replace(bench.site, sensors={gate.id: moved})
    assert [each.camera for each in bench.say(door(RESTORED)).deliveries] == ["gate-in", "gate-wide"]


def test_a_condition_that_ends_by_itself_is_restored_once_and_marked(bench: Bench) -> None:
    opened = bench.say(door(ends_after=60.0, urgency=ALARM)).events[0]
    (ended,) = bench.wait(60.0)
    restore = ended.events[0]
    assert (restore.id, restore.state, restore.closes) == (f"{opened.id}-end", State.RESTORED, opened.id)
    assert (restore.urgency, restore.type, restore.marks) == (ALARM, "door.open", ("no end was told",))
    assert (restore.occurred_at, restore.clock) == (START + timedelta(seconds=60), Clock.ARRIVAL)
    assert [each.camera for each in ended.deliveries] == ["gate-in", "gate-wide"]
    assert (bench.facts(), bench.wait(1000.0)) == ({}, [])


def test_each_active_pushes_the_end_and_a_told_end_takes_the_timer_with_it(bench: Bench) -> None:
    bench.say(door(ends_after=60.0))
    for _ in range(3):
        assert bench.wait(50.0) == []
        bench.say(door(ends_after=60.0))
    assert bench.say(door(RESTORED)).events[0].closes
    assert (bench.facts(), bench.wait(1000.0)) == ({}, [])


def test_further_messages_about_one_thing_put_off_the_end_of_its_condition_too(bench: Bench) -> None:
    thing = Collapse("door 7", hold=1.0, window=600.0)
    opened = bench.say(door(collapse=thing, ends_after=60.0)).verdicts[0].event
    bench.wait(50.0)
    assert bench.say(door(collapse=thing, ends_after=60.0)).verdicts[0].event == opened
    assert bench.wait(59.0) == []
    assert [event.closes for event in bench.wait(1.0)[0].events] == [opened]


def test_what_was_filtered_ends_by_itself_without_a_word() -> None:
    bench = Bench(site_of(NIGHT))
    bench.say(door(ends_after=60.0))
    (ended,) = bench.wait(60.0)
    assert (ended.events, bench.facts()) == ((), {})


def test_a_condition_left_open_by_an_earlier_version_is_closed_too(bench: Bench) -> None:
    key = StateKey(bench.site.sensors["gate-lpr"].id, "condition", "door|7")  # type: ignore[index]
    bench.memory.apply([StateChange(key, b"0 m0.0", float("inf"))], 0.0, 0.0)
    closed = bench.say(door(RESTORED)).events[0]
    assert (closed.closes, closed.urgency) == ("m0.0", ALARM)


def test_an_open_condition_is_never_dropped_for_room(bench: Bench) -> None:
    for number in range(2_500):
        bench.say(door(condition=f"door|{number}"))
    assert bench.say(door(RESTORED, condition="door|0")).events[0].closes == "m1.0"


def test_an_armed_end_is_never_dropped_for_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.decide.memory.PER_KIND", 200)
    for number in range(250):
        bench.say(door(condition=f"door|{number}", ends_after=60.0))
    assert sum(len(ended.events) for ended in bench.wait(61.0)) == 250


def test_a_test_event_opens_and_closes_nothing_real(bench: Bench) -> None:
    assert bench.say(door(ends_after=5.0), test=True).verdicts[0].fate is Fate.RAISED
    assert bench.facts() == {}
    opened = bench.say(door()).events[0]
    bench.say(door(RESTORED), test=True)
    assert bench.say(door(RESTORED)).events[0].closes == opened.id


@pytest.mark.parametrize("urgency", list(Urgency))
def test_an_inhibited_sensor_raises_nothing_until_it_is_in_service_again_by_itself(urgency: Urgency) -> None:
    bench = Bench(site_of(Inhibit("roof works", START + timedelta(hours=1))))
    inhibited = bench.say(door(urgency=urgency)).verdicts[0]
    assert (inhibited.fate, inhibited.rule) == (Fate.FILTERED, "inhibit: roof works")
    bench.seconds = 3600.0
    assert bench.say(door(urgency=urgency)).verdicts[0].fate is Fate.RAISED


def test_the_restore_of_an_event_from_before_the_inhibit_goes_through() -> None:
    bench = Bench(site_of())
    opened = bench.say(door()).events[0]
    bench.site = site_of(Inhibit("roof works", START + timedelta(hours=1)))
    assert bench.say(door(RESTORED)).events[0].closes == opened.id


def test_a_schedule_is_of_the_sensors_own_zone() -> None:
    site = site_of(NIGHT, ChatterOff())
    gate = site.sensors["gate-lpr"]  # type: ignore[index]
    sydney = msgspec.structs.replace(gate, timezone=ZoneInfo("Australia/Sydney"))
    bench = Bench(msgspec.structs.replace(site, sensors={gate.id: sydney}))
    assert bench.say(door()).verdicts[0].fate is Fate.RAISED  # 9:00 UTC is 20:00 there

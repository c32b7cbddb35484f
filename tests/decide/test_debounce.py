"""An active is raised only when it lasted; what ends before is on record and on no camera."""

from __future__ import annotations

import msgspec
import pytest

from bridge.decide.rules import CollapseOff, Debounce, Inhibit, Select
from bridge.model import Collapse, Complete, Fate, State, Urgency
from bridge.profiles.expression import compile_expression
from tests.decide.conftest import START, Bench, door, draft, site_of

FIVE = Debounce("five", 5.0)
RESTORED = State.RESTORED


@pytest.fixture
def bench() -> Bench:
    return Bench(site_of(FIVE))


def test_what_lasts_is_raised_under_the_id_its_first_message_was_promised(bench: Bench) -> None:
    first = bench.say(door())
    assert (first.verdicts[0].fate, first.events) == (Fate.COLLAPSED, ())
    (lasted,) = bench.wait(5.0)
    assert [event.id for event in lasted.events] == [first.verdicts[0].event]
    assert (lasted.events[0].occurred_at, len(lasted.deliveries)) == (START, 2)
    assert bench.say(door()).verdicts[0].event == first.verdicts[0].event
    assert bench.say(door(RESTORED)).events[0].closes == first.verdicts[0].event


def test_a_restore_in_between_ends_both(bench: Bench) -> None:
    first = bench.say(door())
    bench.seconds = 4.9
    restore = bench.say(door(RESTORED))
    assert (restore.verdicts[0].fate, restore.verdicts[0].rule) == (Fate.FILTERED, "five")
    assert [(event.id, event.withheld) for event in restore.events] == [(first.verdicts[0].event, "five")]
    assert (restore.deliveries, bench.facts(), bench.wait(60.0)) == ((), {}, [])


def test_repeated_actives_do_not_put_it_off(bench: Bench) -> None:
    first = bench.say(door()).verdicts[0].event
    for _ in range(4):
        assert bench.wait(1.0) == []
        assert bench.say(door()).verdicts[0].event == first
    assert [event.id for event in bench.wait(1.0)[0].events] == [first]


def test_an_alarm_is_not_kept_waiting_unless_the_rule_says_so(bench: Bench) -> None:
    assert bench.say(door(urgency=Urgency.ALARM)).verdicts[0].fate is Fate.RAISED
    slow = Bench(site_of(Debounce("five", 5.0, alarms=True)))
    assert slow.say(door(urgency=Urgency.ALARM)).verdicts[0].fate is Fate.COLLAPSED


def test_an_alarm_raises_what_is_still_waiting_at_once_and_once(bench: Bench) -> None:
    waiting = bench.say(door()).verdicts[0].event
    alarm = bench.say(door(urgency=Urgency.ALARM))
    assert (alarm.verdicts[0].fate, alarm.verdicts[0].event) == (Fate.RAISED, waiting)
    assert [event.id for event in alarm.events] == [waiting]
    assert bench.wait(60.0) == []


def test_what_is_momentary_has_nothing_to_last(bench: Bench) -> None:
    assert bench.say(draft()).verdicts[0].fate is Fate.RAISED


def test_only_what_when_names_has_to_last() -> None:
    bench = Bench(site_of(Debounce("five", 5.0, compile_expression('event.fields.door == "8"', {"event"}))))
    assert bench.say(door()).verdicts[0].fate is Fate.RAISED
    assert bench.say(door(condition="door|8", fields={"door": "8"})).verdicts[0].fate is Fate.COLLAPSED


def test_rules_before_it_judge_on_arrival_and_those_after_it_when_it_has_lasted() -> None:
    before = Select("doors", compile_expression('event.type == "door.open"', {"event"}))
    after = Inhibit("works", START.replace(second=4))
    bench = Bench(site_of(before, FIVE, after))
    assert bench.say(door(type="window.open", condition="window")).verdicts[0].rule == "doors"
    first = bench.say(door())
    assert [event.id for event in bench.wait(5.0)[0].events] == [first.verdicts[0].event]


def test_a_rule_after_it_that_filters_leaves_the_event_on_record_and_its_restore_follows() -> None:
    bench = Bench(site_of(FIVE, Inhibit("works", START.replace(hour=10))))
    first = bench.say(door())
    (judged,) = bench.wait(5.0)
    assert [(each.id, each.withheld) for each in judged.events] == [(first.verdicts[0].event, "inhibit: works")]
    assert judged.deliveries == ()
    assert bench.say(door(RESTORED)).verdicts[0].rule == "inhibit: works"


def test_it_ends_untold_when_its_device_falls_silent_before_it_has_lasted() -> None:
    bench = Bench(site_of(Debounce("thirty", 30.0)))
    bench.say(door(ends_after=10.0))
    (ended,) = bench.wait(60.0)
    assert [event.withheld for event in ended.events] == ["thirty"]
    assert bench.facts() == {}


def test_it_ends_when_a_message_that_tells_all_does_not_name_it(bench: Bench) -> None:
    bench.say(door())
    told = bench.say(draft(complete=Complete("door", ())))
    assert [(event.withheld, event.type) for event in told.events] == [
        ("five", "door.open"),
        ("", "vehicle.identified"),
    ]
    assert bench.wait(60.0) == []


def test_one_that_waits_when_its_sensor_is_removed_is_on_record(bench: Bench) -> None:
    first = bench.say(door())
    bench.site = msgspec.structs.replace(bench.site, sensors={})
    (gone,) = bench.wait(5.0)
    assert [(each.id, each.withheld) for each in gone.events] == [
        (first.verdicts[0].event, "the sensor was removed from the site")
    ]


def test_what_was_held_for_a_better_message_then_has_to_last_and_is_raised_once() -> None:
    bench = Bench(site_of(FIVE))
    held = bench.say(door(collapse=Collapse("door 7", hold=1.0, window=60.0)))
    first, second = bench.wait(60.0)
    assert (first.events, [event.id for event in second.events]) == ((), [held.verdicts[0].event])


def test_a_restore_ends_the_hold_of_its_active_first() -> None:
    bench = Bench(site_of(CollapseOff()))
    assert bench.say(door(collapse=Collapse("d", hold=1.0, window=60.0))).verdicts[0].fate is Fate.RAISED
    bench = Bench(site_of())
    held = bench.say(door(collapse=Collapse("d", hold=1.0, window=60.0))).verdicts[0].event
    restored = bench.say(door(RESTORED, collapse=Collapse("d", hold=1.0, window=60.0)))
    assert [(event.id, event.closes) for event in restored.events] == [(held, None), ("m2.0", held)]
    assert bench.wait(10.0) == []
    again = bench.say(door(collapse=Collapse("d", hold=0.0, window=60.0)))
    assert again.verdicts[0].fate is Fate.RAISED

"""Repeats are filtered for a while, and counted on the next event."""

from __future__ import annotations

import pytest

from bridge.decide.rules import Debounce, Inhibit, Rule, Select, Set, Suppress
from bridge.model import Draft, Fate, State, Urgency
from bridge.profiles.expression import compile_expression
from tests.decide.conftest import START, Bench, door, draft, site_of

TEN = Suppress("ten", 600.0, same=("plate",))


def fates(bench: Bench, *drafts: Draft) -> list[Fate]:
    return [bench.say(each).verdicts[0].fate for each in drafts]


def test_repeats_within_the_window_are_filtered_and_the_next_event_says_how_many() -> None:
    bench = Bench(site_of(TEN))
    first = bench.say(draft("A"))
    assert "suppressed" not in first.events[0].fields
    bench.seconds = 599.0
    assert [bench.say(draft("A")).verdicts[0].rule for _ in range(3)] == ["ten"] * 3
    bench.seconds = 600.0
    assert bench.say(draft("A")).events[0].fields["suppressed"] == 3
    bench.seconds = 1_300.0
    assert "suppressed" not in bench.say(draft("A")).events[0].fields


def test_repeats_do_not_stretch_the_window() -> None:
    bench = Bench(site_of(TEN))
    told = []
    for _ in range(20):
        told.append(bench.say(draft("A")).verdicts[0].fate)
        bench.seconds += 100.0
    assert told.count(Fate.RAISED) == 4


def test_other_values_and_other_types_are_no_repeats() -> None:
    bench = Bench(site_of(TEN))
    assert fates(bench, draft("A"), draft("B"), draft("A", type="vehicle.left")) == [Fate.RAISED] * 3


def test_without_fields_the_condition_makes_a_repeat_and_its_restore_follows() -> None:
    bench = Bench(site_of(Suppress("ten", 600.0)))
    cycle = [door(), door(State.RESTORED)]
    assert fates(bench, *cycle, *cycle) == [Fate.RAISED, Fate.RAISED, Fate.FILTERED, Fate.FILTERED]
    assert fates(bench, door(condition="door|8")) == [Fate.RAISED]


def test_alarms_are_not_suppressed_unless_the_rule_says_so() -> None:
    alarm = draft(urgency=Urgency.ALARM)
    assert fates(Bench(site_of(TEN)), alarm, alarm) == [Fate.RAISED] * 2
    assert fates(Bench(site_of(Suppress("ten", 600.0, alarms=True))), alarm, alarm)[1] is Fate.FILTERED


def test_what_another_rule_keeps_back_starts_no_window() -> None:
    """Else the first event after the inhibit would be taken for a repeat of one that nobody saw."""
    bench = Bench(site_of(TEN, Inhibit("works", START.replace(minute=1))))
    bench.say(draft("A"))
    bench.seconds = 61.0
    assert fates(bench, draft("A")) == [Fate.RAISED]


def test_it_is_only_about_what_when_names() -> None:
    lane = compile_expression('event.fields.lane == "2"', {"event"})
    assert fates(Bench(site_of(Suppress("ten", 600.0, when=lane))), draft("A"), draft("A")) == [Fate.RAISED] * 2


def test_a_when_that_fails_suppresses_nothing_and_says_so() -> None:
    bench = Bench(site_of(Suppress("ten", 600.0, when=compile_expression("event.fields.colour == 1", {"event"}))))
    bench.say(draft("A"))
    event = bench.say(draft("A")).events[0]
    assert event.marks == ("rule ten failed: event.fields.colour == 1: there is no event.fields.colour",)


def test_a_clock_set_back_does_not_stretch_the_window() -> None:
    bench = Bench(site_of(TEN))
    bench.say(draft("A"))
    bench.seconds = -3600.0
    assert fates(bench, draft("A")) == [Fate.RAISED]


def test_a_test_event_is_not_taken_for_the_first_of_many() -> None:
    bench = Bench(site_of(TEN))
    bench.say(draft("A"), test=True)
    assert fates(bench, draft("A")) == [Fate.RAISED]


def test_two_windows_count_together() -> None:
    bench = Bench(site_of(Suppress("short", 60.0), Suppress("long", 600.0)))
    bench.say(draft("A"))
    bench.say(draft("A"))
    bench.seconds = 100.0
    bench.say(draft("A"))
    bench.seconds = 700.0
    assert bench.say(draft("A")).events[0].fields["suppressed"] == 2


def test_a_later_rule_sees_the_count() -> None:
    few = Select("few", compile_expression("has(event.fields.suppressed)", {"event"}))
    assert fates(Bench(site_of(TEN, few)), draft("A")) == [Fate.FILTERED]


def test_a_rule_after_it_that_changes_the_type_does_not_end_the_window() -> None:
    bench = Bench(site_of(TEN, Set("local", type="Fahrzeug")))
    assert fates(bench, draft("A"), draft("A")) == [Fate.RAISED, Fate.FILTERED]


@pytest.mark.parametrize("rules", [(TEN, Debounce("five", 5.0)), (Debounce("five", 5.0), TEN)])
def test_with_a_debounce_the_window_begins_when_the_event_is_raised(rules: tuple[Rule, ...]) -> None:
    bench = Bench(site_of(*rules))
    bench.say(door())
    bench.wait(4.0)
    bench.say(door(State.RESTORED))  # it did not last: nobody saw it, so the next is no repeat
    bench.say(door())
    assert [event.withheld for event in bench.wait(5.0)[0].events] == [""]
    bench.say(door(State.RESTORED))
    bench.seconds += 590.0
    bench.say(door())
    assert all(not decision.deliveries for decision in bench.wait(5.0))

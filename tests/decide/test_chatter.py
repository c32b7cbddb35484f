"""What flaps is told ten times, then once: how often, when it is quiet again."""

from __future__ import annotations

import pytest

from bridge.decide.rules import Chatter, ChatterOff, Debounce, Inhibit, Rule
from bridge.model import Decision, Fate, State, Urgency
from tests.decide.conftest import START, Bench, door, draft, site_of

RESTORED = State.RESTORED


def flaps(bench: Bench, times: int, **changes: object) -> list[Decision]:
    """On and off, a second each; the decisions about on."""
    decided = []
    for _ in range(times):
        decided.append(bench.say(door(**changes)))
        bench.wait(1.0)
        bench.say(door(RESTORED, **changes))
        bench.wait(1.0)
    return decided


def fates(decided: list[Decision]) -> list[Fate]:
    return [decision.verdicts[0].fate for decision in decided]


def test_the_eleventh_time_within_a_minute_is_filtered_and_its_restore_too(bench: Bench) -> None:
    assert fates(flaps(bench, 10)) == [Fate.RAISED] * 10
    late = flaps(bench, 3)
    assert [decision.verdicts[0].rule for decision in late] == ["chatter"] * 3
    assert bench.say(door(RESTORED, condition="door|8")).verdicts[0].fate is Fate.RAISED


def test_ten_in_more_than_a_minute_are_ten_events(bench: Bench) -> None:
    for _ in range(4):
        assert fates(flaps(bench, 10)) == [Fate.RAISED] * 10
        bench.wait(41.0)


def test_when_it_is_quiet_for_a_minute_one_event_says_how_many(bench: Bench) -> None:
    last = flaps(bench, 15)[-1]
    assert bench.wait(57.9) == []
    (quiet,) = bench.wait(0.2)
    event = quiet.events[0]
    assert (event.id, event.state, event.fields["chattered"]) == ("m29.0-chatter", State.MOMENTARY, 5)
    assert event.marks == ("chatter: 5 were not shown one by one",)
    assert last.verdicts[0].event is None
    assert len(quiet.deliveries) == 2
    assert fates(flaps(bench, 10)) == [Fate.RAISED] * 10


def test_one_that_is_on_when_it_is_quiet_again_is_raised_as_on_and_restored_later(bench: Bench) -> None:
    flaps(bench, 12)
    bench.say(door())
    for _ in range(3):
        assert bench.wait(15.0) == []
        assert bench.say(door()).verdicts[0].rule == "chatter"  # still on: told again, and no flap
    (quiet,) = bench.wait(15.0)
    event = quiet.events[0]
    assert (event.state, event.condition, event.fields["chattered"]) == (State.ACTIVE, "door|7", 3)
    assert bench.say(door()).verdicts[0].event == event.id
    assert bench.say(door(RESTORED)).events[0].closes == event.id


@pytest.mark.parametrize("urgency", [Urgency.ALARM, Urgency.FAULT])
def test_alarms_and_faults_may_flap_as_they_like(bench: Bench, urgency: Urgency) -> None:
    assert fates(flaps(bench, 30, urgency=urgency)) == [Fate.RAISED] * 30


def test_momentary_events_may_come_as_they_like(bench: Bench) -> None:
    assert [bench.say(draft()).verdicts[0].fate for _ in range(50)] == [Fate.RAISED] * 50


def test_restores_that_nothing_began_chatter_too(bench: Bench) -> None:
    told = [bench.say(door(RESTORED)).verdicts[0].fate for _ in range(20)]
    assert told.count(Fate.RAISED) == 10
    assert [event.fields["chattered"] for event in bench.wait(60.0)[0].events] == [10]
    assert bench.facts() == {}


def test_off_means_off() -> None:
    assert fates(flaps(Bench(site_of(ChatterOff())), 30)) == [Fate.RAISED] * 30


def test_a_rule_of_its_own_takes_the_place_of_the_usual_one() -> None:
    bench = Bench(site_of(Chatter("few", 2, 60.0)))
    assert fates(flaps(bench, 4)) == [Fate.RAISED, Fate.RAISED, Fate.FILTERED, Fate.FILTERED]


@pytest.mark.parametrize(
    ("rule", "urgency", "limited"),
    [
        (Chatter("few", 2, 60.0), Urgency.FAULT, True),
        (Chatter("few", 2, 60.0), Urgency.ALARM, False),
        (Chatter("few", 2, 60.0, alarms=True), Urgency.ALARM, True),
    ],
)
def test_a_rule_of_its_own_is_about_faults_and_on_demand_alarms(rule: Rule, urgency: Urgency, limited: bool) -> None:
    assert (Fate.FILTERED in fates(flaps(Bench(site_of(rule)), 4, urgency=urgency))) is limited


def test_a_rule_of_its_own_limits_momentary_events_by_type() -> None:
    bench = Bench(site_of(Chatter("few", 2, 60.0)))
    assert [bench.say(draft()).verdicts[0].fate for _ in range(3)][-1] is Fate.FILTERED
    assert bench.say(draft(type="vehicle.left")).verdicts[0].fate is Fate.RAISED
    (quiet,) = bench.wait(60.0)
    assert (quiet.events[0].fields["chattered"], quiet.events[0].state) == (1, State.MOMENTARY)


def test_the_summary_is_judged_by_the_rules_after_it() -> None:
    bench = Bench(site_of(Chatter("few", 2, 60.0)))
    flaps(bench, 4)
    bench.site = site_of(Chatter("few", 2, 60.0), Inhibit("works", START.replace(hour=23)))
    (quiet,) = bench.wait(60.0)
    assert ([event.withheld for event in quiet.events], quiet.deliveries) == (["inhibit: works"], ())


def test_a_clock_set_back_counts_anew(bench: Bench) -> None:
    flaps(bench, 10)
    bench.seconds -= 7200.0
    assert fates(flaps(bench, 1)) == [Fate.RAISED]


def test_what_has_to_last_chatters_all_the_same_and_what_was_promised_is_on_record() -> None:
    bench = Bench(site_of(Debounce("half", 0.5), Chatter("few", 2, 60.0)))
    told = []
    for _ in range(4):
        bench.say(door())
        told += [event.withheld for decision in bench.wait(1.0) for event in decision.events]
        bench.say(door(RESTORED))
    assert told == ["", "", "few", "few"]
    assert [event.fields["chattered"] for decision in bench.wait(60.0) for event in decision.events] == [2]

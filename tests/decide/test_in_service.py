"""What people said of a sensor for a while: its events are tests, or nothing new of it is raised."""

from __future__ import annotations

import msgspec

from bridge.decide.decide import decide_timer
from bridge.decide.in_service import INHIBIT, SERVICE, TEST, Said, begun, ended
from bridge.decide.rules import Debounce
from bridge.model import Complete, Fate, SensorId, State, StateKey, Urgency
from tests.decide.conftest import VEHICLE, Bench, door, draft, site_of

GATE = SensorId("gate-lpr")


def say(bench: Bench, what: str, why: str = "roof works") -> None:
    bench.memory.apply([begun(GATE, what, Said(why, 0.0), 1800.0)], bench.at.utc.timestamp(), bench.at.monotonic)


def unsay(bench: Bench, what: str) -> None:
    bench.memory.apply([ended(GATE, what)], bench.at.utc.timestamp(), bench.at.monotonic)


def test_an_inhibited_sensor_raises_nothing_alarms_neither_and_says_why(bench: Bench) -> None:
    say(bench, INHIBIT)
    decision = bench.say(draft(), door(urgency=Urgency.ALARM))
    assert [(each.fate, each.rule) for each in decision.verdicts] == [(Fate.FILTERED, "inhibit: roof works")] * 2
    assert not decision.deliveries


def test_the_restore_of_an_earlier_event_goes_through_an_inhibit(bench: Bench) -> None:
    (raised,) = bench.say(door()).events
    say(bench, INHIBIT)
    (restored,) = bench.say(door(State.RESTORED)).events
    assert restored.closes == raised.id


def test_what_was_held_when_the_inhibit_began_is_withheld(bench: Bench) -> None:
    bench.say(draft(collapse=VEHICLE))
    say(bench, INHIBIT)
    bench.seconds += 2
    (event,) = bench.timer().events
    assert event.withheld == "inhibit: roof works"


def test_what_still_had_to_last_when_the_inhibit_began_is_withheld() -> None:
    bench = Bench(site_of(Debounce("five", 5.0)))
    bench.say(door())
    say(bench, INHIBIT)
    ((event,),) = [decision.events for decision in bench.wait(6)]
    assert event.withheld == "inhibit: roof works"


def test_in_test_mode_events_are_flagged_and_stand_on_the_cameras(bench: Bench) -> None:
    say(bench, TEST)
    decision = bench.say(draft("4AB1234"))
    (event,) = decision.events
    assert event.test
    assert event.title == "TEST 4AB1234"
    assert len(decision.deliveries) == 2


def test_a_tested_alarm_opens_nothing_so_that_the_real_one_is_raised(bench: Bench) -> None:
    say(bench, TEST)
    decision = bench.say(door(urgency=Urgency.ALARM))
    assert decision.events[0].test
    assert bench.say(door(State.RESTORED)).events[0].test
    bench.say(door(urgency=Urgency.ALARM))
    unsay(bench, TEST)
    (real,) = bench.say(door(urgency=Urgency.ALARM)).events
    assert not real.test
    assert real.urgency is Urgency.ALARM


def test_what_belongs_to_a_real_open_event_stays_real(bench: Bench) -> None:
    (raised,) = bench.say(door()).events
    say(bench, TEST)
    assert bench.say(door()).verdicts[0].fate is Fate.COLLAPSED
    (restored,) = bench.say(door(State.RESTORED)).events
    assert not restored.test
    assert restored.closes == raised.id


def test_a_message_that_tells_all_that_is_on_closes_for_real_in_test_mode(bench: Bench) -> None:
    (raised,) = bench.say(door()).events
    say(bench, TEST)
    all_is_well = door(State.RESTORED, condition=None, complete=Complete("door", ()))
    (restored,) = bench.say(all_is_well).events
    assert (restored.closes, restored.test) == (raised.id, False)


def test_a_held_test_event_is_a_test_when_its_hold_ends(bench: Bench) -> None:
    say(bench, TEST)
    bench.say(draft(collapse=VEHICLE, state=State.ACTIVE, condition="car"))
    unsay(bench, TEST)
    bench.seconds += 2
    (event,) = bench.timer().events
    assert event.test
    (real,) = bench.say(draft(state=State.ACTIVE, condition="car")).events
    assert not real.test


def test_it_ends_by_its_timer(bench: Bench) -> None:
    say(bench, TEST)
    decision = decide_timer(bench.site, StateKey(GATE, SERVICE, TEST), bench.memory, bench.at)
    assert decision.changes == (ended(GATE, TEST),)


def test_the_rules_of_the_sensor_keep_their_places(bench: Bench) -> None:
    say(bench, INHIBIT)
    sensor = bench.site.sensors[GATE]
    assert msgspec.structs.asdict(sensor)["rules"] == ()
    assert bench.say(draft()).verdicts[0].rule == "inhibit: roof works"


def test_what_still_had_to_last_when_the_test_began_ends_with_its_real_restore() -> None:
    bench = Bench(site_of(Debounce("five", 5.0)))
    waiting = bench.say(door()).verdicts[0].event
    say(bench, TEST)
    restored = bench.say(door(State.RESTORED))
    assert [(event.id, event.withheld, event.test) for event in restored.events] == [(waiting, "five", False)]
    assert bench.wait(60) == [], "nothing is raised that nobody would restore"

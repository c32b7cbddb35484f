"""Several messages about one vehicle become one event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
import pytest

from bridge.decide.memory import Fact, Memory
from bridge.decide.rules import CollapseOff, Select
from bridge.model import Action, Collapse, Draft, Fate, Part, SensorId, Urgency
from tests.decide.conftest import START, VEHICLE, Bench, draft, site_of
from tests.decide.test_decide import Says

NOW = msgspec.structs.replace(VEHICLE, hold=0.0)
FINAL = msgspec.structs.replace(NOW, rank=5)


def test_a_held_message_is_collapsed_into_the_event_its_timer_raises(bench: Bench) -> None:
    first = bench.say(draft(collapse=VEHICLE))
    assert [verdict.fate for verdict in first.verdicts] == [Fate.COLLAPSED]
    assert first.events == ()
    assert [change.due_in for change in first.changes] == [1.5]
    bench.seconds = 1.5
    ended = bench.timer()
    assert [event.id for event in ended.events] == [first.verdicts[0].event]
    assert len(ended.deliveries) == 2
    assert [change.due_in for change in ended.changes] == [None]


def test_a_timer_that_fires_twice_raises_once(bench: Bench) -> None:
    bench.say(draft(collapse=VEHICLE))
    assert len(bench.timer().events) == 1
    assert bench.timer().events == ()


def test_a_better_message_ends_the_hold_and_keeps_the_events_id(bench: Bench) -> None:
    held = bench.say(draft("4AB1234", collapse=VEHICLE))
    better = bench.say(draft("4AB1284", collapse=NOW))
    assert better.verdicts[0].fate is Fate.RAISED
    assert better.events[0].id == held.verdicts[0].event
    assert better.events[0].fields["plate"] == "4AB1284"
    assert bench.timer().events == ()


def test_while_holding_the_higher_rank_wins_and_the_timer_goes_on(bench: Bench) -> None:
    bench.say(draft("GOOD", collapse=msgspec.structs.replace(VEHICLE, rank=2)))
    bench.seconds = 1.0
    later = bench.say(draft("WORSE", collapse=msgspec.structs.replace(VEHICLE, rank=1)))
    assert [change.due_in for change in later.changes] == [0.5]
    assert bench.timer().events[0].fields["plate"] == "GOOD"


def test_a_later_message_with_something_new_amends(bench: Bench) -> None:
    raised = bench.say(draft("4AB1234", collapse=NOW)).events[0]
    amended = bench.say(draft("4AB1284", collapse=NOW))
    assert amended.verdicts[0].fate is Fate.AMENDED
    revision = amended.events[0]
    assert (revision.id, revision.revision, revision.changes) == (raised.id, 1, ("plate",))
    assert {each.action for each in amended.deliveries} == {Action.AMEND}


def test_a_later_message_with_nothing_worth_telling_is_collapsed(bench: Bench) -> None:
    raised = bench.say(draft(collapse=NOW)).events[0]
    same = bench.say(draft(fields={"plate": "4AB1234", "lane": "2"}, collapse=NOW))
    assert (same.verdicts[0].fate, same.verdicts[0].event) == (Fate.COLLAPSED, raised.id)
    assert same.events == ()


def test_a_worse_message_that_comes_late_changes_nothing_that_a_better_one_told(bench: Bench) -> None:
    raised = bench.say(draft("4AB1284", fields={"plate": "4AB1284"}, collapse=FINAL)).events[0]
    late = bench.say(draft("4AB1234", fields={"plate": "4AB1234"}, collapse=NOW))
    assert (late.verdicts[0].fate, late.verdicts[0].event) == (Fate.COLLAPSED, raised.id)
    assert late.events == ()


def test_a_worse_message_that_comes_late_adds_what_was_not_known(bench: Bench) -> None:
    raised = bench.say(draft("4AB1284", fields={"plate": "4AB1284"}, collapse=FINAL)).events[0]
    late = bench.say(draft("4AB1234", fields={"plate": "4AB1234", "direction": "in"}, collapse=NOW)).events[0]
    assert (late.id, late.changes, late.title) == (raised.id, ("direction",), raised.title)
    assert (late.fields["plate"], late.fields["direction"]) == ("4AB1284", "in")


def test_a_held_message_keeps_its_rank_when_its_event_is_raised(bench: Bench) -> None:
    bench.say(draft("4AB1284", fields={"plate": "4AB1284"}, collapse=msgspec.structs.replace(FINAL, hold=1.5)))
    bench.seconds = 1.5
    assert len(bench.timer().events) == 1
    late = bench.say(draft("4AB1234", fields={"plate": "4AB1234"}, collapse=NOW))
    assert late.verdicts[0].fate is Fate.COLLAPSED


def test_of_messages_of_one_rank_the_later_amends_again_and_again(bench: Bench) -> None:
    bench.say(draft(fields={"plate": "A"}, collapse=NOW))
    for plate in ("B", "C", "A"):
        assert bench.say(draft(fields={"plate": plate}, collapse=NOW)).verdicts[0].fate is Fate.AMENDED
    assert bench.say(draft(fields={"plate": "D"}, collapse=FINAL)).verdicts[0].fate is Fate.AMENDED
    assert bench.say(draft(fields={"plate": "A"}, collapse=NOW)).verdicts[0].fate is Fate.COLLAPSED


UPDATE = msgspec.structs.replace(NOW, rank=2)


def at(seconds: float, plate: str, collapse: Collapse, **more: str) -> Draft:
    """A message of something that happened so many seconds after the start."""
    return draft(
        plate, fields={"plate": plate, **more}, collapse=collapse, occurred_at=START + timedelta(seconds=seconds)
    )


def test_a_better_message_that_tells_nothing_new_is_the_one_that_stays(bench: Bench) -> None:
    bench.seconds = 20.0
    bench.say(at(2, "4AB1284", UPDATE))
    assert bench.say(at(0, "4AB1284", FINAL)).verdicts[0].fate is Fate.COLLAPSED
    assert bench.say(at(1, "4AB1234", UPDATE)).verdicts[0].fate is Fate.COLLAPSED
    assert bench.say(at(3, "4AB1234", UPDATE)).verdicts[0].fate is Fate.COLLAPSED


def test_of_messages_of_one_rank_the_one_that_happened_later_stays(bench: Bench) -> None:
    bench.seconds = 20.0
    bench.say(at(2, "4AB1284", UPDATE))
    assert bench.say(at(1, "4AB1234", UPDATE)).verdicts[0].fate is Fate.COLLAPSED
    assert bench.say(at(3, "4AB128A", UPDATE)).verdicts[0].fate is Fate.AMENDED
    assert bench.say(at(2.5, "4AB1234", UPDATE)).verdicts[0].fate is Fate.COLLAPSED


def test_of_messages_of_one_rank_that_are_held_the_one_that_happened_later_is_raised(bench: Bench) -> None:
    bench.seconds = 20.0
    held = msgspec.structs.replace(UPDATE, hold=1.5)
    bench.say(at(2, "4AB1284", held))
    bench.say(at(1, "4AB1234", held))
    assert bench.timer().events[0].fields["plate"] == "4AB1284"


def test_beside_what_stays_there_is_nothing_of_the_worse_message(bench: Bench) -> None:
    """Fields that are not worth an amendment by themselves go with those that are."""
    bench.say(draft(fields={"plate": "4AB1284", "confidence": "0.9", "provisional": False}, collapse=FINAL))
    worse = {"plate": "4AB1234", "confidence": "0.4", "provisional": True, "direction": "in"}
    late = bench.say(draft(fields=worse, collapse=NOW)).events[0]
    assert late.fields == {"plate": "4AB1284", "confidence": "0.9", "provisional": False, "direction": "in"}


def test_a_worse_picture_does_not_take_the_place_of_a_better_one(bench: Bench) -> None:
    picture = (Part("image/jpeg", b"\xff\xd8\xff"),)
    bench.say(draft(fields={"plate": "4AB1284"}, collapse=FINAL), media=picture)
    late = bench.say(draft(fields={"plate": "4AB1234", "direction": "in"}, collapse=NOW), media=picture)
    assert [event.media for event in late.events] == [()]


def test_the_first_picture_there_is_goes_with_an_amendment_whoever_brings_it(bench: Bench) -> None:
    picture = (Part("image/jpeg", b"\xff\xd8\xff"),)
    bench.say(draft(fields={"plate": "4AB1284"}, collapse=FINAL))
    late = bench.say(draft(fields={"plate": "4AB1234", "direction": "in"}, collapse=NOW), media=picture)
    assert [len(event.media) for event in late.events] == [1]


def test_what_a_profile_assumes_is_no_news(bench: Bench) -> None:
    told = {"plate": "4AB1234", "direction": "in"}
    bench.say(draft(fields=told, collapse=NOW))
    silent = msgspec.structs.replace(FINAL, assumed=("direction",))
    assert bench.say(draft(fields=told | {"direction": "none"}, collapse=silent)).verdicts[0].fate is Fate.COLLAPSED
    amended = bench.say(draft(fields={"plate": "4AB1284", "direction": "none"}, collapse=silent)).events[0]
    assert (amended.changes, amended.fields["direction"]) == (("plate",), "in")


def test_a_beginning_that_comes_late_and_tells_nothing_is_remembered(bench: Bench) -> None:
    """The next vehicle under the same number is another one."""
    first = bench.say(draft("4AB1284", collapse=FINAL)).events[0]
    bench.say(draft("4AB1284", collapse=msgspec.structs.replace(NOW, begins="10:00")))
    other = bench.say(draft("9XY9999", collapse=msgspec.structs.replace(NOW, begins="11:00")))
    assert other.verdicts[0].fate is Fate.RAISED
    assert other.events[0].id != first.id


def test_after_it_became_more_urgent_another_beginning_is_still_another_vehicle(bench: Bench) -> None:
    bench.say(draft(collapse=msgspec.structs.replace(NOW, begins="10:00")))
    bench.say(draft(urgency=Urgency.ALARM, collapse=UPDATE))
    other = bench.say(draft("9XY9999", collapse=msgspec.structs.replace(NOW, begins="11:00")))
    assert other.verdicts[0].fate is Fate.RAISED


def test_an_amendment_that_is_more_urgent_is_an_event_of_its_own(bench: Bench) -> None:
    raised = bench.say(draft(collapse=NOW)).events[0]
    blocked = bench.say(draft(urgency=Urgency.ALARM, collapse=NOW))
    assert blocked.verdicts[0].fate is Fate.RAISED
    assert blocked.events[0].urgency is Urgency.ALARM
    assert raised.id in blocked.events[0].marks[0]


def test_an_urgency_seen_while_holding_is_not_lost_to_a_later_calm_message(bench: Bench) -> None:
    bench.say(draft(urgency=Urgency.ALARM, collapse=VEHICLE))
    bench.say(draft(collapse=VEHICLE))
    assert bench.timer().events[0].urgency is Urgency.ALARM


def test_the_picture_of_a_held_message_goes_with_the_event(bench: Bench) -> None:
    bench.say(draft(collapse=VEHICLE, roles=("plate",)), media=(Part("image/jpeg", b"\xff\xd8\xff"),))
    event = bench.say(draft(collapse=NOW)).events[0]
    assert [media.role for media in event.media] == ["plate"]


def test_after_the_window_the_same_key_is_another_vehicle(bench: Bench) -> None:
    first = bench.say(draft(collapse=NOW)).events[0]
    bench.seconds = 1801.0
    second = bench.say(draft(collapse=NOW)).events[0]
    assert first.id != second.id


def test_rules_judge_what_would_be_raised_not_the_first_guess() -> None:
    bench = Bench(site_of(Select("strangers only", Says(False))))  # type: ignore[arg-type]
    held = bench.say(draft(collapse=VEHICLE))
    assert held.verdicts[0].fate is Fate.COLLAPSED
    known = bench.say(draft(collapse=NOW))
    assert (known.verdicts[0].fate, known.verdicts[0].rule) == (Fate.FILTERED, "strangers only")
    assert [(event.id, event.withheld) for event in known.events] == [(held.verdicts[0].event, "strangers only")]
    assert known.deliveries == ()


def test_an_event_filtered_when_its_hold_ends_is_on_record_without_deliveries() -> None:
    bench = Bench(site_of(Select("strangers only", Says(False))))  # type: ignore[arg-type]
    bench.say(draft(collapse=VEHICLE))
    ended = bench.timer()
    assert [event.withheld for event in ended.events] == ["strangers only"]
    assert ended.deliveries == ()


def test_collapse_off_makes_every_message_an_event() -> None:
    bench = Bench(site_of(CollapseOff()))
    assert [bench.say(draft(collapse=VEHICLE)).verdicts[0].fate for _ in range(2)] == [Fate.RAISED, Fate.RAISED]


def test_two_messages_of_one_vehicle_in_one_body_share_one_hold(bench: Bench) -> None:
    decision = bench.say(draft("A", collapse=VEHICLE), draft("B", collapse=VEHICLE))
    assert [change.due_in for change in decision.changes] == [1.5]
    assert bench.timer().events[0].fields["plate"] == "B"


def test_another_beginning_under_the_same_key_is_another_vehicle(bench: Bench) -> None:
    """A camera that restarts counts its vehicles from 1 again."""
    first = msgspec.structs.replace(VEHICLE, begins="10:00")
    held = bench.say(draft("OLD", collapse=first))
    second = bench.say(draft("NEW", collapse=msgspec.structs.replace(VEHICLE, begins="11:00")))
    assert [(event.id, event.fields["plate"]) for event in second.events] == [(held.verdicts[0].event, "OLD")]
    assert second.verdicts[0].event != held.verdicts[0].event
    assert bench.timer().events[0].fields["plate"] == "NEW"


def test_the_beginning_that_comes_after_an_update_is_of_the_same_vehicle(bench: Bench) -> None:
    raised = bench.say(draft(collapse=NOW)).events[0]
    late = bench.say(draft(collapse=msgspec.structs.replace(VEHICLE, begins="10:00")))
    assert (late.verdicts[0].fate, late.verdicts[0].event) == (Fate.COLLAPSED, raised.id)


PUSHED = msgspec.structs.replace(NOW, key="B8A44F000001|902", loose="camera|902")
SEARCHED = msgspec.structs.replace(NOW, key="camera|902", loose="camera|902", rank=5)


def test_what_a_search_finds_of_a_thing_that_was_pushed_amends_its_event(bench: Bench) -> None:
    raised = bench.say(draft("4AB1234", collapse=PUSHED))
    found = bench.say(draft("4AB1284", collapse=SEARCHED))
    assert found.verdicts[0].fate is Fate.AMENDED
    assert found.verdicts[0].event == raised.verdicts[0].event
    assert bench.say(draft("4AB1284", collapse=SEARCHED)).verdicts[0].fate is Fate.COLLAPSED


def test_what_is_pushed_late_of_a_thing_that_a_search_found_is_no_second_event(bench: Bench) -> None:
    raised = bench.say(draft("4AB1234", collapse=SEARCHED))
    late = bench.say(draft("4AB1234", collapse=PUSHED))
    assert late.verdicts[0].fate is Fate.COLLAPSED
    assert late.verdicts[0].event == raised.verdicts[0].event


def test_a_held_thing_that_a_search_finds_waits_no_longer(bench: Bench) -> None:
    held = bench.say(draft("4AB1234", collapse=msgspec.structs.replace(PUSHED, hold=1.5)))
    found = bench.say(draft("4AB1284", collapse=SEARCHED))
    assert found.verdicts[0].fate is Fate.RAISED
    assert found.events[0].id == held.verdicts[0].event
    assert bench.timer().events == ()


def test_where_two_things_fit_a_search_finds_a_third(bench: Bench) -> None:
    bench.say(draft("4AB1234", collapse=PUSHED))
    bench.say(draft("9XY9999", collapse=msgspec.structs.replace(PUSHED, key="B8A44F000002|902")))
    assert bench.say(draft("5CD5678", collapse=SEARCHED)).verdicts[0].fate is Fate.RAISED


def test_another_number_is_another_thing(bench: Bench) -> None:
    bench.say(draft("4AB1234", collapse=msgspec.structs.replace(PUSHED, key="B8A44F000001|1902", loose="camera|1902")))
    assert bench.say(draft("4AB1234", collapse=SEARCHED)).verdicts[0].fate is Fate.RAISED


def test_a_long_answer_to_a_search_goes_through_what_is_known_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        bench.say(draft(f"P{number}", collapse=msgspec.structs.replace(PUSHED, key=f"B8A4|{number}")))
    looks: list[str] = []
    look = Memory.of_kind

    def counted(self: Memory, sensor: SensorId, kind: str, now: float) -> Mapping[str, Fact]:
        looks.append(kind)
        return look(self, sensor, kind, now)

    monkeypatch.setattr(Memory, "of_kind", counted)
    keys = [f"camera|{number}" for number in range(300)]
    answer = bench.say(
        *(draft(f"P{n}", collapse=msgspec.structs.replace(SEARCHED, key=key, loose=key)) for n, key in enumerate(keys))
    )
    assert len(looks) == 1
    assert [verdict.fate for verdict in answer.verdicts] == [Fate.COLLAPSED] * 50 + [Fate.RAISED] * 250


def test_a_thing_of_when_the_clock_was_a_year_ahead_is_not_the_one_of_today(bench: Bench) -> None:
    bench.seconds = 365 * 86400.0
    (first,) = bench.say(draft(collapse=NOW)).events
    bench.seconds = 0.0
    second = bench.say(draft(collapse=NOW))
    assert second.verdicts[0].fate is Fate.RAISED
    assert second.events[0].id != first.id
    assert bench.say(draft(collapse=NOW)).verdicts[0].event == second.events[0].id


def test_what_was_held_then_is_raised_when_the_clock_is_set_back(bench: Bench) -> None:
    bench.seconds = 365 * 86400.0
    held = bench.say(draft("4AB1234", collapse=VEHICLE)).verdicts[0].event
    bench.seconds = 0.0
    later = bench.say(draft("5CD5678", collapse=VEHICLE))
    assert [event.id for event in later.events] == [held]
    assert later.verdicts[0].event != held

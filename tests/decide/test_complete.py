"""A message that tells all that is wrong: what it does not name is over."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from bridge.decide.memory import Fact, Memory
from bridge.decide.rules import Select
from bridge.model import Complete, Draft, Fate, SensorId, State, Urgency
from bridge.profiles.expression import compile_expression
from tests.decide.conftest import Bench, door, site_of


def alert(name: str, *on: str, **changes: object) -> Draft:
    """Code ``name`` of stream 1, told in a message that names all that are ``on``."""
    complete = Complete("stream|1", tuple(f"stream|1|{each}" for each in on))
    return door(type=f"alert.{name}", title=name, condition=f"stream|1|{name}", complete=complete, **changes)


def fine(**changes: object) -> Draft:
    """All is well with stream 1."""
    told = door(State.RESTORED, condition=None, type="alert.ok", complete=Complete("stream|1", ()))
    return msgspec.structs.replace(told, **changes)


def test_each_open_condition_that_is_not_named_is_closed_by_a_restore_of_its_own(bench: Bench) -> None:
    opened = bench.say(alert("a", "a", "b", urgency=Urgency.FAULT), alert("b", "a", "b")).events
    decision = bench.say(fine())
    assert [(event.id, event.closes, event.state) for event in decision.events] == [
        ("m2.0-r0", opened[0].id, State.RESTORED),
        ("m2.0-r1", opened[1].id, State.RESTORED),
    ]
    assert [(event.type, event.title, event.urgency) for event in decision.events] == [
        ("alert.a", "a (over)", Urgency.FAULT),
        ("alert.b", "b (over)", Urgency.NOTICE),
    ]
    assert [event.detail for event in decision.events] == [b'{"door":7}', b'{"door":7}']
    assert (decision.verdicts[0].fate, decision.verdicts[0].event) == (Fate.RAISED, "m2.0-r0")
    assert len(decision.deliveries) == 4
    assert {key.kind for key in bench.facts()} == {"chatter"}


def test_what_is_named_stays_open_and_what_is_new_is_raised(bench: Bench) -> None:
    bench.say(alert("a", "a", "b"), alert("b", "a", "b"))
    decision = bench.say(alert("b", "b", "c"), alert("c", "b", "c"))
    assert [(verdict.fate, verdict.event) for verdict in decision.verdicts] == [
        (Fate.COLLAPSED, "m1.1"),
        (Fate.RAISED, "m2.1"),
    ]
    assert [(event.id, event.closes) for event in decision.events] == [("m2.0-r0", "m1.0"), ("m2.1", None)]


def test_conditions_out_of_the_scope_are_left_alone(bench: Bench) -> None:
    bench.say(door(condition="stream|10|a"), door(condition="stream|2|a"), door())
    assert bench.say(fine()).events == ()


def test_all_is_well_when_nothing_was_wrong_is_filtered_by_a_name_of_its_own(bench: Bench) -> None:
    verdict = bench.say(fine()).verdicts[0]
    assert (verdict.fate, verdict.rule) == (Fate.FILTERED, "nothing was open")


def test_what_the_profile_keeps_quiet_about_still_closes_what_is_over(bench: Bench) -> None:
    assert bench.say(fine(quiet="all is well")).verdicts[0].rule == "profile: all is well"
    opened = bench.say(alert("a", "a")).events[0]
    closed = bench.say(fine(quiet="all is well"))
    assert (closed.verdicts[0].fate, closed.events[0].closes) == (Fate.RAISED, opened.id)


def test_all_is_well_as_an_event_of_its_own_is_raised_beside_the_restores(bench: Bench) -> None:
    bench.say(alert("a", "a"))
    decision = bench.say(fine(state=State.MOMENTARY))
    assert [event.id for event in decision.events] == ["m2.0-r0", "m2.0"]
    assert decision.verdicts[0].event == "m2.0"


def test_the_items_own_condition_is_closed_by_its_own_state(bench: Bench) -> None:
    opened = bench.say(alert("a", "a")).events[0]
    decision = bench.say(alert("a", state=State.RESTORED))
    assert [(event.id, event.closes) for event in decision.events] == [("m2.0", opened.id)]


def test_what_a_rule_filtered_is_forgotten_without_a_restore() -> None:
    bench = Bench(site_of(Select("no a", compile_expression('event.type != "alert.a"', {"event"}))))
    bench.say(alert("a", "a"))
    decision = bench.say(fine())
    assert (decision.events, decision.verdicts[0].rule, bench.facts()) == ((), "nothing was open", {})


def test_a_duplicate_closes_nothing(bench: Bench) -> None:
    bench.say(fine(dedup="1"))
    bench.say(alert("a", "a"))
    assert bench.say(fine(dedup="1")).events == ()


def test_its_end_timer_goes_with_it(bench: Bench) -> None:
    bench.say(alert("a", "a", ends_after=60.0))
    bench.say(fine())
    assert bench.wait(600.0) == []


def test_what_all_items_of_a_message_tell_alike_is_gone_through_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    look = Memory.of_kind

    def counted(self: Memory, sensor: SensorId, kind: str, now: float) -> Mapping[str, Fact]:
        looks.append(kind)
        return look(self, sensor, kind, now)

    bench.say(door(condition="doors|old"))
    monkeypatch.setattr(Memory, "of_kind", counted)
    named = tuple(f"doors|{number}" for number in range(300))
    decision = bench.say(*(door(condition=name, complete=Complete("doors|", named)) for name in named))
    assert len(looks) <= 3
    assert [event.condition for event in decision.events if event.state is State.RESTORED] == ["doors|old"]
    assert len(decision.events) == 301


def test_what_begins_between_two_that_tell_the_same_is_closed_by_the_second(bench: Bench) -> None:
    decision = bench.say(fine(), door(condition="stream|1|a"), fine())
    opened, closed = decision.events
    assert (closed.id, closed.closes) == ("m1.2-r0", opened.id)

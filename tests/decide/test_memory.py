"""What is remembered is given back as it was, however it is held."""

from __future__ import annotations

import math

from bridge.decide.memory import PER_KIND, Fact, Memory
from bridge.model import SensorId, StateChange, StateKey

SENSOR = SensorId("gate-lpr")


def change(key: str, value: bytes | None, expires: float = 500.0, due_in: float | None = None) -> StateChange:
    return StateChange(StateKey(SENSOR, "dedup", key), value, expires, due_in)


def memory(**facts: Fact) -> Memory:
    made = Memory()
    made.load(SENSOR, {StateKey(SENSOR, "dedup", name): fact for name, fact in facts.items()})
    return made


def test_a_fact_is_given_back_whole_whether_loaded_or_set() -> None:
    facts = {"plain": Fact(b"\x00value", 1234.5), "forever": Fact(b"", math.inf), "timer": Fact(b"v", 5.0, 70.0)}
    loaded, applied = memory(**facts), memory()
    changes = [change(name, each.value, each.expires, each.due) for name, each in facts.items()]
    applied.apply(changes, now=0.0, monotonic=0.0)
    for held in (loaded, applied):
        assert {name: held.get(SENSOR, "dedup", name, 100.0) for name in facts} == facts
        assert held.of_kind(SENSOR, "dedup", 100.0) == facts
        assert len(held) == 3


def test_an_expired_fact_is_gone_unless_a_timer_asks_for_it() -> None:
    held = memory(old=Fact(b"1", 100.0), due=Fact(b"2", 100.0, 70.0))
    assert held.get(SENSOR, "dedup", "old", 99.0) == Fact(b"1", 100.0)
    assert held.get(SENSOR, "dedup", "old", 100.0) is None
    assert held.of_kind(SENSOR, "dedup", 100.0).keys() == {"due"}


def test_the_oldest_of_a_kind_are_forgotten_and_the_expired_before_them() -> None:
    held = memory()
    held.apply([change("expired", b"", 50.0)], now=0.0, monotonic=0.0)
    held.apply([change(str(number), b"") for number in range(PER_KIND + 10)], now=60.0, monotonic=0.0)
    assert len(held) == PER_KIND
    assert held.get(SENSOR, "dedup", "9", 60.0) is None
    assert held.get(SENSOR, "dedup", "10", 60.0) is not None


def test_forgetting_a_fact_removes_it() -> None:
    held = memory(a=Fact(b"1", 100.0))
    held.apply([change("a", None)], now=0.0, monotonic=0.0)
    assert held.get(SENSOR, "dedup", "a", 0.0) is None
    assert len(held) == 0


def test_of_what_is_loaded_the_newest_are_remembered_whatever_order_it_comes_in() -> None:
    facts = {f"fact {number}": Fact(b"", 100.0 + number) for number in reversed(range(PER_KIND + 10))}
    facts["open hold"] = Fact(b"", 1.0, 70.0)
    held = memory(**facts)
    assert len(held) == PER_KIND + 11, "what has a timer is remembered, and what is older than it with it"
    held = memory(**{name: fact for name, fact in facts.items() if fact.due is None})
    assert len(held) == PER_KIND
    held.apply([change("one more", b"", 9999.0)], now=60.0, monotonic=0.0)
    assert held.get(SENSOR, "dedup", f"fact {PER_KIND + 9}", 60.0) is not None
    assert held.get(SENSOR, "dedup", "fact 0", 60.0) is None


def test_sensors_that_are_needed_together_do_not_push_each_other_out() -> None:
    """They would be loaded in turn, for ever."""
    held = Memory(limit=4)
    names = [SensorId(f"sensor-{number}") for number in range(4)]
    for name in names:
        held.load(name, {StateKey(name, "dedup", str(key)): Fact(b"", 100.0) for key in range(3)}, names)
    assert all(held.knows(name) for name in names)
    held.load(SENSOR, {})
    assert not held.knows(names[0])

"""What is remembered about sensors, as a cache of the journal's state.

A sensor's facts are complete once loaded, so that "not there" needs no look at the disk. The cache is bounded: a
sensor keeps the newest ``PER_KIND`` facts of a kind that may be forgotten, and the least recently heard sensors are
dropped whole (the journal still has them) once there are more than ``limit`` facts.

A hundred thousand vehicles are two hundred thousand facts, so a fact without a timer is held as bytes alone: measured
with the CAMMRA profile, 490 bytes a vehicle instead of 650, and nothing that the garbage collector has to walk.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping
from math import inf

import msgspec

from bridge.model import SensorId, StateChange, StateKey

PER_KIND = 2_000
UNFORGETTABLE = "condition"  # an open alarm condition is never dropped for room


class Fact(msgspec.Struct, gc=False):
    """``expires``: epoch seconds. ``due``: monotonic seconds at which a timer asks for it, None without timer."""

    value: bytes
    expires: float
    due: float | None = None


_Held = bytes | Fact
"""Without a timer: when it expires, as eight bytes, and its value."""

_EXPIRES = struct.Struct("<d")


def _held(value: bytes, expires: float) -> bytes:
    return _EXPIRES.pack(expires) + value


def _counts(held: _Held, now: float) -> bool:
    return isinstance(held, Fact) or _EXPIRES.unpack_from(held)[0] > now


def _fact(held: _Held) -> Fact:
    return held if isinstance(held, Fact) else Fact(held[8:], _EXPIRES.unpack_from(held)[0])


def _expires(fact: tuple[StateKey, Fact]) -> float:
    return fact[1].expires


class _Facts:
    """The facts of one sensor, by kind, each in the order they were last set."""

    __slots__ = ("kinds", "pins")

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, _Held]] = {}
        self.pins = 0


class Memory:
    def __init__(self, limit: int = 200_000) -> None:
        self._sensors: dict[SensorId, _Facts] = {}
        self._limit = limit
        self._count = 0

    def knows(self, sensor: SensorId) -> bool:
        """Whether this sensor's facts have been loaded."""
        return sensor in self._sensors

    def load(self, sensor: SensorId, facts: Mapping[StateKey, Fact], beside: Collection[SensorId] = ()) -> None:
        """Take all of a sensor's facts from the journal. ``beside``: the sensors whose facts have to be there with
        these at once."""
        held = self._sensors[sensor] = _Facts()
        # Facts of a kind mostly share one window: in this order they were set, and are forgotten.
        for key, fact in sorted(facts.items(), key=_expires):
            kept = fact if fact.due is not None else _held(fact.value, fact.expires)
            held.kinds.setdefault(key.kind, {})[key.key] = kept
        self._count += len(facts)
        for kind, each in held.kinds.items():
            if kind != UNFORGETTABLE and len(each) > PER_KIND:
                self._forget_old(each, -inf)
        self._make_room(sensor, beside)

    def get(self, sensor: SensorId, kind: str, key: str, now: float) -> Fact | None:
        """The fact, unless it has expired by ``now`` (epoch seconds)."""
        facts = self._sensors[sensor].kinds.get(kind)
        fact = facts.get(key) if facts is not None else None
        return _fact(fact) if fact is not None and _counts(fact, now) else None

    def has(self, sensor: SensorId, kind: str) -> bool:
        """Whether there is any fact of a kind, expired ones among them; costs next to nothing."""
        return bool(self._sensors[sensor].kinds.get(kind))

    def of_kind(self, sensor: SensorId, kind: str, now: float) -> Mapping[str, Fact]:
        """All of a sensor's facts of one kind, by key, but those that have expired by ``now`` (epoch seconds)."""
        facts = self._sensors[sensor].kinds.get(kind, {})
        return {key: _fact(fact) for key, fact in facts.items() if _counts(fact, now)}

    def apply(self, changes: Iterable[StateChange], now: float, monotonic: float) -> None:
        """Remember what a decision changed."""
        for change in changes:
            key = change.key
            facts = self._sensors[key.sensor].kinds.setdefault(key.kind, {})
            if facts.pop(key.key, None) is not None:
                self._count -= 1
            if change.value is None:
                continue
            due_in = change.due_in
            facts[key.key] = (
                _held(change.value, change.expires)
                if due_in is None
                else Fact(change.value, change.expires, monotonic + due_in)
            )
            self._count += 1
            if key.kind != UNFORGETTABLE:
                self._forget_old(facts, now)

    def pin(self, sensors: Iterable[SensorId]) -> None:
        """Keep these sensors: decisions made from their facts are not committed yet."""
        for sensor in sensors:
            self._sensors[sensor].pins += 1

    def unpin(self, sensors: Iterable[SensorId]) -> None:
        for sensor in sensors:
            held = self._sensors.get(sensor)
            if held is not None and held.pins:
                held.pins -= 1

    def clear(self) -> None:
        """Forget everything: the journal undid decisions this was made from."""
        self._sensors.clear()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def _forget_old(self, facts: dict[str, _Held], now: float) -> None:
        """Facts of a kind mostly share one window, so the expired ones stand at the front."""
        while facts:
            name, oldest = next(iter(facts.items()))
            if isinstance(oldest, Fact) or (len(facts) <= PER_KIND and _counts(oldest, now)):
                return
            del facts[name]
            self._count -= 1

    def _make_room(self, newcomer: SensorId, beside: Collection[SensorId]) -> None:
        """Called when a sensor is loaded: the longest known unpinned ones go first."""
        if self._count <= self._limit:
            return
        for sensor in list(self._sensors):
            held = self._sensors[sensor]
            if sensor == newcomer or held.pins or sensor in beside:
                continue
            self._count -= sum(map(len, held.kinds.values()))
            del self._sensors[sensor]
            if self._count <= self._limit * 3 // 4:
                return

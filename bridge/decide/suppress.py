"""Repeats of an event are filtered for a while; the next one that is raised says how many there were."""

from __future__ import annotations

import msgspec

from bridge.decide.gathering import Gathering, short
from bridge.decide.rules import Suppress
from bridge.model import SensorEvent, StateKey

SUPPRESS = "suppress"
FIELD = "suppressed"

COUNTED_FOR = 86400.0
"""Seconds after the window in which the next event still tells the count."""


class Suppressing(msgspec.Struct, array_like=True):
    """``until``: epoch seconds. ``count``: repeats filtered since the last event."""

    until: float
    count: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Suppressing)


def key_of(event: SensorEvent, rule: Suppress) -> StateKey:
    values = [event.fields.get(name) for name in rule.same] if rule.same else [event.condition]
    said = msgspec.json.encode([rule.name, event.type, values]).decode()
    return StateKey(event.sensor, SUPPRESS, short(said))


def repeats(gathering: Gathering, key: StateKey, seconds: float) -> tuple[bool, int]:
    """Whether it is a repeat, which is then counted; and how many were counted before it, when it is none."""
    fact = gathering.recall(key)
    if fact is None:
        return False, 0
    state = _decoder.decode(fact.value)
    if gathering.now < state.until <= gathering.now + seconds:  # a clock set back must not stretch the window
        state.count += 1
        gathering.set(key, _encoder.encode(state), state.until + COUNTED_FOR)
        return True, 0
    return False, state.count


def begin(gathering: Gathering, key: StateKey, seconds: float) -> None:
    """No rule keeps the event back: from now on its repeats are filtered."""
    until = gathering.now + seconds
    gathering.set(key, _encoder.encode(Suppressing(until)), until)

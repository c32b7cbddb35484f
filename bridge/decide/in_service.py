"""What people said of a sensor for a while: that it is tested, or out of service. Facts that end by their timer."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from bridge.config.site import Sensor
from bridge.decide.gathering import FOREVER, Gathering
from bridge.decide.remembered import CONDITION, DEBOUNCE
from bridge.decide.rules import Inhibit
from bridge.model import Draft, SensorEvent, SensorId, StateChange, StateKey

SERVICE = "service"
"""The kind of these facts."""
TEST, INHIBIT = "test", "inhibit"
"""Their keys."""


_NOT_BY_THE_CLOCK = datetime.max.replace(tzinfo=UTC)


class Said(msgspec.Struct, frozen=True, array_like=True):
    """``until``: epoch seconds, for people; the timer ends it."""

    why: str
    until: float


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Said)


def begun(sensor: SensorId, what: str, said: Said, seconds: float) -> StateChange:
    return StateChange(StateKey(sensor, SERVICE, what), _encoder.encode(said), FOREVER, seconds)


def ended(sensor: SensorId, what: str) -> StateChange:
    return StateChange(StateKey(sensor, SERVICE, what), None)


def read(value: bytes) -> Said:
    return _decoder.decode(value)


def as_it_is(gathering: Gathering, sensor: Sensor) -> Sensor:
    """The sensor with what inhibits it, as a rule after its own, which keep their places."""
    fact = gathering.recall(StateKey(sensor.id, SERVICE, INHIBIT))
    if fact is None:
        return sensor
    inhibit = Inhibit(read(fact.value).why, _NOT_BY_THE_CLOCK)
    return msgspec.structs.replace(sensor, rules=(*sensor.rules, inhibit))


def tested(gathering: Gathering, sensor: Sensor, draft: Draft, event: SensorEvent) -> SensorEvent:
    """The event as a test, where its sensor is tested. What belongs to a real event that is open, or has to last before
    it is raised, stays with it."""
    if gathering.recall(StateKey(sensor.id, SERVICE, TEST)) is None:
        return event
    if draft.condition is not None:
        for kind in (CONDITION, DEBOUNCE):
            if gathering.recall(StateKey(sensor.id, kind, draft.condition)) is not None:
                return event
    return msgspec.structs.replace(event, test=True, title=f"TEST {event.title}")

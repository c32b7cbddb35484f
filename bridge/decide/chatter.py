"""What flaps is kept back until it has been quiet for a while; then one event says how often it spoke."""

from __future__ import annotations

import msgspec

from bridge.decide.gathering import Gathering, short
from bridge.decide.rules import Chatter
from bridge.model import CameraId, SensorEvent, State, StateKey, Urgency

CHATTER = "chatter"
FIELD = "chattered"


class Chattering(msgspec.Struct, array_like=True):
    """``times``: epoch seconds of the last actives let through. Once it chatters: ``held`` the last one kept back,
    ``more`` how many there were, ``rule`` that kept them, ``after`` how many of the sensor's rules had spoken."""

    times: list[float]
    more: int = 0
    held: SensorEvent | None = None
    rule: str = ""
    after: int = 0
    said: Urgency = Urgency.NOTICE
    cameras: tuple[CameraId, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Chattering)


def unpack(value: bytes) -> Chattering:
    return _decoder.decode(value)


def concerns(event: SensorEvent, rule: Chatter) -> bool:
    """Whether the rule counts this event. A restore without a known start counts like an active."""
    if rule.notices_only:
        return event.urgency is Urgency.NOTICE and event.condition is not None and event.state is not State.MOMENTARY
    return rule.alarms or event.urgency is not Urgency.ALARM


def chatters(
    gathering: Gathering, event: SensorEvent, rule: Chatter, after: int, said: Urgency, cameras: tuple[CameraId, ...]
) -> bool:
    """Count the event; whether it is one too many."""
    what = f"condition {event.condition}" if event.condition is not None else f"type {event.type}"
    key = StateKey(event.sensor, CHATTER, short(f"{rule.name} {what}"))
    fact = gathering.recall(key)
    state = _decoder.decode(fact.value) if fact is not None else Chattering([])
    since = gathering.now - rule.per
    state.times = [time for time in state.times if since < time <= gathering.now]
    if not state.more and len(state.times) < rule.most:
        state.times.append(gathering.now)
        gathering.set(key, _encoder.encode(state), gathering.now + rule.per)
        return False
    state.more += 1
    state.held, state.rule, state.after, state.said, state.cameras = event, rule.name, after, said, cameras
    gathering.set(key, _encoder.encode(state), gathering.now + rule.per, due_in=rule.per)
    return True

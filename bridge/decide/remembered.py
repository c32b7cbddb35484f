"""What is remembered about conditions, as facts in the journal. The key of each is the condition's own.

- ``condition``: its event was raised and stands open. Never forgotten before it is over.
- ``filtered``: a rule kept its event back, so its restore is kept back too.
- ``debounce``: its event waits, with a timer, until it has lasted long enough.
- ``ending``: a timer alone, for devices that may never say that it is over.
"""

from __future__ import annotations

import msgspec

from bridge.model import CameraId, EventId, MessageId, Scalar, SensorEvent, Urgency

CONDITION = "condition"
FILTERED = "filtered"
DEBOUNCE = "debounce"
ENDING = "ending"
OF_CONDITIONS = (CONDITION, DEBOUNCE, FILTERED)
"""Facts of these kinds say that a condition is on, as far as is known."""

FILTERED_FOR = 30 * 86400.0
"""Seconds after which a condition that was kept back is forgotten; its restore is then one without a known start."""


class Open(msgspec.Struct, array_like=True):
    """The open event of a condition. ``urgency``: as raised; ``said``: as its device had it, before any rule. The rest
    is what a restore is made of when nobody tells one, all as before the rules."""

    event: EventId
    urgency: Urgency
    said: Urgency
    message: MessageId = MessageId("")
    type: str = ""
    title: str = ""
    fields: dict[str, Scalar] = {}
    cameras: tuple[CameraId, ...] = ()


class Filtered(msgspec.Struct, array_like=True):
    rule: str


class Waiting(msgspec.Struct, array_like=True):
    """An event that has to last. ``rule``: the one it waits for; ``after``: how many of the sensor's rules have spoken;
    ``said``: its urgency before any rule; ``windows``: the repeats that are filtered once it is raised."""

    event: SensorEvent
    rule: str
    after: int
    said: Urgency
    cameras: tuple[CameraId, ...] = ()
    windows: tuple[tuple[str, float], ...] = ()


_encoder = msgspec.msgpack.Encoder()
_open = msgspec.msgpack.Decoder(Open)
_filtered = msgspec.msgpack.Decoder(Filtered)
_waiting = msgspec.msgpack.Decoder(Waiting)


def pack(fact: Open | Filtered | Waiting) -> bytes:
    return _encoder.encode(fact)


def unpack_open(value: bytes) -> Open:
    if value[:1] in b"012":  # as version 0.1 wrote it: "0 EVENT"
        urgency, _, event = value.decode().partition(" ")
        return Open(EventId(event), Urgency(int(urgency)), Urgency(int(urgency)), type="condition", title="condition")
    return _open.decode(value)


def unpack_filtered(value: bytes) -> Filtered:
    return _filtered.decode(value)


def unpack_waiting(value: bytes) -> Waiting:
    return _waiting.decode(value)

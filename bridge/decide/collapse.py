"""Several messages about one thing (the sightings of one vehicle) become one event.

What is remembered of a thing is enough to raise its event after a crash: the held event itself, as it would be raised.
"""

from __future__ import annotations

import msgspec

from bridge.model import CameraId, Collapse, EventId, Scalar, SensorEvent, Urgency

KIND = "collapse"


class Thing(msgspec.Struct, array_like=True):
    """One thing within its window.

    ``event``: the id of its event, fixed when its first message came. ``held``: the event that will be raised when
    the hold ends; None once raised or withheld. ``rank``: of the message that is held, or of the best that the cameras
    were told of. ``fields``: as last told to the cameras. Where messages have a rank also ``title``, ``type``, when it
    ``occurred`` (seconds since 1970), and ``pictured``: whether the cameras have a picture of it.
    ``cameras``: those the event is raised on. ``withheld``: the rule that kept it back. ``begins``: what its first
    message had, if that has come. ``urgency``: as told to the cameras; ``said``: as its messages had it, before rules.
    """

    event: EventId
    ends: float
    held: SensorEvent | None = None
    rank: int = 0
    revision: int = 0
    fields: dict[str, Scalar] = {}
    urgency: Urgency = Urgency.NOTICE
    cameras: tuple[CameraId, ...] = ()
    withheld: str = ""
    begins: str = ""
    said: Urgency | None = None
    title: str = ""
    type: str = ""
    occurred: float = 0.0
    pictured: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Thing)


def pack(thing: Thing) -> bytes:
    return _encoder.encode(thing)


def unpack(value: bytes) -> Thing:
    return _decoder.decode(value)


def better(held: SensorEvent, rank: int, newer: SensorEvent, newer_rank: int) -> tuple[SensorEvent, int]:
    """The one to raise: the higher rank, of equals the one that happened later, and without ranks the one that came
    later; a picture is kept when only the other has one."""
    if newer_rank > rank or (newer_rank == rank and (not rank or newer.occurred_at >= held.occurred_at)):
        best, best_rank, other = newer, newer_rank, held
    else:
        best, best_rank, other = held, rank, newer
    urgency = min(held.urgency, newer.urgency)
    media = best.media or other.media
    if best.id == held.id and best.media is media and best.urgency is urgency:
        return best, best_rank
    return msgspec.structs.replace(best, id=held.id, media=media, urgency=urgency), best_rank


def is_worse(told: Thing, event: SensorEvent, rank: int) -> bool:
    """Whether this message says less reliably what the cameras were told: it has a lower rank, or the same and
    happened earlier."""
    if rank != told.rank:
        return rank < told.rank
    return rank > 0 and event.occurred_at.timestamp() < told.occurred


def changes(before: dict[str, Scalar], event: SensorEvent, how: Collapse, worse: bool) -> tuple[str, ...]:
    """The fields that say something new, of those worth an amendment. A field that went missing says nothing, and
    neither does one that stands only for what the message does not say.

    ``worse``: than what was told (``is_worse``), so that it tells only what was not known.
    """
    fields, assumed = event.fields, how.assumed
    names = [name for name in how.amend or fields if name in fields and name not in assumed]
    if worse:
        return tuple([name for name in names if name not in before])
    return tuple([name for name in names if fields[name] != before.get(name)])

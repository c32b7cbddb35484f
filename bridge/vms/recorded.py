"""What a VMS target may know about the VMS's own record: its events, their pictures and clips, recorded video.

Optional for a target, as in ``credentials``; each way says in words what it cannot (``CannotTell``). Used by
``vms-bridge events``, the round trip of ``selftest`` and clips around an event; the delivery room's own search is
``VmsTarget.find``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from bridge.model import CameraId, SensorEvent


class CannotTell(Exception):
    """The VMS was not asked, did not answer, or cannot do this; the message says which, and what to do."""


class Unable(CannotTell):
    """Nobody could ask this of a VMS of this kind, or of one that is told events in this way."""


class Away(CannotTell):
    """The VMS as a whole did not answer."""


class Refused(CannotTell):
    """The VMS refused this for what it is: asking again would not help."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which events. ``since`` and ``until`` are aware UTC. ``event_type``: ours, or the VMS's name. ``tag``: a tag or
    field the event has; with ``value``, having this value. ``most``: so many at most, over all cameras."""

    cameras: tuple[CameraId, ...]
    since: datetime
    until: datetime
    event_type: str = ""
    sensor: str = ""
    tag: str = ""
    value: str = ""
    most: int = 50

    def fits(self, event: Recorded) -> bool:
        """Whether this one is asked for, its camera aside; one that has no time is not."""
        if event.at is None or not self.since <= event.at <= self.until:
            return False
        if self.sensor and self.sensor != event.sensor:
            return False
        if self.event_type and self.event_type not in (event.name, event.known_as):
            return False
        return not self.tag or (self.tag in event.tags and self.value in ("", str(event.tags[self.tag])))


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the VMS has it. ``remote_id``: the VMS's. ``event``: our event id when it is one of ours.
    ``tags``: what it carries, by the VMS's names. ``known_as``: the type it has for the VMS's own rules, where it
    says one."""

    remote_id: str
    camera: CameraId
    name: str
    at: datetime | None
    event: str = ""
    sensor: str = ""
    tags: dict[str, object] = {}
    known_as: str = ""


class MediaKind(StrEnum):
    PICTURE = "picture"
    CLIP = "clip"
    VIDEO = "video"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One picture, clip or piece of recorded video that the VMS holds. ``reference``: what ``fetch`` needs, opaque;
    never shown, for it may be a signed link. ``size`` in bytes, 0 when not told. ``remote_id``: the VMS's, where it has
    one. ``without``: why it cannot be fetched, in words; ``pending`` if it may be later. Then no ``reference``."""

    kind: MediaKind
    name: str
    reference: str = ""
    at: datetime | None = None
    until: datetime | None = None
    media_type: str = ""
    size: int = 0
    remote_id: str = ""
    without: str = ""
    pending: bool = False

    def __repr__(self) -> str:
        return f"Held({self.kind.value}, {self.name!r})"


@runtime_checkable
class Records(Protocol):
    def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        """The VMS's events, one camera after the other, newest first within a camera. Raises CannotTell."""

    async def held(self, event: Recorded, before: float, after: float) -> Sequence[Held]:
        """What the VMS holds of this event, and the recorded video from ``before`` seconds before it to ``after``
        seconds after it. Without ``remote_id`` only what it holds of that time. Raises CannotTell."""

    def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        """Its bytes, piece by piece; ends normally only when it is whole. Raises CannotTell."""


@runtime_checkable
class RecallsById(Protocol):
    """Where the VMS can be asked for one event by its own id; otherwise ``recorded`` is gone through."""

    async def recorded_as(self, camera: CameraId, remote_id: str) -> Recorded | None:
        """The event of this id; None when the VMS has none. Raises CannotTell."""


@runtime_checkable
class SaysWhatItTold(Protocol):
    def told(self, camera: CameraId, revisions: Sequence[SensorEvent]) -> Mapping[str, str]:
        """What the VMS should have of an event on this camera, by the VMS's names, once all these revisions (at least
        one, oldest first) were delivered; pure. Raises CannotTell for a camera that is not of this VMS."""


@runtime_checkable
class MakesClips(Protocol):
    async def clip(self, camera: CameraId, since: datetime, until: datetime, title: str, at: datetime) -> str:
        """Ask the VMS to make a clip of its recorded video; returns the VMS's id of it. ``at``: the event it is of.

        One that has this title and is of this moment already is that clip: asking again makes no second one, as far as
        the VMS lets us see. Raises Refused, CannotTell.
        """

"""What the journal keeps of clips: asked for around an event once it was delivered, beside the events' own way.

A clip has a record of its own, so that a restart goes on with it; nothing of it ever touches its event.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from bridge.model import CameraId, EventId, Position, VmsId


class ClipState(enum.Enum):
    WAITING = "waiting"
    MADE = "made"
    """The VMS has been asked and gave it an id."""
    GAVE_UP = "gave up"


class ClipRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One clip of one event on one camera. ``at``: the event's time; ``due``: not before this; all UTC. ``tries``: how
    often the VMS was asked. ``why``: what went wrong last."""

    event: EventId
    camera: CameraId
    vms: VmsId
    title: str
    at: datetime
    since: datetime
    until: datetime
    due: datetime
    state: ClipState = ClipState.WAITING
    tries: int = 0
    remote_id: str = ""
    why: str = ""
    settled_at: datetime | None = None


class ReadableClips(Protocol):
    async def of(self, event: EventId) -> Sequence[ClipRecord]:
        """All clips of an event, by camera."""


class Clips(ReadableClips, Protocol):
    """Every method raises JournalError."""

    async def add(self, new: Sequence[ClipRecord], position: Position) -> None:
        """Keep these and how far the events were gone through, in one write. What is there already stays as it is."""

    async def note(self, record: ClipRecord) -> None:
        """What became of it; durable when this returns. Nothing happens when its event is no longer kept."""

    async def waiting(self, now: datetime, limit: int) -> Sequence[ClipRecord]:
        """Those that wait and are due, the longest overdue first."""

    async def next_due(self) -> datetime | None:
        """When the next one that waits is due."""

    async def counts(self) -> Mapping[str, int]:
        """By ``ClipState.value``, those of events that are still kept."""

"""What a journal promises: the durable record of messages, events, deliveries, state and timers.

A journal knows rows and leases, not profiles, HTTP or tokens. No rowid, file path or clock order crosses this wall,
and the caller passes ``now``: a journal shared by many nodes fits behind it unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from bridge.model import (
    Action,
    CameraId,
    Decision,
    Delivery,
    DeliveryState,
    EventId,
    Instant,
    Lane,
    MediaId,
    Message,
    MessageId,
    Outcome,
    Piece,
    Position,
    SensorEvent,
    SensorId,
    StateKey,
    Urgency,
    Verdict,
    VmsId,
)


class JournalError(Exception):
    """The journal could not do what was asked; the message says what and what to do."""


class Full(JournalError):
    """No room for this urgency: disk or size limit reached. Alarms have a reserve that notices may not use."""


class Undone(JournalError):
    """This decision was not kept, because its commit, or one before it, failed. Memory made from it is wrong."""


class Fenced(JournalError):
    """Another process holds the journal, or took it over: stop writing."""


class Lease(msgspec.Struct, frozen=True):
    """The right to write: every write carries its ``epoch`` and is refused once a later one exists."""

    name: str
    node: str
    epoch: int


class StateRow(msgspec.Struct, frozen=True):
    """A remembered fact. ``remaining``: seconds until its timer is due (0 when overdue), None without timer."""

    key: StateKey
    value: bytes
    expires: float
    remaining: float | None = None


class LaneHead(msgspec.Struct, frozen=True, kw_only=True):
    """The first delivery of a lane, claimed: nobody else gets it until it is settled.

    ``ambiguous``: it was begun before and never settled, so the VMS may have it: reconcile before sending.
    ``begun_at``: when it was first begun (UTC). ``ref`` is the journal's own handle, meaningless elsewhere.
    """

    lane: Lane
    delivery: Delivery
    ambiguous: bool
    begun_at: datetime
    ref: int


class Parked(msgspec.Struct, frozen=True):
    """A camera (or with ``camera`` None a whole VMS) whose lanes wait until somebody acts."""

    vms: VmsId
    camera: CameraId | None
    why: str
    since: datetime


class MessageRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: MessageId
    message: Message
    verdicts: tuple[Verdict, ...]
    media: tuple[MediaId, ...] = ()


class Undecided(msgspec.Struct, frozen=True):
    """A message that is decided in part: items without a verdict are left. ``piece``: what was decided last."""

    record: MessageRecord
    piece: Piece


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    event: SensorEvent


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    event: EventId
    revision: int
    title: str
    sensor: SensorId
    camera: CameraId
    vms: VmsId
    action: Action
    urgency: Urgency
    state: DeliveryState
    attempts: int
    remote_id: str
    why: str
    begun_at: datetime | None
    settled_at: datetime | None
    possible_duplicate: bool = False


class QuarantineRecord(msgspec.Struct, frozen=True, kw_only=True):
    message: MessageId
    index: int
    origin: str
    why: str
    arrived: datetime
    sensor: SensorId | None = None
    unknown: bool = False
    key: str = ""


Record = MessageRecord | EventRecord | DeliveryRecord | QuarantineRecord


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which records to read, oldest first unless ``newest_first``. Unset filters match everything."""

    what: Literal["messages", "events", "deliveries", "quarantine"]
    sensor: SensorId | None = None
    camera: CameraId | None = None
    event: EventId | None = None
    message: MessageId | None = None
    states: tuple[DeliveryState, ...] = ()
    unknown: bool | None = None
    """Of the quarantine: what nobody listens for, or (False) what nobody could read."""
    prefix: str | None = None
    """Of messages and events: those whose id begins so."""
    since: datetime | None = None
    until: datetime | None = None
    newest_first: bool = False
    limit: int = 1000


class Fed(msgspec.Struct, frozen=True, kw_only=True):
    """One event, or one amendment of it, in the order of the commits. ``position``: where who has it stands.
    ``cameras``: those that get it."""

    position: str
    event: SensorEvent
    cameras: tuple[CameraId, ...]


class FeedGap(msgspec.Struct, frozen=True):
    """Between two positions events may be missing, because they are not kept any more; ``why`` in words."""

    after: str
    until: str
    why: str


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """What comes after a position: a ``gap`` first, if there is one, then ``records``; ``position`` is where to go on,
    which may be beyond the last record: events kept from the cameras by a rule are passed over."""

    records: tuple[Fed, ...]
    position: str
    gap: FeedGap | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's sums since the journal was made (retention does not lower them), and what is open now."""

    messages: int
    items: Mapping[str, int]
    """by ``Fate.value``"""
    events: int
    amendments: int
    deliveries: Mapping[str, int]
    """by ``DeliveryState.value``; pending and begun are what is open now"""
    open_bytes: Mapping[tuple[VmsId, Urgency], int]
    size: int
    """bytes on disk, pictures included"""


class QueueFigures(msgspec.Struct, frozen=True):
    """What waits for one VMS at one urgency: in how many lanes, and when (epoch seconds) the oldest of it arrived."""

    lanes: int
    oldest: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What ``Totals`` does not have because it is not kept as a sum. ``free``: bytes the disk has left."""

    queues: Mapping[tuple[VmsId, Urgency], QueueFigures]
    facts: int
    quarantined: int
    quarantine_dropped: int
    media: int
    """bytes of pictures"""
    free: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The latest alarm that a VMS refused for good. ``count``: how many such there are of this VMS."""

    vms: VmsId
    event: EventId
    title: str
    camera: CameraId
    why: str
    count: int


class Oldest(msgspec.Struct, frozen=True, kw_only=True):
    """Of all that waits for one VMS in one urgency, what came first. ``arrived``: when its message came (UTC)."""

    vms: VmsId
    urgency: Urgency
    event: EventId
    title: str
    camera: CameraId
    arrived: datetime


class Journal(Protocol):
    def commit(self, decision: Decision) -> asyncio.Future[None]:
        """Keep a decision; the future is done once it is durable. Call order is commit order.

        Raises Full or Fenced at once, before anything is taken. The future raises Undone when this decision, or one
        before it, could not be kept: then every decision handed in before ``generation`` is read again is Undone too.
        """

    @property
    def generation(self) -> int:
        """Changes when decisions were undone: what was remembered since must be read anew."""

    async def position(self, name: str) -> Position | None:
        """The bookmark last committed with a message under this name."""

    async def state(self, sensors: Sequence[SensorId]) -> Mapping[StateKey, StateRow]:
        """All remembered facts of these sensors."""

    async def undecided(self, after: MessageId | None) -> Undecided | None:
        """Of the messages that are decided in part the first, or the next after this one, in the order they came;
        read at start, to go on with them."""

    async def timers(self) -> Sequence[StateRow]:
        """All facts with a timer, of every sensor; read once at start."""

    async def claim(self, lease: Lease, vms: VmsId, least: Urgency, now: Instant, limit: int) -> Sequence[LaneHead]:
        """Up to ``limit`` heads of ready lanes of one VMS, most urgent first, of urgency ``least`` or higher.

        Waits until there is at least one. What it returns is durably marked begun. A decision committed while a
        claim waits has its deliveries begun in the same write.
        """

    async def settle(self, head: LaneHead, outcome: Outcome, now: Instant, begin_next: bool) -> LaneHead | None:
        """Record what became of a claimed head; with ``begin_next`` begin the lane's next one in the same write.

        Delivered, Rejected and Expired end it; Retry leaves it at the lane's head, not ready before ``after``;
        Ambiguous the same, to be reconciled; Blocked likewise (call ``park`` for its lanes).
        """

    async def park(self, parked: Parked) -> None: ...

    async def unpark(self, vms: VmsId, camera: CameraId | None) -> None: ...

    async def parked(self) -> Sequence[Parked]: ...

    async def probe(self, lease: Lease, vms: VmsId, camera: CameraId | None, now: Instant) -> LaneHead | None:
        """Claim one head of a parked camera or VMS, an alarm if there is one, to see whether it is still refused."""

    async def replay(self, event: EventId, camera: CameraId, now: Instant) -> int:
        """Make the dead deliveries of this event to this camera pending again, attempts counted anew; how many."""

    async def drop(self, event: EventId, camera: CameraId, why: str, now: Instant) -> int:
        """End the dead deliveries of this event to this camera as expired, for good; how many."""

    async def drop_quarantined(self, message: MessageId, index: int | None = None) -> int:
        """Take a message's items, or one of them, out of quarantine for good; how many."""

    def read(self, query: Query) -> AsyncIterator[Record]: ...

    async def media(self, media: MediaId) -> bytes: ...

    async def feed(self, after: str | None, limit: int) -> FeedPage:
        """Up to ``limit`` events in the order of their commits, after a position; without one from the oldest.

        A position is an opaque text, valid as long as the journal is; of two, the later is the greater as text.
        """

    async def head(self) -> str:
        """The position of the newest event."""

    async def behind(self, position: str) -> int:
        """How many events came after a position, at most."""

    async def keep(self, position: Position) -> None:
        """Write a bookmark down by itself; returns when it is durable."""

    async def totals(self) -> Totals: ...

    async def oldest(self, least: Urgency) -> Sequence[Oldest]:
        """What has waited longest, for each VMS and each urgency from ``least`` up. Cheap, however much waits."""

    async def refused_alarms(self) -> Sequence[Refused]:
        """Of each VMS that refused alarms for good, the latest; nobody has replayed or dropped it since. Cheap while
        nothing is refused or replayed."""

    async def close(self) -> None: ...

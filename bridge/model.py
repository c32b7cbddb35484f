"""The nouns of the bridge as small immutable classes.

Everything else knows this module and it knows nobody: no I/O, no clock, no configuration. One name each, the same
in code, YAML, commands and documentation. Times are aware UTC; durations are seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import NewType, TypeAlias

import msgspec

SiteId = NewType("SiteId", str)
VmsId = NewType("VmsId", str)
CameraId = NewType("CameraId", str)
ConnectorId = NewType("ConnectorId", str)
SensorId = NewType("SensorId", str)
ProfileId = NewType("ProfileId", str)
MessageId = NewType("MessageId", str)
EventId = NewType("EventId", str)
MediaId = NewType("MediaId", str)

Scalar: TypeAlias = str | int | float | bool | None

BRIDGE = "bridge"
"""The bridge's own id as a sensor that tells its faults, and its connector's and profile's. No other may have it."""


TEST_TYPE = "bridge.test"
"""The type of a test event that a person raises without saying of which type."""


class Instant(msgspec.Struct, frozen=True):
    """One moment on both clocks: ``utc`` says when, ``monotonic`` (seconds) measures waiting."""

    utc: datetime
    monotonic: float


# ---------------------------------------------------------------------------------------------------- what arrived


class Origin(msgspec.Struct, frozen=True):
    """Where a message came from, as its connector saw it; intake finds the sensor from this.

    ``peer`` is the sender's network address without port; ``place`` the path, topic, unit or account it spoke to;
    ``authenticated`` the *name* of the secret whose credentials it showed (never the credentials); ``attributes``
    the headers or parameters that some address of this connector asks for, names in lower case.
    """

    peer: str
    place: str = ""
    authenticated: str | None = None
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)


class Part(msgspec.Struct, frozen=True):
    """One piece of a multipart body, or a picture taken out of a document: bytes, never base64."""

    content_type: str
    data: bytes
    name: str = ""
    filename: str = ""


class Position(msgspec.Struct, frozen=True):
    """A poller's bookmark, committed with the message that moved it."""

    name: str
    value: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector received. Knows no sensor, profile or camera.

    For a multipart body ``parts`` holds every part in order and ``body`` is empty; otherwise ``body`` holds it all.
    ``redelivered`` only when the transport says so, never guessed from equal bytes.
    """

    connector: ConnectorId
    origin: Origin
    body: bytes
    arrived: Instant
    content_type: str | None = None
    parts: tuple[Part, ...] = ()
    redelivered: bool = False
    position: Position | None = None


class ReceiptKind(enum.Enum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"
    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    LATER = "later"


class Receipt(msgspec.Struct, frozen=True):
    """What became of a submitted message. All but ``LATER`` are durable: the sender may be acknowledged.

    ``LATER``: nothing was kept, the sender keeps it and tries again ``after`` seconds.
    """

    kind: ReceiptKind
    why: str = ""
    message: MessageId | None = None
    after: float = 0.0

    @property
    def kept(self) -> bool:
        return self.kind is not ReceiptKind.LATER


# ---------------------------------------------------------------------------------------------- what an item means


class Item(msgspec.Struct, frozen=True):
    """One thing a message says. ``document`` is decoded and without pictures; those are in ``media``."""

    index: int
    document: Mapping[str, object]
    media: tuple[Part, ...] = ()


class Malformed(msgspec.Struct, frozen=True):
    """An item, or a whole message (index 0), that its profile could not read, and why."""

    index: int
    why: str


class Urgency(enum.IntEnum):
    """Lower goes first."""

    ALARM = 0
    FAULT = 1
    NOTICE = 2


class State(enum.Enum):
    ACTIVE = "active"
    RESTORED = "restored"
    MOMENTARY = "momentary"


class Clock(enum.Enum):
    """Where ``occurred_at`` came from: the device; the device about the past (a replayed buffer); our arrival time."""

    DEVICE = "device"
    LATE = "late"
    ARRIVAL = "arrival"


class Collapse(msgspec.Struct, frozen=True):
    """How the several messages about one thing (one vehicle, say) become one event.

    ``key`` names the thing. ``hold``: seconds to wait for a better message before raising; 0 raises at once. ``rank``:
    of the messages held, the highest rank is raised (of equals what happened latest). ``window``: seconds from the
    first message in which later ones belong to the same event. ``amend``: the fields whose change is worth an
    amendment; empty means any. A message of a lower rank than what was told, or of the same but older, tells only what
    was not known. ``begins``: what only the thing's first message has; another value under the same key is another
    thing (a camera that restarted counts its vehicles from 1 again). ``loose``: the key where a message says less of
    whose thing it is; equal to ``key`` for a message that does, and then any thing of the sensor whose key ends alike
    is meant, if it is the only one. ``assumed``: fields of which the message says nothing, and that have what the
    profile says stands otherwise; no news where something else is known.
    """

    key: str
    hold: float
    window: float
    rank: int = 0
    amend: tuple[str, ...] = ()
    begins: str = ""
    loose: str = ""
    assumed: tuple[str, ...] = ()


class Complete(msgspec.Struct, frozen=True):
    """What is on now of everything whose condition begins with ``scope``; open conditions not among them are over."""

    scope: str
    conditions: tuple[str, ...]


class Link(msgspec.Struct, frozen=True):
    """A picture that the device keeps and gives the address of. ``role``: what it shows, in the profile's words."""

    url: str
    role: str = ""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile reads in one item, before rules and state have spoken.

    ``occurred_at`` is the device's own time in UTC, or None when it gave none. ``detail`` is the full decoded item
    as JSON, pictures left out. ``dedup``: equal keys within the window are the same item again; None where the
    device gives no identity. ``condition``: what is on or off; with ``state`` RESTORED it closes the open event of
    that condition.
    """

    type: str
    title: str
    fields: Mapping[str, Scalar]
    detail: bytes
    state: State = State.MOMENTARY
    urgency: Urgency = Urgency.NOTICE
    condition: str | None = None
    occurred_at: datetime | None = None
    dedup: str | None = None
    dedup_window: float = 3600.0
    collapse: Collapse | None = None
    quiet: str | None = None
    """The profile's reason for raising nothing (a heartbeat): the item is filtered under this name."""
    roles: tuple[str, ...] = ()
    """What each of the item's media shows ("plate", "vehicle"), in the order of ``Item.media``."""
    complete: Complete | None = None
    ends_after: float | None = None
    """Seconds after the last ``active`` at which the condition ends, for devices that may not say so."""
    links: tuple[Link, ...] = ()
    marks: tuple[str, ...] = ()
    """What the guard should know about how it came: these stand on its event from the first."""


class Media(msgspec.Struct, frozen=True):
    """A picture kept in the journal. ``role`` says what it shows, in the profile's words ("plate", "vehicle")."""

    id: MediaId
    content_type: str
    size: int
    role: str = ""


class SensorEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What an item means. Knows no camera, VMS, token or HTTP.

    ``revision`` 0 is raised; a later message that corrects it gives revision 1, 2, … of the same id, whose
    ``changes`` names the fields that differ from the revision before. ``clock_offset``: device minus arrival, in
    seconds, None when the device gave no time.
    """

    id: EventId
    site: SiteId
    sensor: SensorId
    sensor_name: str
    kind: str
    message: MessageId
    type: str
    title: str
    occurred_at: datetime
    arrived_at: datetime
    revision: int = 0
    state: State = State.MOMENTARY
    condition: str | None = None
    closes: EventId | None = None
    urgency: Urgency = Urgency.NOTICE
    clock: Clock = Clock.DEVICE
    clock_offset: float | None = None
    fields: Mapping[str, Scalar] = msgspec.field(default_factory=dict)
    detail: bytes = b""
    media: tuple[Media, ...] = ()
    changes: tuple[str, ...] = ()
    test: bool = False
    marks: tuple[str, ...] = ()
    """What the guard should know about how it came: "rule 2 failed", "orphan restore"."""
    withheld: str = ""
    """The rule that kept it from the cameras when its hold ended; such an event has no deliveries."""


# --------------------------------------------------------------------------------------------- what follows from it


class Fate(enum.Enum):
    """What became of an item. Every item has exactly one: the ledger counts them."""

    RAISED = "raised"
    AMENDED = "amended"
    COLLAPSED = "collapsed"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"
    QUARANTINED = "quarantined"


class Verdict(msgspec.Struct, frozen=True):
    """The fate of item ``index`` of a message; ``event`` it went into, ``rule`` that filtered it, ``why`` in words.

    COLLAPSED may name an event that is still held: it exists once its hold has ended.
    """

    index: int
    fate: Fate
    sensor: SensorId | None = None
    event: EventId | None = None
    rule: str | None = None
    why: str = ""


class StateKey(msgspec.Struct, frozen=True):
    """One remembered fact about a sensor: ``kind`` is "dedup", "collapse", "condition" …, ``key`` which one."""

    sensor: SensorId
    kind: str
    key: str


class StateChange(msgspec.Struct, frozen=True):
    """Set (or with ``value`` None forget) one fact.

    ``expires``: epoch seconds after which it no longer counts and may be removed. ``due_in``: seconds until it asks
    to be decided again (a timer); None is no timer. Setting a fact replaces its timer too.
    """

    key: StateKey
    value: bytes | None
    expires: float = 0.0
    due_in: float | None = None


class Action(enum.Enum):
    RAISE = "raise"
    AMEND = "amend"


class NewDelivery(msgspec.Struct, frozen=True):
    """One event (its revision) to be taken to one camera."""

    event: EventId
    revision: int
    camera: CameraId
    vms: VmsId
    sensor: SensorId
    action: Action
    urgency: Urgency


class Quarantined(msgspec.Struct, frozen=True):
    """An item nobody could read, or (``unknown``) nobody listens for. ``origin`` groups it under its sender's cap."""

    index: int
    origin: str
    why: str
    sensor: SensorId | None = None
    unknown: bool = False
    key: str = ""
    """By what it was not known: the identity it said, or what its cameras were looked up by."""


class KeptMedia(msgspec.Struct, frozen=True):
    """A picture to be written with the decision."""

    media: Media
    data: bytes


class KeptMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is stored: redacted, pictures apart."""

    id: MessageId
    message: Message
    media: tuple[KeptMedia, ...] = ()


class Adopted(msgspec.Struct, frozen=True):
    """A message of the quarantine, some of whose items (those that the decision has verdicts of) leave it by this."""

    message: MessageId
    media: tuple[KeptMedia, ...] = ()


class Piece(msgspec.Struct, frozen=True):
    """Of a message that says very much, what one of several decisions is about: those items that it has verdicts of.

    ``place``: the how many-th decision about this message, from 0; that one brings the message itself, those after it
    find it in the journal. ``last``: nothing of it is left to decide. ``closed``: the item after those is decided in
    part, and this is the first event that it brought. ``media``: pictures of these items, when the message is in the
    journal already.
    """

    message: MessageId
    place: int
    last: bool
    closed: EventId | None = None
    media: tuple[KeptMedia, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that follows from one message, a piece of one, or one timer; committed whole or not at all.

    ``adopted``: in the place of ``message``, one that is in the journal already and was in quarantine until now.
    ``piece``: None when all that the message says is decided by this. ``source``: of a piece after the first, the
    message that it is of; for whoever watches, it is not kept again.
    """

    at: Instant
    message: KeptMessage | None = None
    adopted: Adopted | None = None
    piece: Piece | None = None
    source: Message | None = None
    verdicts: tuple[Verdict, ...] = ()
    events: tuple[SensorEvent, ...] = ()
    deliveries: tuple[NewDelivery, ...] = ()
    changes: tuple[StateChange, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()

    @property
    def heard(self) -> Message | None:
        """What was heard that it follows from; None for a timer, and for what leaves the quarantine."""
        return self.source if self.message is None else self.message.message

    @property
    def about(self) -> MessageId | None:
        """The message that it is about; None when it follows from a timer."""
        if self.message is not None:
            return self.message.id
        later = self.piece or self.adopted
        return None if later is None else later.message

    @property
    def urgency(self) -> Urgency:
        """The most urgent event in it; NOTICE when there is none."""
        return min((event.urgency for event in self.events), default=Urgency.NOTICE)


# ------------------------------------------------------------------------------------------------------- deliveries


class DeliveryState(enum.Enum):
    PENDING = "pending"
    BEGUN = "begun"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    DEAD = "dead"
    """Parked is not a state of a delivery but of its camera or VMS: the delivery stays pending."""


class Lane(msgspec.Struct, frozen=True):
    """The unit of order: one request in flight, strictly in sequence."""

    sensor: SensorId
    camera: CameraId
    urgency: Urgency


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event to one camera, as a VMS target sees it.

    ``remote_id``: for an amendment, the id the VMS gave the raised event (None when unknown).
    ``possible_duplicate``: sent again after a search found nothing, so that a guard may see it twice.
    ``attempts``: sends begun before this one. ``pictures``: bytes of those of the event's pictures that are kept;
    filled at its sending, for a target that can take pictures.
    """

    event: SensorEvent
    camera: CameraId
    vms: VmsId
    action: Action = Action.RAISE
    attempts: int = 0
    remote_id: str | None = None
    possible_duplicate: bool = False
    pictures: Mapping[MediaId, bytes] = msgspec.field(default_factory=dict)


class Delivered(msgspec.Struct, frozen=True):
    """The VMS has it, under ``remote_id``."""

    remote_id: str = ""
    note: str = ""


class Retry(msgspec.Struct, frozen=True):
    """Surely not taken; try again, not before ``after`` seconds. ``away``: the VMS as a whole did not answer."""

    why: str
    after: float = 0.0
    away: bool = False


class Blocked(msgspec.Struct, frozen=True):
    """Nothing of this camera (or, with ``whole_vms``, of this VMS) will be taken until somebody acts: park."""

    why: str
    whole_vms: bool = False


class Rejected(msgspec.Struct, frozen=True):
    """The VMS refused this one delivery for what it is; sending it again would not help."""

    why: str


class Ambiguous(msgspec.Struct, frozen=True):
    """It may or may not have been taken: look before sending again. ``away``: the VMS did not answer at all."""

    why: str
    away: bool = False
    after: float = 0.0


class Expired(msgspec.Struct, frozen=True):
    """Given up on purpose: too late to be of use, or over its VMS's budget."""

    why: str


Outcome: TypeAlias = Delivered | Retry | Blocked | Rejected | Ambiguous | Expired


class Found(msgspec.Struct, frozen=True):
    remote_id: str


class Absent(msgspec.Struct, frozen=True):
    """The VMS was searched and has it not (yet: see ``Capabilities.settle_after``). ``surely`` false: it may stand
    there half made, without anything to be found by, so that sending it again may double it."""

    surely: bool = True


class Unanswered(msgspec.Struct, frozen=True):
    """The search itself failed; nothing is known."""

    why: str


Search: TypeAlias = Found | Absent | Unanswered


# --------------------------------------------------------------------------------------------------------- findings


class Finding(msgspec.Struct, frozen=True):
    """One line of a check: what is so, where, and what to do about it."""

    ok: bool
    what: str
    where: str = ""
    remedy: str = ""


Findings: TypeAlias = tuple[Finding, ...]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a site's firewall table: a connection that has to be possible.

    ``inbound``: the other end connects to us. ``peer``: the other end, a host's name, an address or a network; ""
    for anybody, "?" where the site's files do not say it. ``port``: the one that is connected to, None for any.
    ``bind``: of what is inbound, our address. ``how_often`` and ``how_large`` in words, with their limits.
    """

    inbound: bool
    peer: str
    port: int | None
    speaks: str
    why: str
    how_often: str
    how_large: str
    protocol: str = "tcp"
    bind: str = ""

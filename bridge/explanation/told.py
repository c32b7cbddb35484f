"""What an explanation says; JSON-able, its names are stable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bridge.model import Action, CameraId, EventId, MessageId, Scalar, SensorId, VmsId


class Compared(msgspec.Struct, kw_only=True):
    """A sensor of the same connector. ``matched``: what of its address fits; ``differs``: the first thing that does
    not, or why it was not taken all the same."""

    sensor: SensorId
    matched: list[str]
    differs: str


class RuleTold(msgspec.Struct, kw_only=True):
    """``did``: what it really did ("filtered it", "failed"), "" when nothing is on record; ``would``: what it says of
    this event by itself, asked again now."""

    rule: str
    would: str
    did: str = ""


class ItemTold(msgspec.Struct, kw_only=True):
    """One item: first what is on record of it, then how the site as it is now reads it (``read_again`` False: not)."""

    index: int
    fate: str
    sensor: SensorId | None = None
    event: EventId | None = None
    rule: str | None = None
    why: str = ""
    duplicate_of: str | None = None
    in_quarantine: bool = False
    key: str = ""
    read_again: bool = False
    sensor_now: SensorId | None = None
    sensor_name: str = ""
    matched_by: list[str] = []
    profile: str = ""
    kind: str = ""
    type: str = ""
    state: str = ""
    urgency: str = ""
    title: str = ""
    condition: str | None = None
    fields: Mapping[str, Scalar] = {}
    identity: Mapping[str, str] = {}
    quiet: str | None = None
    rules: list[RuleTold] = []
    cameras: list[CameraId] = []
    camera_key: str = ""
    problem: str = ""
    others: list[Compared] = []
    others_left_out: int = 0


class MessageTold(msgspec.Struct, kw_only=True):
    """``size``: bytes of the body as it is kept."""

    id: MessageId
    connector: str
    peer: str
    place: str
    authenticated: str | None
    arrived: datetime
    content_type: str | None
    size: int
    items: list[ItemTold]


class DeliveryTold(msgspec.Struct, kw_only=True):
    revision: int
    action: Action
    camera: CameraId
    vms: VmsId
    state: str
    attempts: int
    why: str
    remote_id: str
    settled_at: datetime | None
    possible_duplicate: bool


class PartTold(msgspec.Struct, kw_only=True):
    """An item that is part of an event: what it did to it."""

    message: MessageId
    index: int
    fate: str
    arrived: datetime


class EventTold(msgspec.Struct, kw_only=True):
    """``held``: it is not raised yet. ``withheld``: the rule that kept it from the cameras. ``parts`` may be but the
    first when ``parts_left_out``."""

    id: EventId
    sensor: SensorId
    type: str = ""
    title: str = ""
    state: str = ""
    urgency: str = ""
    condition: str | None = None
    closes: EventId | None = None
    occurred_at: datetime | None = None
    clock: str = ""
    revisions: int = 0
    changes: list[list[str]] = []
    marks: list[str] = []
    held: bool = False
    withheld: str = ""
    test: bool = False
    deliveries: list[DeliveryTold] = []
    parts: list[PartTold] = []
    parts_left_out: bool = False


class Explanation(msgspec.Struct, kw_only=True):
    """``about``: "message" or "event". ``site_known``: whether a site was there to read the messages by again."""

    about: str
    id: str
    site_known: bool
    messages: list[MessageTold]
    events: list[EventTold]
    notes: list[str] = []

"""Small decisions for the journal's tests: a message, its event, its deliveries."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime

from bridge.journal.contract import LaneHead
from bridge.model import (
    Action,
    CameraId,
    ConnectorId,
    Decision,
    Delivered,
    EventId,
    Fate,
    Instant,
    KeptMedia,
    KeptMessage,
    Media,
    MediaId,
    Message,
    MessageId,
    NewDelivery,
    Origin,
    Position,
    Quarantined,
    SensorEvent,
    SensorId,
    SiteId,
    StateChange,
    Urgency,
    Verdict,
    VmsId,
)

SITE = SiteId("harbour")
VMS = VmsId("cloud")
CAMERA = CameraId("gate-in")
SENSOR = SensorId("gate-lpr")
DONE = Delivered("remote")

_numbers = itertools.count(1)


def now(ahead: float = 0.0) -> Instant:
    """This moment, or ``ahead`` seconds later on both clocks."""
    return Instant(datetime.fromtimestamp(time.time() + ahead, UTC), time.monotonic() + ahead)


def message_id(at: Instant, number: int) -> MessageId:
    return MessageId(f"{int(at.utc.timestamp() * 1000):012x}cafe{number:06x}")


def decision(
    *,
    sensor: str = SENSOR,
    cameras: tuple[str, ...] = (CAMERA,),
    vms: str = VMS,
    urgency: Urgency = Urgency.NOTICE,
    body: bytes = b"{}",
    pictures: tuple[bytes, ...] = (),
    changes: tuple[StateChange, ...] = (),
    position: Position | None = None,
    at: Instant | None = None,
    id: str | None = None,
    amends: SensorEvent | None = None,
    detail: bytes = b"{}",
) -> Decision:
    """One message that raises (or amends) one event on each of ``cameras``."""
    at = at or now()
    message = message_id(at, next(_numbers)) if id is None else MessageId(id)
    media = tuple(
        KeptMedia(Media(MediaId(f"{message}.{index}"), "image/jpeg", len(data), "plate"), data)
        for index, data in enumerate(pictures)
    )
    event = SensorEvent(
        id=EventId(f"{message}.0") if amends is None else amends.id,
        revision=0 if amends is None else amends.revision + 1,
        site=SITE,
        sensor=SensorId(sensor),
        sensor_name=sensor,
        kind="lpr",
        message=message,
        type="vehicle.identified",
        title=f"Vehicle {message}",
        occurred_at=at.utc,
        arrived_at=at.utc,
        urgency=urgency,
        fields={"plate": "ABC123"},
        detail=detail,
        media=tuple(each.media for each in media),
    )
    action = Action.RAISE if amends is None else Action.AMEND
    return Decision(
        at=at,
        message=KeptMessage(
            id=message,
            message=Message(
                connector=ConnectorId("lpr"),
                origin=Origin("10.0.0.21", "/gate"),
                body=body,
                arrived=at,
                content_type="application/json",
                position=position,
            ),
            media=media,
        ),
        verdicts=(Verdict(0, Fate.RAISED if amends is None else Fate.AMENDED, SensorId(sensor), event.id),),
        events=(event,),
        deliveries=tuple(
            NewDelivery(event.id, event.revision, CameraId(camera), VmsId(vms), SensorId(sensor), action, urgency)
            for camera in cameras
        ),
        changes=changes,
    )


def unknown(origin: str, body: bytes = b"?", at: Instant | None = None) -> Decision:
    """A message of one item that nobody listens for."""
    at = at or now()
    message = message_id(at, next(_numbers))
    return Decision(
        at=at,
        message=KeptMessage(
            id=message,
            message=Message(connector=ConnectorId("lpr"), origin=Origin(origin), body=body, arrived=at),
        ),
        verdicts=(Verdict(0, Fate.QUARANTINED, why="nobody listens"),),
        quarantined=(Quarantined(0, origin, "nobody listens"),),
    )


def event_of(head: LaneHead) -> EventId:
    return head.delivery.event.id

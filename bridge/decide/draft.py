"""From a draft to an event: the event's time and clock, its media, and what the rules see of it."""

from __future__ import annotations

from datetime import datetime

from bridge.config.site import Sensor, Site
from bridge.model import Clock, Draft, EventId, Instant, Item, Media, MediaId, MessageId, SensorEvent

AHEAD = 5.0
"""Seconds a device may be ahead of us before its clock is called wrong and the event is placed at arrival."""

LATE = 30.0
"""Seconds after which a device's own time in the past is called late: a replayed buffer, a long hold on the way."""


def event_of(site: Site, sensor: Sensor, draft: Draft, item: Item, message: MessageId, at: Instant) -> SensorEvent:
    """The event this draft would be, raised now, as revision 0 with nothing known of other messages."""
    occurred, clock, offset = placed(draft.occurred_at, at.utc)
    return SensorEvent(
        id=EventId(f"{message}.{item.index}"),
        site=site.id,
        sensor=sensor.id,
        sensor_name=sensor.name,
        kind=sensor.kind,
        message=message,
        type=draft.type,
        title=draft.title,
        occurred_at=occurred,
        arrived_at=at.utc,
        state=draft.state,
        condition=draft.condition,
        urgency=draft.urgency,
        clock=clock,
        clock_offset=offset,
        fields=draft.fields,
        detail=draft.detail,
        media=media_of(item, draft, message) if item.media else (),
        marks=draft.marks,
    )


def placed(device: datetime | None, arrived: datetime) -> tuple[datetime, Clock, float | None]:
    """Where the event stands in time. A device ahead of us is wrong; one behind us may be telling of the past."""
    if device is None:
        return arrived, Clock.ARRIVAL, None
    offset = (device - arrived).total_seconds()
    if offset > AHEAD:
        return arrived, Clock.ARRIVAL, offset
    return device, Clock.LATE if offset < -LATE else Clock.DEVICE, offset


def media_of(item: Item, draft: Draft, message: MessageId) -> tuple[Media, ...]:
    """The item's pictures as the journal will keep them; ids tell message, item and place in it."""
    return tuple(
        Media(
            MediaId(f"{message}.{item.index}-{place}"),
            part.content_type,
            len(part.data),
            draft.roles[place] if place < len(draft.roles) else "",
        )
        for place, part in enumerate(item.media)
    )


def seen_by_rules(event: SensorEvent) -> dict[str, object]:
    """The ``event`` variable of rule expressions. ``occurred_at`` is RFC 3339, for ``timestamp()``; ``pictures`` what
    each of its pictures shows; ``test`` whether somebody tried the way with it."""
    return {
        "type": event.type,
        "title": event.title,
        "state": event.state.value,
        "urgency": event.urgency.name.lower(),
        "condition": event.condition,
        "sensor": event.sensor,
        "kind": event.kind,
        "clock": event.clock.value,
        "occurred_at": event.occurred_at.isoformat(),
        "pictures": [each.role for each in event.media],
        "test": event.test,
        "fields": event.fields,
    }

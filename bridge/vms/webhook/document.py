"""The event as the default body tells it: stable, documented in ``docs/vms/webhook.md``."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from bridge.model import Delivery, SensorEvent

VERSION = 1
"""Counted up when something is taken away or changes its meaning; what is added does not count."""


def document(delivery: Delivery, camera: dict[str, str]) -> dict[str, object]:
    """Everything the bridge knows of the event. ``camera``: its key, name and id."""
    return {
        "version": VERSION,
        "action": delivery.action.value,
        "possible_duplicate": delivery.possible_duplicate,
        "camera": camera,
        **sensor_and_event(delivery.event),
    }


def sensor_and_event(event: SensorEvent) -> dict[str, object]:
    """What is the same whoever is told: ``sensor`` and ``event``."""
    return {
        "sensor": {"id": event.sensor, "name": event.sensor_name, "kind": event.kind},
        "event": {
            "id": event.id,
            "revision": event.revision,
            "site": event.site,
            "message": event.message,
            "type": event.type,
            "title": event.title,
            "state": event.state.value,
            "condition": event.condition,
            "closes": event.closes,
            "urgency": event.urgency.name.lower(),
            "occurred_at": zulu(event.occurred_at),
            "arrived_at": zulu(event.arrived_at),
            "clock": event.clock.value,
            "clock_offset": event.clock_offset,
            "fields": event.fields,
            "detail": _detail(event.detail),
            "media": [
                {"id": each.id, "content_type": each.content_type, "size": each.size, "role": each.role}
                for each in event.media
            ],
            "changes": event.changes,
            "marks": event.marks,
            "test": event.test,
        },
    }


def as_json(told: dict[str, object]) -> bytes:
    """A document's bytes; whatever text a device sent, they are UTF-8."""
    try:
        return msgspec.json.encode(told)
    except UnicodeEncodeError:  # half a surrogate pair in some text
        import json

        return json.dumps(told, default=_plain, ensure_ascii=False).encode("utf-8", "replace")


def _plain(value: object) -> object:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else str(value)


def zulu(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-02-03T10:15:30.250000Z``."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _detail(detail: bytes) -> object:
    """The message as it is, if it is JSON; else as text."""
    if not detail:
        return None
    try:
        return msgspec.json.decode(detail, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return detail.decode("utf-8", "replace")

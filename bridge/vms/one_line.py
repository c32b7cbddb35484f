"""An event in one line of text, for a VMS that has room for nothing else: what a guard looks for first; the whole
message last."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from bridge.model import Action, Clock, Delivery, Scalar, SensorEvent, State, Urgency
from bridge.vms.lines import title_of
from bridge.vms.text import Place

LONGEST_TITLE = 300
LONGEST_NAME = 100
"""Of a title and of a sensor's name, as the place counts: what follows has the id. In a small place, less."""


def one_line(delivery: Delivery, place: Place) -> str:
    """``Gas 412 ppm [0197c3-1.0] Boiler room; occurred: …; ppm: 412; … [3 more in event 0197c3-1.0]``, as it fits."""
    event = delivery.event
    place = msgspec.structs.replace(place, lines=False)
    title = msgspec.structs.replace(place, most=min(LONGEST_TITLE, place.most // 3))
    name = msgspec.structs.replace(place, most=min(LONGEST_NAME, place.most // 6))
    said, sensor = title.shortened(_title(delivery), event.id), name.shortened(event.sensor_name, event.id)
    before = f"{said} [{event.id}] {sensor}; occurred: {_zulu(event.occurred_at)}; "
    return place.one_text(_all_of(event), event.id, before)


def _title(delivery: Delivery) -> str:
    title = title_of(delivery.event)
    if delivery.action is Action.AMEND:
        title = f"amended: {title}"
    return f"possible duplicate: {title}" if delivery.possible_duplicate else title


def _all_of(event: SensorEvent) -> dict[str, Scalar]:
    told: dict[str, Scalar] = {}
    if event.state is not State.MOMENTARY:
        told["state"] = event.state.value
    if event.closes is not None:
        told["closes"] = event.closes
    if event.marks:
        told["marks"] = ", ".join(event.marks)
    for name, value in event.fields.items():
        told[name if name not in told else f"field {name}"] = value
    for name, value in _about(event).items():
        told[name if name not in told else f"event {name}"] = value
    return told


def _about(event: SensorEvent) -> dict[str, Scalar]:
    about: dict[str, Scalar] = {
        "type": event.type,
        "urgency": Urgency(event.urgency).name.lower(),
        "sensor": event.sensor,
        "kind": event.kind,
        "site": event.site,
        "arrived": _zulu(event.arrived_at),
    }
    if event.clock is not Clock.DEVICE:
        about["clock"] = event.clock.value
    if event.clock_offset is not None:
        about["clock_offset"] = f"{event.clock_offset:.3f}"
    if event.condition is not None:
        about["condition"] = event.condition
    if event.revision:
        about["revision"] = event.revision
        about["changes"] = ", ".join(event.changes)
    if event.media:
        about["media"] = " ".join([f"{each.id}={each.role or each.content_type}" for each in event.media])
    if event.detail:
        about["detail"] = event.detail.decode("utf-8", "replace")
    return about


def _zulu(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

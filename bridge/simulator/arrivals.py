"""What stands in a simulated VMS, in the words of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from bridge.simulator.ledger import Arrival, Vehicle
from bridge.simulator.vxg import Raised
from bridge.simulator.webhook import Hook

_TAGS = {"plate": "license_plate", "make": "car_brand", "model": "car_model", "colour": "car_color"}
"""Fields that are written under the names the VXG UI reads, too; those are what a guard sees, so those count."""


def from_vxg(record: Iterable[Raised], cameras: Mapping[int, str]) -> list[Arrival]:
    """``cameras``: the site's name of each camera's number."""
    found = []
    for event in record:
        meta = event.meta
        values = dict(meta) | {name: meta[tag] for name, tag in _TAGS.items() if tag in meta}
        found.append(
            Arrival(
                camera=cameras[event.camera],
                event=meta.get("bridge_event", ""),
                order=event.order,
                values=values,
                vehicle=_vehicle(meta),
                name=_name(meta),
                possible_duplicate="possible_duplicate" in meta,
            )
        )
    return found


class _Camera(msgspec.Struct):
    key: str


class _Sensor(msgspec.Struct):
    id: str


class _Event(msgspec.Struct):
    id: str
    revision: int
    fields: dict[str, str | int | float | bool | None]


class Told(msgspec.Struct):
    """What the ledger reads in the default body of a webhook."""

    camera: _Camera
    sensor: _Sensor
    event: _Event
    possible_duplicate: bool = False


def from_webhook(record: Iterable[Hook]) -> tuple[list[Arrival], int]:
    """(arrivals, how many hooks came again). A receiver of webhooks cannot be searched, so after a cut it may be sent
    the same event again, and knows it by its id. Amendments change what a raise said, where it stands.

    Raises msgspec.ValidationError when a body is not the default one.
    """
    raised: dict[tuple[str, str], Arrival] = {}
    told_before: set[tuple[str, str, int]] = set()
    repeated = 0
    for hook in record:
        told = msgspec.json.decode(hook.body, type=Told)
        event, stands = told.event, (told.camera.key, told.event.id)
        if (*stands, event.revision) in told_before:
            repeated += 1
            continue
        told_before.add((*stands, event.revision))
        values = {name: str(value) for name, value in event.fields.items() if value is not None}
        before = raised.get(stands)
        if before is not None:
            raised[stands] = msgspec.structs.replace(before, values={**before.values, **values})
            continue
        raised[stands] = Arrival(
            camera=told.camera.key,
            event=event.id,
            order=hook.order,
            values=values,
            vehicle=_vehicle({**values, "sensor": told.sensor.id}),
            name=_name(values),
            possible_duplicate=told.possible_duplicate,
        )
    return list(raised.values()), repeated


def _vehicle(values: Mapping[str, str]) -> Vehicle | None:
    sensor, serial, car = values.get("sensor"), values.get("serial"), values.get("vehicle", "")
    return (sensor, serial, int(car)) if sensor and serial and car.isdecimal() else None


def _name(values: Mapping[str, str]) -> str:
    """What a thing that is no vehicle is known again by: OMNI's activity, VisualCortex's object, or what
    OvenMediaEngine says of one life of a stream."""
    if "activity" in values:
        return values["activity"]
    if "object" in values:
        return values["object"]
    if "stream_since" in values:
        return " ".join([values.get(name, "") for name in ("source", "stream_since", "code", "state")])
    return ""

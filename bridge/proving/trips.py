"""Which test events show that every camera is reached: pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from bridge.config.site import Sensor, Site
from bridge.model import CameraId, Scalar, SensorId

MOST_TRIES = 3
"""Sensors that are tried for one camera, where the rules of the first keep the test event from it."""

UNSERVED = "no test event can be aimed at it: no sensor names it, or only a table by identity, or faults alone"

_BY_FIELD = re.compile(r"\s*fields\.([A-Za-z_][A-Za-z0-9_]*)\s*")


class Trip(msgspec.Struct, frozen=True):
    """One test event: raised by ``sensor`` with ``fields``, it goes to ``cameras``."""

    sensor: SensorId
    fields: Mapping[str, Scalar]
    cameras: tuple[CameraId, ...]


class Plan(msgspec.Struct, frozen=True):
    """``trips`` for each camera in question, the best first; one trip may serve many. ``left_out``: cameras that are
    not tried, and why."""

    trips: Mapping[CameraId, tuple[Trip, ...]]
    left_out: Mapping[CameraId, str]


class Harm(msgspec.Struct, frozen=True):
    """``refused``: cameras whose credential does not work, and why: a test event would wait there until it does.
    ``parks``: cameras that a test event would block for real ones; none is raised that goes there."""

    refused: Mapping[CameraId, str] = {}
    parks: Mapping[CameraId, str] = {}


NO_HARM = Harm()


def planned(
    site: Site, cameras: Collection[CameraId] = (), sensors: Collection[SensorId] = (), harm: Harm = NO_HARM
) -> Plan:
    """``cameras``, ``sensors``: only these; all when empty."""
    found: dict[CameraId, list[Trip]] = {}
    blocked: dict[CameraId, str] = {}
    for sensor in site.sensors.values():
        if sensors and sensor.id not in sensors:
            continue
        for trip in _of(sensor):
            parked = next((camera for camera in trip.cameras if camera in harm.parks), None)
            for camera in trip.cameras:
                if parked is not None:
                    blocked.setdefault(camera, f"{parked}: {harm.parks[parked]}")
                elif not cameras or camera in cameras:
                    found.setdefault(camera, []).append(trip)
    asked = cameras or (dict.fromkeys([*found, *blocked]) if sensors else site.cameras)
    trips: dict[CameraId, tuple[Trip, ...]] = {}
    left_out: dict[CameraId, str] = {}
    for camera in asked:
        if camera in harm.refused:
            left_out[camera] = harm.refused[camera]
        elif camera in found:
            kind = sorted(found[camera], key=lambda trip: any(each in harm.refused for each in trip.cameras))
            trips[camera] = tuple(kind[:MOST_TRIES])
        else:
            left_out[camera] = blocked.get(camera, UNSERVED)
    return Plan(trips, left_out)


def _of(sensor: Sensor) -> Iterator[Trip]:
    """With a table the event is aimed by the field that is looked up; by an identity it cannot be."""
    by = sensor.cameras_by
    if by is None:
        if sensor.cameras:
            yield Trip(sensor.id, {}, sensor.cameras)
        return
    field = _BY_FIELD.fullmatch(by.by.text)
    if field is not None:
        for key, cameras in by.table.items():
            if cameras:
                yield Trip(sensor.id, {field[1]: key}, cameras)
    if sensor.cameras:
        yield Trip(sensor.id, {}, sensor.cameras)

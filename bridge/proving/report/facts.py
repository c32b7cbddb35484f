"""What a report holds. As JSON ``vms-bridge report`` reads it again: names in it stay, new ones may be added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bridge.config.places import Places
from bridge.config.site import Sensor, Site
from bridge.model import CameraId
from bridge.ports import Port, ports_of
from bridge.proving.lines import Grade, Line, counts
from bridge.proving.round_trip import RoundTrip
from bridge.setup.privilege import Credential, Judgement
from bridge.setup.raising import cameras_of
from bridge.units import said_seconds

FORMAT = 1


class VmsFact(msgspec.Struct, frozen=True):
    """``where``: host and port, as far as the site's files say it."""

    name: str
    type: str
    where: str


class CameraFact(msgspec.Struct, frozen=True):
    """``number``: its id in its VMS. ``sensors``: whose events stand there. ``faults``: the bridge's own too."""

    id: str
    name: str
    vms: str
    number: str
    sensors: tuple[str, ...]
    faults: bool


class SensorFact(msgspec.Struct, frozen=True, kw_only=True):
    """``table``: where the cameras of an event are looked up, and by what; "" when they are always the same."""

    id: str
    name: str
    kind: str
    location: str
    connector: str
    speaks: str
    profile: str
    cameras: tuple[str, ...]
    table: str
    rules: tuple[str, ...]
    supervised: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``at``: aware, in the site's zone. ``tried``: whether round trips were made, or only looked."""

    format: int = FORMAT
    site: str
    site_id: str
    digest: str
    at: datetime
    timezone: str
    version: str
    machine: str
    user: str
    tried: bool
    mark: str
    vms: tuple[VmsFact, ...]
    cameras: tuple[CameraFact, ...]
    sensors: tuple[SensorFact, ...]
    ports: tuple[Port, ...]
    outside: tuple[str, ...]
    credentials: tuple[Credential, ...]
    excess: tuple[str, ...]
    lines: tuple[Line, ...]
    trips: tuple[RoundTrip, ...]

    @property
    def counts(self) -> dict[str, int]:
        return counts(self.lines)

    @property
    def verdict(self) -> str:
        found = self.counts
        if found["wrong"]:
            return f"NOT READY: {found['wrong']} wrong"
        if not self.tried:
            return "nothing found wrong; no round trip was made"
        proven = sum(trip.grade is Grade.OK for trip in self.trips)
        if proven < len(self.cameras):
            return f"nothing found wrong; {proven} of {len(self.cameras)} cameras proven by a round trip"
        return f"proven: a test event was found again on each of {proven} cameras"


def report_of(
    site: Site,
    places: Places,
    judged: Judgement,
    lines: Sequence[Line],
    trips: Sequence[RoundTrip] | None,
    *,
    at: datetime,
    version: str,
    machine: str,
    user: str,
    mark: str,
) -> Report:
    """``trips``: None when none were to be made. ``at`` aware."""
    found = ports_of(site)
    return Report(
        site=site.name,
        site_id=site.id,
        digest=site.digest,
        at=at.astimezone(site.timezone),
        timezone=site.timezone.key,
        version=version,
        machine=machine,
        user=user,
        tried=trips is not None,
        mark=mark,
        vms=tuple(_vms(site, found.lines)),
        cameras=tuple(_camera(site, camera) for camera in site.cameras),
        sensors=tuple(_sensor(site, sensor, places) for sensor in site.sensors.values()),
        ports=found.lines,
        outside=found.outside,
        credentials=judged.credentials,
        excess=(
            *(f"secret {each.secret}: {each.message}" for each in judged.warnings),
            *(f"secret {each.secret}: nothing is raised on camera {each.camera}" for each in judged.idle),
        ),
        lines=tuple(lines),
        trips=tuple(trips or ()),
    )


def _vms(site: Site, ports: Sequence[Port]) -> list[VmsFact]:
    told = []
    for name, vms in site.vms.items():
        mine = [port for port in ports if port.part == f"vms.{name}"]
        where = ", ".join(f"{each.destination}:{each.port}" for each in mine if each.destination != "?")
        told.append(VmsFact(name, vms.settings.type, where or "each camera's token says it"))
    return told


def _camera(site: Site, id: CameraId) -> CameraFact:
    camera = site.cameras[id]
    seeing = tuple(sensor.id for sensor in site.sensors.values() if id in cameras_of(sensor))
    number = str(getattr(camera.settings, "id", "") or "")
    return CameraFact(id, camera.settings.name or id, camera.vms, number, seeing, id in site.fault_cameras)


def _sensor(site: Site, sensor: Sensor, places: Places) -> SensorFact:
    by = sensor.cameras_by
    return SensorFact(
        id=sensor.id,
        name=sensor.name,
        kind=sensor.kind,
        location=sensor.location,
        connector=", ".join([sensor.connector, *sensor.also]),
        speaks=site.connectors[sensor.connector].settings.type,
        profile=sensor.profile,
        cameras=cameras_of(sensor),
        table=f"looked up by {by.by.text} in {by.file}" if by is not None else "",
        rules=places.rules(sensor.id),
        supervised=_supervised(sensor),
    )


def _supervised(sensor: Sensor) -> str:
    limits = sensor.supervise
    if limits is None:
        return ""
    said = (
        ("silent after", limits.silent_after),
        ("no heartbeat for", limits.heartbeat),
        ("clock off by", limits.clock),
    )
    return ", ".join(f"{words} {said_seconds(seconds)}" for words, seconds in said if seconds is not None)

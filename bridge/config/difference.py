"""What differs between two sites, so that a reload touches only that."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

import msgspec

from bridge.config.site import Camera, Connector, Sensor, Site
from bridge.decide.rules import written
from bridge.model import CameraId, ConnectorId, SensorId, VmsId
from connectors.base import ConnectorSettings

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Change(msgspec.Struct, Generic[Key], frozen=True):
    """The ids of one section that are new, gone, or there with other contents."""

    added: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()
    removed: tuple[Key, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """From one site to another.

    ``vms_to_rebuild``: new ones, and those whose settings or cameras differ. Of the connectors, those with other
    settings restart; where only the addresses of their sensors differ, ``readdress`` will do. ``needs_restart``: what
    a running service cannot take over, in sentences; the rest of the difference can be taken over all the same,
    except when the site's id differs.
    """

    vms: Change[VmsId]
    cameras: Change[CameraId]
    connectors: Change[ConnectorId]
    sensors: Change[SensorId]
    vms_to_rebuild: tuple[VmsId, ...] = ()
    connectors_to_start: tuple[ConnectorId, ...] = ()
    connectors_to_restart: tuple[ConnectorId, ...] = ()
    connectors_to_readdress: tuple[ConnectorId, ...] = ()
    connectors_to_stop: tuple[ConnectorId, ...] = ()
    endpoints: Change[str] = Change()
    pictures_changed: bool = False
    """From where pictures may be fetched."""
    observe_changed: bool = False
    """Where a monitoring system asks."""
    site_changed: bool = False
    """The site's own lines: name, time zone, faults and where they are told, journal."""
    other_site: bool = False
    """The ids differ: another site, with another journal; it cannot be taken over by a running service."""
    needs_restart: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        parts = (self.vms, self.cameras, self.connectors, self.sensors, self.endpoints)
        others = (self.site_changed, self.other_site, self.pictures_changed, self.observe_changed)
        return any(parts) or any(others) or bool(self.vms_to_rebuild or self.connectors_to_readdress)

    def __str__(self) -> str:
        """One line for a log: ``sensors +gate-out ~gate-in -yard; restart lpr``; "nothing" when nothing differs."""
        told = []
        for name in ("vms", "cameras", "connectors", "sensors", "endpoints"):
            change: Change[str] = getattr(self, name)
            signs = (("+", change.added), ("~", change.changed), ("-", change.removed))
            if change:
                told.append(f"{name} " + " ".join(_few(sign, ids) for sign, ids in signs if ids))
        if self.site_changed:
            told.append("site ~")
        if self.pictures_changed:
            told.append("pictures ~")
        if self.observe_changed:
            told.append("observe ~")
        for verb, connectors in (("restart", self.connectors_to_restart), ("readdress", self.connectors_to_readdress)):
            if connectors:
                told.append(f"{verb} {', '.join(connectors)}")
        told.extend(self.needs_restart)
        return "; ".join(told) or "nothing"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A running service and the site it was started with, as that is written now: ``site`` is its path, ``digest`` its
    digest; ``running``: the digest of what runs; ``difference``: what a reload would do."""

    pid: int
    site: str
    digest: str
    running: str
    difference: Difference


def difference(old: Site, new: Site) -> Difference:
    """What a running service has to do to become ``new``. Pure."""
    vms = _change(old.vms, new.vms, lambda before, after: before.settings == after.settings)
    cameras = _change(old.cameras, new.cameras, lambda before, after: before == after)
    connectors = _change(old.connectors, new.connectors, lambda before, after: _way_in(before) == _way_in(after))
    touched = {
        vms for camera in (*cameras.added, *cameras.changed) for vms in _vms_of(camera, old.cameras, new.cameras)
    }
    touched |= {old.cameras[camera].vms for camera in cameras.removed}
    touched |= {*vms.added, *vms.changed}
    before, after = _addresses(old), _addresses(new)
    steady = [name for name in new.connectors if name in old.connectors and name not in connectors.changed]
    return Difference(
        vms=vms,
        cameras=cameras,
        connectors=connectors,
        sensors=_change(old.sensors, new.sensors, lambda was, now: _same_sensor(was, now, old, new)),
        vms_to_rebuild=tuple(name for name in new.vms if name in touched),
        connectors_to_start=connectors.added,
        connectors_to_restart=connectors.changed,
        connectors_to_readdress=tuple(name for name in steady if before.get(name) != after.get(name)),
        connectors_to_stop=connectors.removed,
        endpoints=_change(old.endpoints, new.endpoints, lambda was, now: was.settings == now.settings),
        pictures_changed=old.pictures != new.pictures,
        observe_changed=old.observe != new.observe,
        site_changed=(old.name, old.timezone.key, old.fault_cameras, old.faults, old.trouble, old.journal)
        != (new.name, new.timezone.key, new.fault_cameras, new.faults, new.trouble, new.journal),
        other_site=old.id != new.id,
        needs_restart=_needs_restart(old, new),
    )


def _change(old: Mapping[Key, Value], new: Mapping[Key, Value], same: Callable[[Value, Value], bool]) -> Change[Key]:
    return Change(
        added=tuple(key for key in new if key not in old),
        changed=tuple(key for key, value in new.items() if key in old and not same(old[key], value)),
        removed=tuple(key for key in old if key not in new),
    )


def _vms_of(camera: CameraId, *sites: Mapping[CameraId, Camera]) -> set[VmsId]:
    """A camera that moved from one VMS to another touches both."""
    return {cameras[camera].vms for cameras in sites if camera in cameras}


def _way_in(connector: Connector) -> ConnectorSettings:
    """What it is run with: what is supervised behind it is no reason to restart it."""
    return connector.settings.model_copy(update={"supervise": None})


def _same_sensor(was: Sensor, now: Sensor, old: Site, new: Site) -> bool:
    return (
        _without_rules(was) == _without_rules(now)
        and _rules(was) == _rules(now)
        and old.profiles[was.profile].digest == new.profiles[now.profile].digest
    )


def _without_rules(sensor: Sensor) -> tuple[object, ...]:
    return (
        sensor.name, sensor.kind, sensor.profile, sensor.connector, sensor.address, sensor.cameras,
        sensor.timezone.key, sensor.location, sensor.cameras_by, tuple(sensor.also.items()), sensor.supervise,
    )  # fmt: skip


def _rules(sensor: Sensor) -> list[tuple[object, ...]]:
    """Rules, an inhibit among them, by what is written: compiled expressions of the same text are not equal."""
    return [written(rule) for rule in sensor.rules]


def _addresses(site: Site) -> dict[ConnectorId, list[object]]:
    found: dict[ConnectorId, list[object]] = {}
    for sensor in site.sensors.values():
        for connector, address in ((sensor.connector, sensor.address), *sensor.also.items()):
            found.setdefault(connector, []).append(address)
    return found


def _needs_restart(old: Site, new: Site) -> tuple[str, ...]:
    told = []
    if old.id != new.id:
        told.append(
            f"the site's id changes from {old.id} to {new.id}: that is another site; stop this one and start it"
        )
    if old.journal != new.journal:
        told.append("the journal's settings change: restart the service to use them")
    return tuple(told)


def _few(sign: str, ids: tuple[str, ...], most: int = 10) -> str:
    shown = " ".join(f"{sign}{each}" for each in ids[:most])
    return shown if len(ids) <= most else f"{shown} ({sign}{len(ids) - most} more)"

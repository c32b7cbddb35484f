"""What differs between two sites, so that a reload touches only that."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

import msgspec

from bridge.config.site import Camera, Sensor, Site
from bridge.decide.rules import Select
from bridge.model import CameraId, ConnectorId, SensorId, VmsId

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
    site_changed: bool = False
    """The site's own lines: name, time zone, cameras for faults, journal."""
    other_site: bool = False
    """The ids differ: another site, with another journal; it cannot be taken over by a running service."""
    needs_restart: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        parts = (self.vms, self.cameras, self.connectors, self.sensors, self.site_changed, self.other_site)
        return any(parts) or bool(self.vms_to_rebuild or self.connectors_to_readdress)

    def __str__(self) -> str:
        """One line for a log: ``sensors +gate-out ~gate-in -yard; restart lpr``; "nothing" when nothing differs."""
        told = []
        for name in ("vms", "cameras", "connectors", "sensors"):
            change: Change[str] = getattr(self, name)
            signs = (("+", change.added), ("~", change.changed), ("-", change.removed))
            if change:
                told.append(f"{name} " + " ".join(_few(sign, ids) for sign, ids in signs if ids))
        if self.site_changed:
            told.append("site ~")
        for verb, connectors in (("restart", self.connectors_to_restart), ("readdress", self.connectors_to_readdress)):
            if connectors:
                told.append(f"{verb} {', '.join(connectors)}")
        told.extend(self.needs_restart)
        return "; ".join(told) or "nothing"


def difference(old: Site, new: Site) -> Difference:
    """What a running service has to do to become ``new``. Pure."""
    vms = _change(old.vms, new.vms, lambda before, after: before.settings == after.settings)
    cameras = _change(old.cameras, new.cameras, lambda before, after: before == after)
    connectors = _change(old.connectors, new.connectors, lambda before, after: before.settings == after.settings)
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
        site_changed=(old.name, old.timezone.key, old.fault_cameras, old.journal)
        != (new.name, new.timezone.key, new.fault_cameras, new.journal),
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


def _same_sensor(was: Sensor, now: Sensor, old: Site, new: Site) -> bool:
    return (
        _without_rules(was) == _without_rules(now)
        and _rules(was) == _rules(now)
        and old.profiles[was.profile].digest == new.profiles[now.profile].digest
    )


def _without_rules(sensor: Sensor) -> tuple[object, ...]:
    return (
        sensor.name, sensor.kind, sensor.profile, sensor.connector, sensor.address, sensor.cameras,
        sensor.timezone.key, sensor.location,
    )  # fmt: skip


def _rules(sensor: Sensor) -> list[tuple[str, str]]:
    """Rules by what is written: compiled expressions of the same text are not equal."""
    return [(rule.name, rule.expression.text if isinstance(rule, Select) else "") for rule in sensor.rules]


def _addresses(site: Site) -> dict[ConnectorId, list[object]]:
    found: dict[ConnectorId, list[object]] = {}
    for sensor in site.sensors.values():
        found.setdefault(sensor.connector, []).append(sensor.address)
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

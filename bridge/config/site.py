"""The site: one configuration, immutable, with a digest. Everything is built from it; nothing changes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from bridge.decide.rules import Rule
from bridge.model import CameraId, ConnectorId, ProfileId, SensorId, SiteId, VmsId
from bridge.profiles.profile import Profile
from bridge.vms.base import CameraSettings, VmsSettings
from connectors.base import Address, ConnectorSettings


class Vms(msgspec.Struct, frozen=True):
    id: VmsId
    settings: VmsSettings


class Camera(msgspec.Struct, frozen=True):
    id: CameraId
    vms: VmsId
    settings: CameraSettings


class Connector(msgspec.Struct, frozen=True):
    id: ConnectorId
    settings: ConnectorSettings


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """``timezone``: the sensor's own zone when its times carry none; the site's unless said otherwise."""

    id: SensorId
    name: str
    kind: str
    profile: ProfileId
    connector: ConnectorId
    address: Address
    cameras: tuple[CameraId, ...]
    timezone: ZoneInfo
    rules: tuple[Rule, ...] = ()
    location: str = ""


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``path``: the folder. ``limit``: bytes it may take. ``reserve``: bytes of free disk kept for alarms and for
    settling. ``retention``: seconds delivered records stay. ``quarantine_per_origin``: items kept per sender."""

    path: Path
    limit: int = 8 * 2**30
    reserve: int = 64 * 2**20
    retention: float = 30 * 86400.0
    quarantine_per_origin: int = 100


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """``digest`` changes when anything that matters to a running service does."""

    id: SiteId
    name: str
    timezone: ZoneInfo
    digest: str
    vms: Mapping[VmsId, Vms]
    cameras: Mapping[CameraId, Camera]
    connectors: Mapping[ConnectorId, Connector]
    sensors: Mapping[SensorId, Sensor]
    profiles: Mapping[ProfileId, Profile]
    journal: JournalSettings
    fault_cameras: tuple[CameraId, ...] = ()

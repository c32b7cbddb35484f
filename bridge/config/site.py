"""The site: one configuration, immutable, with a digest. Everything is built from it; nothing changes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from bridge.decide.cameras import CamerasBy
from bridge.decide.rules import Rule
from bridge.model import CameraId, ConnectorId, ProfileId, SensorId, SiteId, VmsId
from bridge.profiles.expression import Expression
from bridge.profiles.profile import Profile
from bridge.vms.base import CameraSettings, VmsSettings
from connectors.base import Address, ConnectorSettings

if TYPE_CHECKING:
    from bridge.config.pictures import FetchSettings
    from bridge.endpoints.settings import EndpointSettings
    from bridge.metrics.settings import ObserveSettings
    from bridge.trouble.settings import TroubleSettings


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


class Supervision(msgspec.Struct, frozen=True):
    """Seconds: how long a sensor may be silent, how long without a heartbeat, how much its clock may differ."""

    silent_after: float | None = None
    heartbeat: float | None = None
    clock: float | None = None


class FaultLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is a fault of the bridge itself: bytes free, seconds until the journal is full, seconds that anything, and
    that an alarm, may wait for its VMS."""

    disk_low: int = 2**30
    buffer_short: float = 12 * 3600.0
    backlog_old: float = 900.0
    alarm_within: float = 100.0


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """``timezone``: the sensor's own zone when its times carry none; the site's unless said otherwise.

    ``cameras``: those of every event, or with ``cameras_by`` those of events whose key its table does not have.
    ``also``: its address on each other connector by which it is heard, a poller that fills gaps for example.
    """

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
    cameras_by: CamerasBy | None = None
    also: Mapping[ConnectorId, Address] = msgspec.field(default_factory=dict)
    supervise: Supervision | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """Where other programs get events. ``select``: the expression of its filter, compiled."""

    id: str
    settings: EndpointSettings
    select: Expression | None = None


class TableRead(msgspec.Struct, frozen=True):
    """A table that is part of the site: what it holds ("sensors" or "cameras"), and how many rows of it are used."""

    what: str
    file: str
    rows: int
    encoding: str


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
    faults: FaultLimits = FaultLimits()
    trouble: tuple[TroubleSettings, ...] = ()
    """Where people are told when the VMS does not take alarms."""
    tables: tuple[TableRead, ...] = ()
    endpoints: Mapping[str, Endpoint] = msgspec.field(default_factory=dict)
    pictures: FetchSettings | None = None
    """From where pictures may be fetched; None: from nowhere."""
    observe: ObserveSettings | None = None
    """Where a monitoring system asks over TCP; None: only at the control socket."""

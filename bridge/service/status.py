"""What a running service says of itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bridge.endpoints.status import EndpointStatus
from bridge.journal.contract import Totals
from bridge.service.rooms import Rooms
from bridge.supervision import Condition
from bridge.supervision.people import Standing
from bridge.ways_in import ConnectorStatus


class SensorStatus(msgspec.Struct):
    name: str
    last_heard: datetime | None = None


class Status(msgspec.Struct, kw_only=True):
    """JSON-able."""

    site: str
    digest: str
    pid: int
    mode: str
    started: datetime
    connectors: list[ConnectorStatus]
    sensors: dict[str, SensorStatus]
    endpoints: list[EndpointStatus]
    vms: dict[str, dict[str, int]]
    """open bytes by VMS and urgency"""
    parked: list[str]
    conditions: list[Condition]
    messages: int
    items: Mapping[str, int]
    events: int
    amendments: int
    deliveries: Mapping[str, int]
    journal_bytes: int
    health: str = "green"
    """yellow: something is wrong. red: what is sent now may not be kept, or an alarm not arrive."""
    standing: list[Standing] = []
    """what people said of sensors for a while: tested, out of service"""
    observe: str = ""
    """the address a monitoring system asks, where it is asked over TCP"""
    clips: Mapping[str, int] = {}
    """clips around events that are still kept, by what became of them"""


async def status_of(rooms: Rooms) -> Status:
    """Raises JournalError."""
    site, journal = rooms.site, rooms.journal
    totals: Totals = await journal.totals()
    heard = rooms.intake.heard
    vms: dict[str, dict[str, int]] = {name: {} for name in site.vms}
    for (name, urgency), size in totals.open_bytes.items():
        vms.setdefault(name, {})[urgency.name.lower()] = size
    return Status(
        site=site.name,
        digest=site.digest,
        pid=os.getpid(),
        mode=rooms.mode.value,
        started=rooms.started,
        connectors=rooms.ways.status,
        sensors={
            sensor.id: SensorStatus(sensor.name, heard[sensor.id].utc if sensor.id in heard else None)
            for sensor in site.sensors.values()
        },
        endpoints=await rooms.endpoints.status(),
        vms=vms,
        parked=[f"{each.camera or each.vms}: {each.why}" for each in await journal.parked()],
        conditions=list(rooms.conditions.held()),
        messages=totals.messages,
        items=totals.items,
        events=totals.events,
        amendments=totals.amendments,
        deliveries=totals.deliveries,
        journal_bytes=totals.size,
        health=_health(rooms),
        standing=rooms.people.standing(),
        observe=rooms.observing.port.bound,
        clips=await journal.clips.counts(),
    )


def _health(rooms: Rooms) -> str:
    if rooms.state == "running" and not rooms.observing.ready().ok:
        return "red"
    return "yellow" if rooms.conditions.held() else "green"

"""Questions to a journal, the same whether a running service answers them or a command reads the journal itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec

from bridge.journal.contract import DeliveryRecord, EventRecord, QuarantineRecord, Query, Record
from bridge.model import CameraId, DeliveryState, EventId, MessageId, SensorEvent, SensorId, VmsId
from bridge.units import seconds

SCANNED = 200_000
"""Records looked at for one question, so that no question holds a service up for long."""


class Readable(Protocol):
    """As much of a journal as questions need."""

    def read(self, query: Query) -> AsyncIterator[Record]: ...


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """Which events, newest first. ``type`` may hold ``*``; ``since`` and ``until`` are aware. ``tag``: a field they
    have, or ``NAME=VALUE`` that it has this value."""

    sensor: SensorId | None = None
    camera: CameraId | None = None
    type: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries, oldest first. Unset filters match everything."""

    state: DeliveryState = DeliveryState.DEAD
    event: EventId | None = None
    sensor: SensorId | None = None
    camera: CameraId | None = None
    vms: VmsId | None = None
    limit: int = 1000


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Which quarantined items, oldest first. ``origin`` and ``key`` may hold ``*``; unset filters match everything."""

    origin: str | None = None
    key: str | None = None
    message: MessageId | None = None
    unknown: bool | None = None
    limit: int = 1000


def moment(text: str, now: datetime) -> datetime:
    """``"2 h"`` before ``now``, or an ISO date and time (of this machine's zone unless it says one), as aware UTC.

    Raises ValueError with what to write instead.
    """
    try:
        return now - timedelta(seconds=seconds(text))
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time: write how long ago (2 h, 3 d) or a date and time (2026-11-21T08:00)"
        ) from None


async def events(journal: Readable, wanted: Events) -> AsyncIterator[SensorEvent]:
    query = Query(
        what="events",
        sensor=wanted.sensor,
        camera=wanted.camera,
        since=wanted.since,
        until=wanted.until,
        newest_first=True,
        limit=wanted.limit if wanted.type is None and wanted.tag is None else SCANNED,
    )
    found = 0
    async for record in journal.read(query):
        if not isinstance(record, EventRecord):
            continue
        if wanted.type is not None and not fnmatchcase(record.event.type, wanted.type):
            continue
        if wanted.tag is not None and not _tagged(record.event, wanted.tag):
            continue
        yield record.event
        found += 1
        if found >= wanted.limit:
            return


def _tagged(event: SensorEvent, tag: str) -> bool:
    name, has_value, value = tag.partition("=")
    if name not in event.fields:
        return False
    found = event.fields[name]
    return not has_value or value == (found if isinstance(found, str) else msgspec.json.encode(found).decode())


async def deliveries(journal: Readable, wanted: Deliveries) -> AsyncIterator[DeliveryRecord]:
    query = Query(
        what="deliveries",
        event=wanted.event,
        sensor=wanted.sensor,
        camera=wanted.camera,
        states=(wanted.state,),
        limit=wanted.limit if wanted.vms is None else SCANNED,
    )
    found = 0
    async for record in journal.read(query):
        if not isinstance(record, DeliveryRecord) or (wanted.vms is not None and record.vms != wanted.vms):
            continue
        yield record
        found += 1
        if found >= wanted.limit:
            return


async def quarantine(journal: Readable, wanted: Quarantine) -> AsyncIterator[QuarantineRecord]:
    filtered = wanted.origin is not None or wanted.key is not None
    query = Query(
        what="quarantine",
        message=wanted.message,
        unknown=wanted.unknown,
        limit=SCANNED if filtered else wanted.limit,
    )
    found = 0
    async for record in journal.read(query):
        if not isinstance(record, QuarantineRecord) or not _is_wanted(record, wanted):
            continue
        yield record
        found += 1
        if found >= wanted.limit:
            return


def _is_wanted(record: QuarantineRecord, wanted: Quarantine) -> bool:
    return (wanted.origin is None or fnmatchcase(record.origin, wanted.origin)) and (
        wanted.key is None or fnmatchcase(record.key, wanted.key)
    )

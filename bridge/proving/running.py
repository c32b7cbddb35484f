"""What a running service says of itself, and what its journal knows of the sensors' clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from bridge.config.places import Places
from bridge.config.site import Site
from bridge.control.client import Answer, CallFailed, Client
from bridge.control.door import DoorError, Nobody
from bridge.journal.contract import EventRecord, JournalError, Query
from bridge.proving.clocks import LOOKED_AT
from bridge.proving.lines import Line, Topic, ok, unknown, warn, wrong

ANSWER = 10.0
"""Seconds that a service has for an answer."""
EVENTS = 500
"""The newest events, in which the sensors' clocks are looked for."""

_SAID_ELSEWHERE = ("clock ", "connector ")


class Way(msgspec.Struct):
    name: str
    type: str
    up: bool = False
    why: str = ""
    bound: str = ""


class Held(msgspec.Struct):
    key: str
    why: str
    names: list[str] = []


class Heard(msgspec.Struct):
    name: str
    last_heard: datetime | None = None


class Bound(msgspec.Struct):
    name: str
    bound: str = ""


class Told(msgspec.Struct):
    """As much of ``GET /status`` as is needed here."""

    site: str
    digest: str
    pid: int
    mode: str
    connectors: list[Way]
    sensors: dict[str, Heard]
    conditions: list[Held]
    parked: list[str]
    endpoints: list[Bound] = []
    observe: str = ""
    health: str = ""

    @property
    def held(self) -> frozenset[str]:
        """The addresses it listens on."""
        bound = [*(way.bound for way in self.connectors), *(each.bound for each in self.endpoints), self.observe]
        return frozenset(each for each in bound if each)

    def of_kind(self, word: str) -> list[str]:
        """What conditions are about whose key begins with this word."""
        return [each.key.removeprefix(f"{word} ") for each in self.conditions if each.key.startswith(f"{word} ")]


async def status(control: Path) -> tuple[Told | None, list[Line]]:
    """None when no service runs there, or it may not be asked; then a line says so."""
    try:
        answer = await asyncio.to_thread(_get, control, "/status")
        return msgspec.convert(answer, Told, strict=False), []
    except Nobody:
        what = "no service is running here, so its own word is missing below"
        return None, [unknown(Topic.SERVICE, what, str(control), "start it, then try again: vms-bridge run SITE")]
    except (DoorError, CallFailed, msgspec.ValidationError) as error:
        return None, [wrong(Topic.SERVICE, f"the running service cannot be asked: {error}", str(control))]


def _get(control: Path, path: str) -> Answer:
    with Client(control, ANSWER) as client:
        return client.get(path)


def lines_of(told: Told, site: Site, control: Path) -> list[Line]:
    where = str(control)
    lines = []
    if told.mode != "take":
        what = "a dry run is running: it takes and sends nothing"
        lines.append(warn(Topic.SERVICE, what, where, "end it and run the site: vms-bridge run SITE"))
    if told.digest != site.digest:
        what = f"the running service (process {told.pid}) has another state of the site than its files"
        lines.append(
            warn(Topic.SERVICE, what, where, "let it read the site again: systemctl reload vms-bridge (SIGHUP)")
        )
    if not lines:
        what = f"the service runs (process {told.pid}), with the site as its files say"
        lines.append(ok(Topic.SERVICE, what, where))
    for held in told.conditions:
        if not held.key.startswith(_SAID_ELSEWHERE):
            lines.append(
                wrong(Topic.SERVICE, f"the service says: {held.key}: {held.why}", where, "see docs/supervision.md")
            )
    lines += [
        wrong(
            Topic.SERVICE, f"nothing is sent to {each}", where, "mend what it says; the service tries again by itself"
        )
        for each in told.parked
    ]
    return lines


async def offsets(control: Path, journal: Path, running: bool) -> tuple[dict[str, list[float]], str]:
    """Sensor → device minus arrival, in seconds, of its newest events; and who measured it, "" when nobody could be
    asked. Never raises."""
    if running:
        try:
            return await asyncio.to_thread(_measured, control), "measured by the running service"
        except (Nobody, DoorError, CallFailed):
            return {}, ""
    from bridge.journal.sqlite.offline import OfflineJournal

    try:
        opened = await OfflineJournal.open(journal)
    except (JournalError, OSError):
        return {}, ""
    try:
        query = Query(what="events", newest_first=True, limit=EVENTS)
        found = [record.event async for record in opened.read(query) if isinstance(record, EventRecord)]
    except JournalError:
        return {}, ""
    finally:
        await opened.close()
    return _newest((event.sensor, event.clock.value, event.clock_offset) for event in found), "as the journal has it"


def _measured(control: Path) -> dict[str, list[float]]:
    with Client(control, ANSWER) as client:
        found = [_said(event) for event in client.lines("/events", limit=str(EVENTS))]
    return _newest(found)


def _said(event: Mapping[str, object]) -> tuple[str, str, float | None]:
    offset = event.get("clock_offset")
    return str(event.get("sensor")), str(event.get("clock")), float(offset) if isinstance(offset, int | float) else None


def _newest(events: Iterable[tuple[str, str, float | None]]) -> dict[str, list[float]]:
    """What is late says nothing of the clock: it may be about the past."""
    found: dict[str, list[float]] = {}
    for sensor, clock, offset in events:
        known = found.setdefault(sensor, [])
        if offset is not None and clock != "late" and len(known) < LOOKED_AT:
            known.append(offset)
    return found


def heard(site: Site, told: Told, places: Places) -> list[Line]:
    """Which sensors the running service has heard, and which it never has."""
    lines = []
    never = [id for id in site.sensors if id in told.sensors and told.sensors[id].last_heard is None]
    for id in site.sensors:
        found = told.sensors.get(id)
        if found is not None and found.last_heard is not None:
            when = found.last_heard.astimezone(site.timezone).strftime("%Y-%m-%d %H:%M:%S %Z")
            lines.append(ok(Topic.SENSORS, f"{found.name} was heard last at {when}", places.of("sensors", id)))
    if never:
        lines.append(_never(never, len(site.sensors)))
    return lines


def _never(never: Sequence[str], count: int) -> Line:
    names = ", ".join(never[:10]) + (f" and {len(never) - 10} more" if len(never) > 10 else "")
    what = f"nothing was heard of {len(never)} of {count} sensors since the service started: {names}"
    return unknown(Topic.SENSORS, what, "", "let each of them send something: open the door, show a plate, press test")

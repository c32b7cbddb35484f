"""The requests of a delivery. Over the socket: force the alarm, look whether it became an event, write the notes. Over
the API: force it, end it again, read what stands there, write the notes; in this order, so that an alarm is ended
before its delivery can be done with. An amendment: read, write [2, 3]."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, timedelta
from enum import Enum
from typing import cast
from urllib.parse import quote

from bridge.model import Action, CameraId, Delivery, EventId, SensorEvent
from bridge.vms.base import PLAIN, CameraSettings, HeaderSecret, Request
from bridge.vms.text import form_encoded
from bridge.vms.zoneminder.notes import APART
from bridge.vms.zoneminder.settings import ZoneMinderCamera, ZoneMinderSettings
from bridge.vms.zoneminder.words import Words

REMOTE_ID = "{id-in-the-VMS}"
"""Stands where the id of ZoneMinder's event goes, which is known when the alarm has been forced."""
FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
READ = (("Accept", "application/json"),)
_URGENT = ("alarm", "fault", "notice")


class Kind(Enum):
    LINE = "line"
    LOOK = "look"
    ON = "on"
    OFF = "off"
    READ = "read"
    NOTES = "notes"


class Step(Request, frozen=True, kw_only=True):
    """``path`` is below the API's address. ``block``: what is written into the notes; ``cause`` besides, where the
    event has none of its own."""

    kind: Kind
    event: EventId
    monitor: int
    path: str = ""
    block: str = ""
    cause: str = ""
    remote_id: str = ""


class Steps:
    def __init__(self, settings: ZoneMinderSettings, cameras: Mapping[CameraId, CameraSettings]) -> None:
        self._settings = settings
        self._words = Words(settings)
        self._monitors = {camera: cast(ZoneMinderCamera, each).id for camera, each in cameras.items()}
        self._trigger = settings.trigger()
        self._scores = [getattr(settings.scores, name) for name in _URGENT]
        password = settings.password
        self._credentials = (HeaderSecret("token", "{secret}", password),) if password is not None else ()

    def monitor(self, camera: CameraId) -> int:
        """Raises KeyError."""
        return self._monitors[camera]

    def of(self, delivery: Delivery) -> tuple[Step, ...]:
        monitor = self._monitors[delivery.camera]
        if delivery.action is Action.AMEND and delivery.remote_id:
            remote_id = delivery.remote_id
            block = self._words.block(delivery)
            return (
                self._read(delivery, monitor, remote_id),
                self._notes(delivery, monitor, remote_id, block, {"Notes": block}, raises=True),
            )
        if self._settings.way == "socket":
            return self._over_the_socket(delivery, monitor)
        return self._over_the_api(delivery, monitor)

    def _over_the_socket(self, delivery: Delivery, monitor: int) -> tuple[Step, ...]:
        event = delivery.event
        cause, text = self._words.cause(event), self._words.text(delivery)
        parts = [str(monitor), f"on+{round(self._settings.alarm_for)}", str(self._scores[event.urgency]), cause, text]
        if self._settings.overlay:
            parts.append(self._words.overlay(event))
        line = Step(
            kind=Kind.LINE,
            event=event.id,
            monitor=monitor,
            method=PLAIN,
            url=self._trigger,
            body="|".join(parts).encode(self._settings.characters, "replace") + b"\n",
            camera=delivery.camera,
            purpose=f"force an alarm on monitor {monitor}, over {self._trigger}",
            raises=True,
        )
        look = self._get(Kind.LOOK, delivery, monitor, looked_for(event), "look whether it became an event")
        block = self._words.block(delivery)
        notes = {"Notes": f"{cause}: {text}{APART}{block}"}
        return line, look, self._notes(delivery, monitor, REMOTE_ID, block, notes)

    def _over_the_api(self, delivery: Delivery, monitor: int) -> tuple[Step, ...]:
        alarm = f"/monitors/alarm/id:{monitor}/command:"
        cause, block = self._words.cause(delivery.event), self._words.block(delivery)
        return (
            self._get(Kind.ON, delivery, monitor, f"{alarm}on.json", f"force an alarm on monitor {monitor}", True),
            self._get(Kind.OFF, delivery, monitor, f"{alarm}off.json", "end the forced alarm"),
            self._read(delivery, monitor, REMOTE_ID),
            self._notes(delivery, monitor, REMOTE_ID, block, {"Notes": block, "Cause": cause}),
        )

    def _read(self, delivery: Delivery, monitor: int, remote_id: str) -> Step:
        path = f"/events/index/Id:{remote_id}.json"
        return self._get(Kind.READ, delivery, monitor, path, "read what stands in its notes", remote_id=remote_id)

    def _get(
        self,
        kind: Kind,
        delivery: Delivery,
        monitor: int,
        path: str,
        purpose: str,
        raises: bool = False,
        remote_id: str = "",
    ) -> Step:
        return Step(
            kind=kind,
            event=delivery.event.id,
            monitor=monitor,
            method="GET",
            url=f"{self._settings.url}/api{path}",
            path=path,
            headers=READ,
            credentials=self._credentials,
            camera=delivery.camera,
            purpose=purpose,
            raises=raises,
            remote_id=remote_id,
        )

    def _notes(
        self,
        delivery: Delivery,
        monitor: int,
        remote_id: str,
        block: str,
        written: Mapping[str, str],
        raises: bool = False,
    ) -> Step:
        path = f"/events/{remote_id}.json"
        return Step(
            kind=Kind.NOTES,
            event=delivery.event.id,
            monitor=monitor,
            method="PUT",
            url=f"{self._settings.url}/api{path}",
            path=path,
            headers=FORM,
            body=form(written),
            credentials=self._credentials,
            camera=delivery.camera,
            purpose="write all of it into the notes",
            block=block,
            cause=written.get("Cause", ""),
            remote_id=remote_id,
            raises=raises,
        )


NEWEST = "sort=StartDateTime&direction=desc&limit=100"


def looked_for(event: SensorEvent) -> str:
    """The path that finds it by its notes, on any monitor.

    No index helps with notes. So only those are looked through that began from a day before it arrived on: whatever the
    server's zone, and though it joined one that had been going on for hours. Asked for a monitor, or in the order of
    ids, the database goes through all of them (seen by running, 200,000 events: 2 s without the day, 0.2 s with it, and
    20 ms so).

    The id is a regular expression: LIKE needs ``%``, which some web servers refuse in a path (seen by running: Apache
    2.4.71 with the API's rewrite rules answers 400).
    """
    try:
        since = f"{event.arrived_at.astimezone(UTC) - timedelta(days=1):%Y-%m-%d}"
    except OverflowError:
        since = "0001-01-01"
    id_ = quote(re.sub(r"[^A-Za-z0-9-]", ".", event.id), safe="-.")
    return f"/events/index/StartDateTime%20%3E=:{since}/Notes%20REGEXP:{id_}.json?{NEWEST}"


def form(values: Mapping[str, str]) -> bytes:
    """The body that changes an event: ``Event[Notes]=…``."""
    told = [f"{form_encoded(f'Event[{name}]')}={form_encoded(value)}" for name, value in values.items()]
    return "&".join(told).encode()

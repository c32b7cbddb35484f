"""Alarms, user-defined events and bookmarks over the API Gateway [5, 6, 7]. Pure: the requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import msgspec

from bridge.model import Action, CameraId, Delivery, State
from bridge.vms.base import HeaderSecret
from bridge.vms.milestone.settings import MilestoneCamera, MilestoneSettings
from bridge.vms.milestone.steps import JSON, Kind, Step
from bridge.vms.milestone.words import Words

API = "/api/rest/v1"


class Rest:
    def __init__(self, settings: MilestoneSettings, cameras: Mapping[CameraId, MilestoneCamera], words: Words) -> None:
        self._settings = settings
        self._cameras = cameras
        self._words = words
        secret = settings.secret
        self._credentials = (HeaderSecret("Authorization", "Bearer {secret}", secret),) if secret is not None else ()
        ways: dict[str, Callable[[Delivery], tuple[Step, ...]]] = {
            "alarms": self._alarm,
            "events": self._event,
            "bookmarks": self._bookmark,
        }
        self.of = ways[settings.way]

    def _alarm(self, delivery: Delivery) -> tuple[Step, ...]:
        """An alarm is always now. What may be changed of it is its comment [6]."""
        line = self._words.line(delivery)
        if delivery.action is Action.AMEND and delivery.remote_id:
            path = f"/alarms/{quote(delivery.remote_id, safe='{}')}"
            return (self._step(delivery, "PATCH", path, {"comment": line}, "comment on the alarm", amends=True),)
        camera = self._cameras[delivery.camera].id
        source = camera if self._settings.alarm_source == "id" else f"cameras/{camera}"
        told = {"name": self._words.title(delivery), "message": line, "source": source}
        return (self._step(delivery, "POST", "/alarms", told, "raise an alarm"),)

    def _event(self, delivery: Delivery) -> tuple[Step, ...]:
        """It carries nothing but its type and camera; so a correction is none, and what is over has its own type."""
        settings, event = self._settings, delivery.event
        kind = settings.event_types.get(event.type, settings.event_type)
        if event.state is State.RESTORED:
            kind = settings.restored_type
        if kind is None or delivery.action is Action.AMEND:
            return ()
        told = {"type": kind, "source": f"cameras/{self._cameras[delivery.camera].id}", "datatype": "none"}
        return (self._step(delivery, "POST", "/events", told, "trigger the user-defined event"),)

    def _bookmark(self, delivery: Delivery) -> tuple[Step, ...]:
        settings, event = self._settings, delivery.event
        words = {"header": self._words.title(delivery), "description": self._words.line(delivery)}
        if delivery.action is Action.AMEND and delivery.remote_id:
            path = f"/bookmarks/{quote(delivery.remote_id, safe='{}')}"
            return (self._step(delivery, "PATCH", path, words, "change the bookmark", amends=True),)
        told = {
            **words,
            "timeBegin": moment(event.occurred_at, -settings.before),
            "timeTriggered": moment(event.occurred_at),
            "timeEnd": moment(event.occurred_at, settings.after),
            "reference": event.id,
            "devicePath": {"type": "cameras", "id": self._cameras[delivery.camera].id},
        }
        return (self._step(delivery, "POST", "/bookmarks", told, "set a bookmark"),)

    def _step(
        self, delivery: Delivery, method: str, path: str, told: Mapping[str, object], purpose: str, amends: bool = False
    ) -> Step:
        return Step(
            kind=Kind.REST,
            event=delivery.event.id,
            method=method,
            url=f"{self._settings.gateway}{API}{path}",
            path=path,
            headers=JSON,
            body=msgspec.json.encode(told),
            credentials=self._credentials,
            camera=delivery.camera,
            purpose=purpose,
            raises=True,
            amends=amends,
        )


def moment(time: datetime, seconds: float = 0.0) -> str:
    """ISO 8601 in UTC, milliseconds; at the ends of the calendar it stays there."""
    try:
        time = time.astimezone(UTC) + timedelta(seconds=seconds)
    except OverflowError:
        time = time.astimezone(UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The requests of a delivery: a generic event, a bookmark, or both, the event first; an amendment writes the bookmark
anew [3, 4, 5]."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import cast
from urllib.parse import quote

import msgspec

from bridge.model import Action, CameraId, Delivery, EventId, State
from bridge.vms.base import CameraSettings, HeaderSecret, Request
from bridge.vms.nx.settings import NxCamera, NxSettings
from bridge.vms.nx.words import Words, milliseconds

JSON = (("Content-Type", "application/json"),)
_encode = msgspec.json.encode
_TEMPLATES = {"session": "Bearer {secret}", "cloud": "Bearer {secret}", "digest": "Digest {secret}"}


class Kind(Enum):
    GENERIC = "generic"
    CREATE_EVENT = "createEvent"
    BOOKMARK = "bookmark"
    REWRITE = "rewrite"


class Step(Request, frozen=True, kw_only=True):
    """``again``: it is sent as a possible duplicate."""

    kind: Kind
    event: EventId
    revision: int
    path: str
    again: bool = False
    remote_id: str = ""


class Steps:
    def __init__(self, settings: NxSettings, cameras: Mapping[CameraId, CameraSettings]) -> None:
        self._settings = settings
        self.words = Words(settings)
        self._devices = {camera: cast(NxCamera, each).id for camera, each in cameras.items()}
        self._server = settings.server()
        self.rest = f"/rest/{settings.api}"
        template = _TEMPLATES[settings.login]
        self._credentials = (HeaderSecret("Authorization", template, settings.password),)
        self._before = round(settings.before * 1000)
        self._duration = max(1, self._before + round(settings.after * 1000))

    def device(self, camera: CameraId) -> str:
        """Raises KeyError."""
        return self._devices[camera]

    @property
    def authorization(self) -> str:
        """The header as a dry run shows it."""
        (credential,) = self._credentials
        return credential.template.replace("{secret}", f"{{secret:{credential.secret}}}")

    def bookmarks(self, device: str, remote_id: str = "") -> str:
        path = f"{self.rest}/devices/{device}/bookmarks"
        return f"{path}/{quote(remote_id, safe='')}" if remote_id else path

    def period(self, delivery: Delivery) -> tuple[int, int]:
        """Where its bookmark begins and ends, in milliseconds since 1970."""
        start = max(0, milliseconds(delivery.event.occurred_at) - self._before)
        return start, start + self._duration

    def of(self, delivery: Delivery) -> tuple[Step, ...]:
        device = self._devices[delivery.camera]
        way = self._settings.way
        if way == "event":
            return (self._event(delivery, device),)
        if delivery.action is Action.AMEND and delivery.remote_id:
            return (self._rewrite(delivery, device, delivery.remote_id),)
        if way == "bookmark" or delivery.action is Action.AMEND:
            return (self._bookmark(delivery, device, raises=True),)
        return self._event(delivery, device), self._bookmark(delivery, device, raises=False)

    # ----------------------------------------------------------------------------------------------------- the requests

    def _event(self, delivery: Delivery, device: str) -> Step:
        event = delivery.event
        words = self.words
        body: dict[str, object] = {"timestamp": str(milliseconds(event.occurred_at))}
        lasting = self._settings.prolonged and event.condition is not None and event.state is not State.MOMENTARY
        started = event.state is State.ACTIVE
        if self._settings.generic:
            body["state"] = ("started" if started else "stopped") if lasting else "instant"
        elif lasting:
            body["state"] = "Active" if started else "Inactive"
        body["source"] = words.source(event)
        body["caption"] = words.condition(event) if lasting else words.name(event)
        body["description"] = event.sensor if lasting else words.description(delivery)
        if self._settings.generic:
            body["deviceIds"] = [device]
            path = f"{self.rest}/events/generic{'?_strict=true' if self._settings.strict else ''}"
            return self._step(Kind.GENERIC, delivery, "POST", path, body, "make a generic event", raises=True)
        body["metadata"] = _encode({"cameraRefs": [device]}).decode()  # a text, not an object [4, 11]
        path = "/api/createEvent"
        return self._step(Kind.CREATE_EVENT, delivery, "POST", path, body, "make a generic event", raises=True)

    def _bookmark(self, delivery: Delivery, device: str, raises: bool) -> Step:
        start, end = self.period(delivery)
        words = self.words
        body = {
            "name": words.name(delivery.event),
            "description": words.description(delivery),
            "startTimeMs": start,
            "durationMs": end - start,
            "tags": words.tags(delivery),
        }
        path = self.bookmarks(device)
        return self._step(Kind.BOOKMARK, delivery, "POST", path, body, "make a bookmark", raises)

    def _rewrite(self, delivery: Delivery, device: str, remote_id: str) -> Step:
        words = self.words
        body = {
            "name": words.name(delivery.event),
            "description": words.description(delivery),
            "tags": words.tags(delivery),
        }
        path = self.bookmarks(device, remote_id)
        return self._step(Kind.REWRITE, delivery, "PATCH", path, body, "write the bookmark anew", True, remote_id)

    def _step(
        self,
        kind: Kind,
        delivery: Delivery,
        method: str,
        path: str,
        body: Mapping[str, object],
        purpose: str,
        raises: bool,
        remote_id: str = "",
    ) -> Step:
        return Step(
            kind=kind,
            event=delivery.event.id,
            revision=delivery.event.revision,
            method=method,
            url=self._server + path,
            path=path,
            headers=JSON,
            body=_encode(body),
            credentials=self._credentials,
            camera=delivery.camera,
            purpose=purpose,
            raises=raises,
            again=delivery.possible_duplicate,
            remote_id=remote_id,
        )

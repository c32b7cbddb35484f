"""The requests of a delivery: create the event, write its description. Where it is wished for: take the id out of the
sub-label again, look for the open event that a restore closes and end it first. An amendment: sub-label, description
[2, 3]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from enum import Enum
from typing import cast
from urllib.parse import quote

import msgspec

from bridge.model import Action, CameraId, Delivery, EventId, SensorEvent, State
from bridge.vms.base import CameraSettings, HeaderSecret, Request
from bridge.vms.frigate.api import JSON
from bridge.vms.frigate.settings import FrigateCamera, FrigateSettings
from bridge.vms.frigate.words import Words

REMOTE_ID = "{id-in-the-VMS}"
"""Stands where Frigate's id of the event goes, which is known when it was created."""
OPEN_ID = "{id-of-the-open-event}"
"""Stands where the id of the event that a restore closes goes."""
COLOUR = (255, 0, 0)
EARLY = timedelta(hours=1)
"""How long before its arrival an event may begin: its pre-capture, and clocks that differ."""
PAGE = 50
MOST_OPEN = 500
_URGENT = ("alarm", "fault", "notice")


class Kind(Enum):
    OPEN = "open"
    END = "end"
    CREATE = "create"
    DESCRIBE = "describe"
    SUB_LABEL = "sub_label"


class Step(Request, frozen=True, kw_only=True):
    """``path`` is below Frigate's address. ``closes``: the event of ours that is looked for and ended."""

    kind: Kind
    event: EventId
    place: str
    path: str
    remote_id: str = REMOTE_ID
    closes: EventId | None = None
    amending: bool = False


class Steps:
    def __init__(self, settings: FrigateSettings, cameras: Mapping[CameraId, CameraSettings]) -> None:
        self._settings = settings
        self._words = Words(settings)
        self._cameras = {camera: cast(FrigateCamera, each) for camera, each in cameras.items()}
        self._scores = [getattr(settings.scores, name) for name in _URGENT]
        self._drawn = {camera: _drawn(each.box) for camera, each in self._cameras.items()}
        password = settings.password
        cookie = (HeaderSecret("Cookie", f"{settings.cookie}={{secret}}", password),) if password is not None else ()
        self._credentials = (*cookie, *settings.secret_headers())

    def place(self, camera: CameraId) -> str:
        """The camera's name in Frigate. Raises KeyError."""
        return self._cameras[camera].id

    def of(self, delivery: Delivery) -> tuple[Step, ...]:
        place = self.place(delivery.camera)
        if delivery.action is Action.AMEND and delivery.remote_id:
            sub_label = self._sub_label(delivery, place, delivery.remote_id, amending=True)
            return sub_label, self._description(delivery, place, delivery.remote_id, amending=True)
        steps: list[Step] = []
        event = delivery.event
        if self._settings.open_ended and event.state is State.RESTORED and event.closes is not None:
            steps += self._ending(delivery, place, event.closes)
        steps += [self._create(delivery, place), self._description(delivery, place, REMOTE_ID, amending=False)]
        if not self._settings.id_in_sub_label:
            steps.append(self._sub_label(delivery, place, REMOTE_ID, amending=False))
        return tuple(steps)

    def looked_for(self, delivery: Delivery, before: float | None = None) -> str:
        """The path that lists the newest events it may be among; ``before``: older than this, epoch seconds."""
        camera, event = quote(self.place(delivery.camera), safe=""), delivery.event
        label = quote(self._words.label(event), safe="")
        try:
            since = (event.arrived_at.astimezone(UTC) - EARLY).timestamp()
        except OverflowError:
            since = 0.0
        return f"/api/events?cameras={camera}&labels={label}&after={since:.3f}{older(before)}"

    def description(self, delivery: Delivery) -> str:
        return self._words.description(delivery)

    def label(self, event: SensorEvent) -> str:
        return self._words.label(event)

    # ------------------------------------------------------------------------------------------------------- each of it

    def _create(self, delivery: Delivery, place: str) -> Step:
        settings, event = self._settings, delivery.event
        label = self._words.label(event)
        open_ended = settings.open_ended and event.state is State.ACTIVE and event.condition is not None
        body: dict[str, object] = {
            "sub_label": self._words.marked(delivery),
            "score": self._scores[event.urgency],
            "duration": None if open_ended else round(settings.duration),
            "include_recording": settings.include_recording,
            "draw": self._drawn[delivery.camera],
        }
        if settings.pre_capture is not None:
            body["pre_capture"] = round(settings.pre_capture)
        path = f"/api/events/{quote(place, safe='')}/{quote(label, safe='')}/create"
        purpose = f"create an event {label} on {place}"
        return self._step(Kind.CREATE, delivery, place, "POST", path, body, purpose, raises=True)

    def _description(self, delivery: Delivery, place: str, remote_id: str, amending: bool) -> Step:
        return self._step(
            Kind.DESCRIBE,
            delivery,
            place,
            "POST",
            f"{of_event(remote_id)}/description",
            {"description": self._words.description(delivery)},
            "write all of it into the description",
            raises=amending,
            remote_id=remote_id,
            amending=amending,
        )

    def _sub_label(self, delivery: Delivery, place: str, remote_id: str, amending: bool) -> Step:
        return self._step(
            Kind.SUB_LABEL,
            delivery,
            place,
            "POST",
            f"{of_event(remote_id)}/sub_label",
            {"subLabel": self._words.sub_label(delivery)},
            "write its sub-label",
            remote_id=remote_id,
            amending=amending,
        )

    def _ending(self, delivery: Delivery, place: str, closes: EventId) -> Sequence[Step]:
        """Looking and ending are harmless when repeated: they come before the step that raises."""
        path = f"/api/events?cameras={quote(place, safe='')}&in_progress=1&limit={MOST_OPEN}&include_thumbnails=0"
        look = self._step(
            Kind.OPEN, delivery, place, "GET", path, None, f"look for the open event of {closes}", closes=closes
        )
        at = round(delivery.event.occurred_at.timestamp(), 3)
        end = self._step(
            Kind.END,
            delivery,
            place,
            "PUT",
            f"{of_event(OPEN_ID)}/end",
            {"end_time": at},
            "end it, where it is there",
            remote_id=OPEN_ID,
            closes=closes,
        )
        return look, end

    def _step(
        self,
        kind: Kind,
        delivery: Delivery,
        place: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        purpose: str,
        *,
        raises: bool = False,
        remote_id: str = REMOTE_ID,
        closes: EventId | None = None,
        amending: bool = False,
    ) -> Step:
        return Step(
            kind=kind,
            event=delivery.event.id,
            place=place,
            method=method,
            url=self._settings.url + path,
            path=path,
            headers=JSON if body is not None else (),
            body=msgspec.json.encode(body) if body is not None else b"",
            credentials=self._credentials,
            camera=delivery.camera,
            purpose=purpose,
            raises=raises,
            remote_id=remote_id,
            closes=closes,
            amending=amending,
        )


def of_event(remote_id: str) -> str:
    """The path of one event of Frigate's."""
    return f"/api/events/{remote_id if remote_id in (REMOTE_ID, OPEN_ID) else quote(remote_id, safe='')}"


def older(before: float | None) -> str:
    """The end of a path that lists events: newest first, no pictures in the list (older versions put them in)."""
    bound = f"&before={before:.6f}" if before is not None else ""
    return f"{bound}&limit={PAGE}&include_thumbnails=0"


def _drawn(box: tuple[float, float, float, float] | None) -> dict[str, object]:
    """As the documentation shows it; the score is in percent there [3]."""
    return {} if box is None else {"boxes": [{"box": list(box), "color": list(COLOUR), "score": 100}]}

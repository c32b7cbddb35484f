"""The AI Bridge: its GraphQL service says where a topic is posted to, and the event is posted there as JSON [11].

The topic is one that was registered for this bridge as an app of XProtect; registering is not done here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

import msgspec

from bridge.model import Action, Blocked, CameraId, Delivered, Delivery, Outcome, Rejected
from bridge.vms.http import Answer, NotSent, Origin, Sender, split_url
from bridge.vms.milestone.answers import page, refusal
from bridge.vms.milestone.settings import MilestoneCamera, MilestoneSettings
from bridge.vms.milestone.steps import JSON, Kind, Step
from bridge.vms.milestone.words import Words
from bridge.vms.text import as_text
from bridge.vms.webhook.document import as_json

SOMEWHERE = "{address of the topic}"
"""Stands where the address of the topic goes, which the GraphQL service tells."""
PATH = "{path-of-the-topic}"
UNKNOWN = Origin(False, "", 0, "{host-of-the-topic}")
QUERY = "query($n:String!){eventTopics(topicName:$n){topicAvailability{rest}}}"
_HEADERS = (("Content-Type", "text/json"),)
_JPEG = ("image/jpeg", "image/jpg")


class _Availability(msgspec.Struct):
    rest: str | None = None


class _Topic(msgspec.Struct):
    topicAvailability: _Availability | None = None


class _Topics(msgspec.Struct):
    eventTopics: list[_Topic] = []


class _Told(msgspec.Struct):
    data: _Topics | None = None


_told = msgspec.json.Decoder(_Told).decode


class AiBridge:
    def __init__(self, settings: MilestoneSettings, cameras: Mapping[CameraId, MilestoneCamera], words: Words) -> None:
        self._settings = settings
        self._cameras = cameras
        self._words = words
        self._query = msgspec.json.encode({"query": QUERY, "variables": {"n": settings.topic}})

    def of(self, delivery: Delivery) -> tuple[Step, ...]:
        settings, event = self._settings, delivery.event
        if delivery.action is Action.AMEND and settings.amendments == "leave out":
            return ()
        look_up = Step(
            kind=Kind.LOOK_UP,
            event=event.id,
            method="POST",
            url=settings.ai_bridge,
            headers=JSON,
            body=self._query,
            camera=delivery.camera,
            purpose=f"ask where the topic {settings.topic} is",
            once=f"topic {settings.topic}",
        )
        post = Step(
            kind=Kind.TOPIC,
            event=event.id,
            method="POST",
            url=SOMEWHERE,
            headers=_HEADERS,
            body=as_json(self._document(delivery)),
            camera=delivery.camera,
            purpose=f"post the event to the topic {settings.topic}",
            raises=True,
        )
        return look_up, post

    def _document(self, delivery: Delivery) -> dict[str, object]:
        event, words, camera = delivery.event, self._words, self._cameras[delivery.camera]
        told = {"key": delivery.camera, "name": camera.name or delivery.camera, "id": camera.id}
        objects = [
            {"type": "Object", "name": field, "readout": words.plain(as_text(event.fields[field]), event.id)}
            for field in self._settings.objects
            if event.fields.get(field) not in (None, "")
        ]
        document: dict[str, object] = {
            "name": self._settings.event_names.get(event.type, self._settings.event_name),
            "description": words.line(delivery),
            "class": words.plain(event.kind, event.id),
            "subclass": words.plain(event.type, event.id),
            "tag": words.plain(event.id, event.id),
            "atLocation": {"type": "Location", "name": words.plain(event.sensor_name, event.id)},
            "fromSource": {"type": "Reference", "uuid": camera.id},
            "relatedTo": [{"type": "Reference", "uuid": each} for each in camera.related],
            "involvedObject": objects,
            "includesSnapshot": self._snapshots(delivery),
            "fromVendor": {"type": "Vendor", "name": "vms-bridge", "customData": words.data(delivery, told)},
        }
        return {key: value for key, value in document.items() if value != []}

    def _snapshots(self, delivery: Delivery) -> list[dict[str, str]]:
        if not self._settings.pictures:
            return []
        room = self._settings.picture_limit
        found = []
        for each in delivery.event.media:
            data = delivery.pictures.get(each.id)
            if data and each.content_type in _JPEG and len(data) <= room:
                room -= len(data)
                name = self._words.plain(each.role or "picture", delivery.event.id)
                found.append({"type": "Snapshot", "name": name, "imageData": b64encode(data).decode()})
        return found


class Topic:
    """Where it is, once that was told; asked anew when it is no longer there."""

    def __init__(self, sender: Sender, seconds: float) -> None:
        self._sender = sender
        self._seconds = seconds
        self._place: tuple[Origin, str] | None = None

    async def look_up(self, step: Step, urgent: bool) -> Outcome:
        """Raises SendingError."""
        if self._place is not None:
            return Delivered(note="it is known")
        origin, path = split_url(step.url)
        answer = await self._sender.send(step.method, origin, path, step.headers, step.body, self._seconds, urgent)
        if answer.status != 200:
            return refusal(answer, at_its_word=True)
        place = _rest(answer)
        if place is None:
            return Blocked("the AI Bridge has no such topic; see topic, and whether its app is registered", True)
        self._place = place
        return Delivered()

    async def post(self, step: Step, urgent: bool) -> Outcome:
        """200 alone is taken. Raises SendingError."""
        place = self._place
        if place is None:
            raise NotSent("where the topic is, is not known yet", busy=True)
        try:
            answer = await self._sender.send(step.method, *place, step.headers, step.body, self._seconds, urgent)
        except NotSent as error:
            self._place = None if not error.busy else place
            raise
        if answer.status == 200:
            return page(answer) or Delivered()
        if answer.status in (404, 410):
            self._place = None
        if answer.status == 400:
            return Rejected("the AI Bridge refused it (400)")
        return refusal(answer, at_its_word=True)


def _rest(answer: Answer) -> tuple[Origin, str] | None:
    told = answer.told(_told)
    for each in told.data.eventTopics if told is not None and told.data is not None else ():
        if each.topicAvailability is not None and each.topicAvailability.rest:
            try:
                return split_url(each.topicAvailability.rest)
            except ValueError:
                return None
    return None

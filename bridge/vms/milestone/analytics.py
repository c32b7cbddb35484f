"""Analytics events: XML to the Event Server, the way that carries most [2].

The schema's order counts. Where the reference's example and the schema differ (an FQID has to have FolderType and
Kind), this follows the schema.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime

from bridge.model import Action, CameraId, Delivery, MediaId
from bridge.vms.milestone.settings import MilestoneCamera, MilestoneSettings
from bridge.vms.milestone.steps import Kind, Step, id_of
from bridge.vms.milestone.words import Words
from bridge.vms.text import as_text

CAMERA = "5135BA21-F1DC-4321-806A-6CE2017343C0"
_HEADERS = (("Content-Type", "text/xml"),)
_VENDOR = "vms-bridge"
_JPEG = ("image/jpeg", "image/jpg")


class Analytics:
    """``cameras``: as settings have them; ``words``: the texts."""

    def __init__(self, settings: MilestoneSettings, cameras: Mapping[CameraId, MilestoneCamera], words: Words) -> None:
        self._settings = settings
        self._cameras = cameras
        self._words = words
        self._sources = {key: _source(camera) for key, camera in cameras.items()}

    def of(self, delivery: Delivery) -> tuple[Step, ...]:
        settings = self._settings
        if delivery.action is Action.AMEND and settings.amendments == "leave out":
            return ()
        camera = self._cameras[delivery.camera]
        known_by = id_of(delivery, camera.id)
        name = settings.event_names.get(delivery.event.type, settings.event_name)
        step = Step(
            kind=Kind.ANALYTICS,
            event=delivery.event.id,
            method="POST",
            url=settings.event_server or "/",
            headers=_HEADERS,
            body=self._document(delivery, camera, known_by, name).encode("utf-8", "replace"),
            camera=delivery.camera,
            purpose=f"raise the analytics event {name}",
            raises=True,
            gives=known_by,
            name=name,
        )
        return (step,)

    def _document(self, delivery: Delivery, camera: MilestoneCamera, known_by: str, name: str) -> str:
        event, words = delivery.event, self._words

        def text(value: str) -> str:
            return words.plain(value, event.id)

        header = [
            _element("ID", known_by),
            _element("Timestamp", timestamp(event.occurred_at)),
            _element("Class", text(event.kind)),
            _element("Type", text(event.type)),
            _element("Name", words.title(delivery)),
            _element("Message", name),
            _element("CustomTag", text(event.id)),
            self._sources[delivery.camera],
        ]
        told = {"key": delivery.camera, "name": camera.name or delivery.camera, "id": camera.id}
        vendor = _element("Name", _VENDOR) + _element("CustomData", words.data(delivery, told))
        parts = [
            f"<EventHeader>{''.join(header)}</EventHeader>",
            _element("Description", words.description(delivery)),
            _element("Location", text(event.sensor_name)),
            self._objects(delivery),
            _list("ReferenceList", [f"<Reference>{_camera(each)}</Reference>" for each in camera.related]),
            _list("SnapshotList", self._snapshots(delivery)),
            f"<Vendor>{vendor}</Vendor>",
        ]
        return f'<AnalyticsEvent xmlns="urn:milestone-systems">{"".join(parts)}</AnalyticsEvent>'

    def _objects(self, delivery: Delivery) -> str:
        fields, event = delivery.event.fields, delivery.event.id
        found = []
        for field in self._settings.objects:
            value = self._words.plain(as_text(fields.get(field)), event)
            if value:
                inside = _element("Name", field) + _element("Value", value) + _element("AlarmTrigger", "true")
                found.append(f"<Object>{inside}</Object>")
        return _list("ObjectList", found)

    def _snapshots(self, delivery: Delivery) -> list[str]:
        """JPEG alone [2]; the others are named in the custom data."""
        if not self._settings.pictures:
            return []
        pictures: Mapping[MediaId, bytes] = delivery.pictures
        room = self._settings.picture_limit
        found = []
        for each in delivery.event.media:
            data = pictures.get(each.id)
            if data and each.content_type in _JPEG and len(data) <= room:
                room -= len(data)
                size, image = _element("SizeInBytes", str(len(data))), _element("Image", b64encode(data).decode())
                found.append(f"<Snapshot><TimeOffset>0</TimeOffset>{size}{image}</Snapshot>")
        return found


def timestamp(time: datetime) -> str:
    """With an offset, as a naive one is taken for the server's own zone [12]."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def _source(camera: MilestoneCamera) -> str:
    name = _element("Name", camera.address) if camera.address else ""
    return f"<Source>{name}{_camera(camera.id)}</Source>"


def _camera(id_: str) -> str:
    return f"<FQID><ObjectId>{id_}</ObjectId><FolderType>0</FolderType><Kind>{CAMERA}</Kind></FQID>"


def _list(name: str, inside: list[str]) -> str:
    return f"<{name}>{''.join(inside)}</{name}>" if inside else ""


def _element(name: str, text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<{name}>{text}</{name}>"

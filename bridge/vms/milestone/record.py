"""XProtect's own record, as ``bridge.vms.recorded`` wants it: its alarms, or its events, whichever this way makes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

import msgspec

from bridge.model import CameraId
from bridge.vms.http import NotSent, SendingError
from bridge.vms.milestone.gateway import Gateway
from bridge.vms.milestone.listing import Entry, Listing, NotTold, marked, moment_of, texts
from bridge.vms.milestone.settings import MilestoneCamera
from bridge.vms.recorded import Away, CannotTell, Held, Query, Recorded
from bridge.vms.tokens import Refused

_FIELD = re.compile(r"([^:;\s][^:;]*): (.*)")


class _Event(msgspec.Struct):
    id: str
    type: str = ""
    title: str = ""
    occurred_at: datetime | None = None
    fields: dict[str, object] = {}


class _Sensor(msgspec.Struct):
    id: str = ""


class _Data(msgspec.Struct):
    """What travels in ``CustomData``."""

    event: _Event
    sensor: _Sensor = msgspec.field(default_factory=_Sensor)


class MilestoneRecord:
    """``gateway``: None where the site names none, or XProtect cannot be searched for what this way makes."""

    def __init__(self, gateway: Gateway | None, way: str, cameras: Mapping[CameraId, MilestoneCamera]) -> None:
        self._gateway = gateway
        self._way = way
        self._cameras = cameras

    async def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        """One that comes late in the list may be newer: so all are read first."""
        ids = {camera: self._camera(camera) for camera in query.cameras}
        if self._gateway is None:
            raise CannotTell(f"XProtect is not asked for what way {self._way} makes; look in the Smart Client")
        listing = Listing(self._gateway, self._way == "alarms")
        found: list[Recorded] = []
        try:
            async for each in listing.since(query.since):
                said = list(texts(each))
                for camera, id_ in ids.items():
                    if any(id_ in text.lower() for _, text in said):
                        found.append(_recorded(each, said, camera))
        except (Refused, NotTold) as error:
            raise CannotTell(str(error)) from None
        except NotSent as error:
            raise Away(f"{self._gateway.origin}: {error.why}") from None
        except SendingError as error:
            raise CannotTell(f"{self._gateway.origin}: {error.why}") from None
        left = query.most
        for camera in query.cameras:
            of_it = [each for each in found if each.camera == camera and query.fits(each)]
            for one in sorted(of_it, key=lambda each: each.at or query.since, reverse=True):
                if left > 0:
                    left -= 1
                    yield one
        if left and not listing.whole:
            raise CannotTell(f"only the first {listing.most} that XProtect tells were looked through")

    async def held(self, event: Recorded, before: float, after: float) -> Sequence[Held]:
        raise CannotTell("how XProtect gives pictures and video is not documented for this; look in the Smart Client")

    async def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        raise CannotTell(held.without or "XProtect gives no pictures and no video here")
        yield b""

    def _camera(self, camera: CameraId) -> str:
        if camera not in self._cameras:
            raise CannotTell(f"camera {camera} is not of this VMS")
        return self._cameras[camera].id


def _recorded(entry: Entry, said: Sequence[tuple[str, str]], camera: CameraId) -> Recorded:
    known_as = next((text for key, text in said if key == "name"), "")
    at = moment_of(entry.get("time")) or moment_of(next((text for key, text in said if key == "timestamp"), None))
    told = Recorded(remote_id=str(entry.get("id") or ""), camera=camera, name=known_as, at=at)
    data = next((_data(text) for key, text in said if key == "customdata"), None)
    if data is not None:
        event = data.event
        tags: dict[str, object] = {"title": event.title, "type": event.type, **event.fields}
        at = moment_of(event.occurred_at.isoformat()) if event.occurred_at is not None else at
        return msgspec.structs.replace(
            told, name=event.type or known_as, at=at, event=event.id, sensor=data.sensor.id, tags=tags
        )
    message = next((text for key, text in said if key == "message"), "")
    tags = {"title": known_as, "message": message}
    event_id = marked(message)
    if not event_id:
        return msgspec.structs.replace(told, tags=tags)
    for part in message.split("; ")[1:]:
        field = _FIELD.fullmatch(part)
        if field is not None:
            tags[field[1]] = field[2]
    at = moment_of(tags.get("occurred")) or at
    name, sensor = (str(tags.get(f"event {ours}") or tags.get(ours) or "") for ours in ("type", "sensor"))
    return msgspec.structs.replace(told, name=name or known_as, at=at, event=event_id, sensor=sensor, tags=tags)


def _data(text: str) -> _Data | None:
    try:
        return msgspec.json.decode(text, type=_Data)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None

"""What an OMNI Platform says of an event: on the WebSocket and the webhook, and by GraphQL (reference sections 4, 6).

Keys of roi, crossing, har and face_hide_control beyond the documented ones are an assumption of this simulator.
"""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, datetime

import msgspec

_SPACE = uuid.UUID("6d9f4cbb-2a1e-4d1c-9a44-5a5f00000000")


class Kind(enum.Enum):
    IDENTIFICATION = "identification"
    NON_IDENTIFICATION = "non_identification"
    ROI = "roi"
    CROSSING = "crossing"
    HAR = "har"
    FACE_HIDE_CONTROL = "face_hide_control"


_ASSUMED: dict[Kind, dict[str, str]] = {
    Kind.CROSSING: {"direction": "forward", "line_id": "1"},
    Kind.ROI: {"roi_id": "1", "direction": "in"},
    Kind.HAR: {"action": "fallen"},
}


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the platform. ``number`` makes all its ids; ``visit``: events of one visit share it."""

    number: int
    kind: Kind
    camera: str
    at: datetime
    visit: int = 0
    person: int = 0
    title: str = "Lobby door"
    stream: str = "rtsp://10.20.0.61/stream1"

    @property
    def id(self) -> str:
        return identifier("event", self.number)


def identifier(what: str, number: int) -> str:
    """The same id for the same thing, in every run."""
    return str(uuid.uuid5(_SPACE, f"{what} {number}"))


def pushed(of: Happening, host: str) -> dict[str, object]:
    """As on the WebSocket and the webhook, keys in the order of samples S1 to S3."""
    face, frame = identifier("face", of.number), identifier("frame", of.number)
    found: dict[str, object] = {
        "type": of.kind.value,
        "activity_id": identifier("activity", of.visit or of.number),
        "camera": {
            "id": of.camera,
            "type": "IP",
            "title": of.title,
            "stream": of.stream,
            "real_name": None,
            "agent_id": identifier("agent", 1),
        },
    }
    event: dict[str, object] = {"id": of.id, "detection_date": of.at.astimezone(UTC).isoformat(" ", "microseconds")}
    if of.kind is Kind.IDENTIFICATION:
        found["candidates"] = [_candidate(of, host)]
    if of.kind in (Kind.IDENTIFICATION, Kind.NON_IDENTIFICATION):
        picture = f"http://{host}/event-service/get-image"
        event |= {
            "image": face,
            "original_image": frame,
            "image_link": f"{picture}/{face}",
            "original_image_link": f"{picture}/{frame}",
        }
    return {**found, "event": {**event, **_ASSUMED.get(of.kind, {})}}


def _candidate(of: Happening, host: str) -> dict[str, object]:
    sample = identifier("sample", of.person)
    return {
        "profile": {
            "id": identifier("profile", of.person),
            "age": 30,
            "gender": "MALE",
            "avatar_id": sample,
            "main_sample_id": sample,
            "sample_link": f"http://{host}/get-image/{sample}",
        },
        "profile_groups": [{"id": identifier("group", 1), "color": "orange.400"}],
        "confidence": 0.9437,
    }


def listed(of: Happening) -> dict[str, object]:
    """As an element of ``events`` in an answer of GraphQL: types in upper case, dates in ISO 8601."""
    date = of.at.astimezone(UTC).isoformat(timespec="microseconds")
    data: dict[str, object] = {"activity_id": identifier("activity", of.visit or of.number)}
    if of.kind in (Kind.IDENTIFICATION, Kind.NON_IDENTIFICATION):
        data |= {
            "$image.id": identifier("face", of.number),
            "$original_image.id": identifier("frame", of.number),
        }
    data |= _ASSUMED.get(of.kind, {})
    if of.kind is Kind.IDENTIFICATION:
        data["identification_data"] = [{"profile_id": identifier("profile", of.person), "score": 0.9437}]
    return {
        "id": of.id,
        "date": date,
        "creationDate": date,
        "lastModified": date,
        "type": of.kind.value.upper(),
        "agentId": identifier("agent", 1),
        "cameraId": of.camera,
        "workspaceId": identifier("workspace", 1),
        "data": data,
    }

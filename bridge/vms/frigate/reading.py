"""Frigate's events as the record tells them, and what it holds of one [5, 6]."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from bridge.model import CameraId
from bridge.vms.frigate.answers import Event
from bridge.vms.frigate.steps import of_event
from bridge.vms.lines import EVENT, moment_of, tags_of
from bridge.vms.recorded import Held, MediaKind, Recorded

_NOT_YET = "it is not over yet, and its clip not made"


def moment(seconds: float | None) -> datetime | None:
    """Epoch seconds → aware UTC; None for none, and for what no calendar has."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def told(event: Event, camera: CameraId) -> Recorded:
    """Ours stand at the time they occurred; when Frigate has them is in their tags."""
    began, ended = moment(event.start_time), moment(event.end_time)
    about: dict[str, object] = {
        "label": event.label or "",
        "sub_label": event.spoken,
        "start_time": began.isoformat() if began is not None else "",
        "end_time": ended.isoformat() if ended is not None else "",
    }
    if event.zones:
        about["zones"] = ", ".join(event.zones)
    tags = tags_of(event.description)
    if not tags:
        about["description"] = event.description
        return Recorded(
            remote_id=event.id, camera=camera, name=event.label or "", at=began, tags=about, known_as=event.label or ""
        )
    return Recorded(
        remote_id=event.id,
        camera=camera,
        name=tags.get("type", event.label or ""),
        at=moment_of(tags.get("occurred", "")) or began,
        event=tags[EVENT],
        sensor=tags.get("sensor", ""),
        tags={**tags, **about},
        known_as=event.label or "",
    )


def pictures(event: Event) -> list[Held]:
    """What Frigate took of the camera at that moment: it takes none of ours."""
    which = "snapshot" if event.has_snapshot else "thumbnail"
    return [
        Held(
            kind=MediaKind.PICTURE,
            name=f"{event.id}-{which}.jpg",
            reference=f"{of_event(event.id)}/{which}.jpg",
            at=moment(event.start_time),
            media_type="image/jpeg",
            remote_id=event.id,
        )
    ]


def clip(event: Event, now: datetime) -> Held:
    began, ended = moment(event.start_time), moment(event.end_time)
    without, pending = "", False
    if not event.has_clip:
        without = "its camera does not record, or include_recording is off"
    elif ended is None or ended > now:
        without, pending = _NOT_YET, True
    return Held(
        kind=MediaKind.CLIP,
        name=f"{event.id}.mp4",
        reference="" if without else f"{of_event(event.id)}/clip.mp4",
        at=began,
        until=ended,
        media_type="video/mp4",
        remote_id=event.id,
        without=without,
        pending=pending,
    )


def video(place: str, since: datetime, until: datetime, now: datetime) -> Held:
    """Whether there is any is told when it is fetched."""
    first, last = int(since.timestamp()), int(until.timestamp()) + 1
    late = until > now
    return Held(
        kind=MediaKind.VIDEO,
        name=f"{place}-{first}-{last}.mp4",
        reference="" if late else f"/api/{quote(place, safe='')}/start/{first}/end/{last}/clip.mp4",
        at=since,
        until=until,
        media_type="video/mp4",
        without="that time is not over yet" if late else "",
        pending=late,
    )

"""ZoneMinder's events as the record tells them. One event of ZoneMinder may hold several of ours: each is told by
itself, all under the same id."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bridge.model import CameraId
from bridge.vms.lines import moment_of, tags_of
from bridge.vms.recorded import Held, MediaKind, Query, Recorded
from bridge.vms.zoneminder.answers import Event
from bridge.vms.zoneminder.notes import ours_in
from bridge.vms.zoneminder.times import moments

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def told(
    event: Event, camera: CameraId, zone: ZoneInfo, since: datetime = _FIRST, until: datetime = _LAST
) -> Iterator[Recorded]:
    """Ours that it holds, the one written last first; itself when it holds none. Ours stand at the time they give, not
    at that of the event they joined, which is in their tags. ``since`` and ``until``: which is meant of two moments."""
    began = event.StartDateTime or event.StartTime or ""
    about: dict[str, object] = {"Cause": event.Cause or "", "StartDateTime": began}
    may_be = moments(began, zone)
    started = next((moment for moment in may_be if since <= moment <= until), may_be[0] if may_be else None)
    remote_id = str(event.Id)
    blocks = ours_in(event.Notes or "")
    for ours, block in reversed(blocks.items()):
        tags = tags_of(block)
        yield Recorded(
            remote_id=remote_id,
            camera=camera,
            name=tags.get("type", event.Cause or ""),
            at=moment_of(tags.get("occurred", "")) or started,
            event=ours,
            sensor=tags.get("sensor", ""),
            tags={**tags, **about},
        )
    if not blocks:
        tags_of_it = {**about, "Notes": event.Notes or ""}
        yield Recorded(remote_id=remote_id, camera=camera, name=event.Cause or "", at=started, tags=tags_of_it)


def matches(event: Recorded, query: Query) -> bool:
    if event.at is None or not query.since <= event.at <= query.until:
        return False
    if query.sensor and query.sensor != event.sensor:
        return False
    if query.event_type and query.event_type not in (event.name, event.tags.get("Cause")):
        return False
    return not query.tag or (query.tag in event.tags and (not query.value or event.tags[query.tag] == query.value))


def pictures(event: Event, zone: ZoneInfo) -> list[Held]:
    at = next(iter(moments(event.StartDateTime or event.StartTime, zone)), None)
    return [
        Held(
            kind=MediaKind.PICTURE,
            name=f"{event.Id}-{which}.jpg",
            reference=f"view=image&eid={event.Id}&fid={which}",
            at=at,
            media_type="image/jpeg",
            remote_id=str(event.Id),
        )
        for which in ("alarm", "snapshot")
    ]


def video(event: Event, zone: ZoneInfo, first: datetime, last: datetime, of_it: bool) -> Held | None:
    """None when it is of another time."""
    began = next(iter(moments(event.StartDateTime or event.StartTime, zone)), None)
    ended = next(iter(moments(event.EndDateTime or event.EndTime, zone)), None)
    if began is None or began > last or (ended is not None and ended < first):
        return None
    whole = bool(event.DefaultVideo)
    return Held(
        kind=MediaKind.CLIP if of_it else MediaKind.VIDEO,
        name=event.DefaultVideo or f"{event.Id}",
        reference=f"view=view_video&eid={event.Id}" if whole else "",
        at=began,
        until=ended,
        media_type="video/mp4" if whole else "",
        remote_id=str(event.Id),
        without="" if whole else "the monitor keeps pictures and no video (its setting Video Writer)",
    )

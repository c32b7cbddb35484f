"""Recorded video, pictures and clips, as synthetic links (reference 7; endpoints 13 and 14): minimal, but right.

Every camera has recorded everything until now, but for ``Cloud.gaps``: segments of 30 s, a picture every 10 s. Links
carry a ticket and no credential.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.picture import JPEG
from bridge.simulator.vxg import answers
from bridge.simulator.vxg.answers import bad_request, not_found, show_time
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.tokens import Grant

SEGMENT = timedelta(seconds=30)
PICTURE = timedelta(seconds=10)
TICKET_LIVES = 7200
_MP4 = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"


class NewClip(msgspec.Struct):
    """``camid`` and ``source_camid`` in the v2 form only."""

    start: str
    end: str
    title: str = ""
    event_time: str | None = None
    camid: int | None = None
    source_camid: int | None = None
    group: str | None = None
    delete_at: str | None = None
    wait_for_data: bool = False


class Clip(msgspec.Struct):
    id: int
    camera: int
    title: str
    start: datetime
    end: datetime
    event_time: datetime | None
    created: datetime
    done_at: float
    failed: bool = False


def link(cloud: Cloud, path: str) -> str:
    """An address under /media/ that opens without credentials until its ticket has run out."""
    expires = int(time.time()) + TICKET_LIVES
    return f"{cloud.origin}/media/{path}?ticket={expires}.{_seal(cloud, path, expires)}"


def _seal(cloud: Cloud, path: str, expires: int) -> str:
    return hmac.new(cloud.tokens.license.encode(), f"{path} {expires}".encode(), sha256).hexdigest()[:16]


def fetch(cloud: Cloud, asked: Asked) -> Answer:
    """What a link leads to; 403 without a good ticket."""
    path = asked.path.removeprefix("/media/")
    expires, _, seal = cloud.query_of(asked).get("ticket", "").partition(".")
    if not expires.isdecimal() or int(expires) < time.time() or seal != _seal(cloud, path, int(expires)):
        raise answers.forbidden("The ticket is wrong or has run out")
    return Answer(200, JPEG, "image/jpeg") if path.endswith(".jpg") else Answer(200, video(cloud, path), "video/mp4")


def video(cloud: Cloud, path: str) -> bytes:
    """What the link to a segment or clip leads to: ``Cloud.video_bytes`` of it, other bytes for each path."""
    filled = sha256(path.encode()).digest() * (cloud.video_bytes // 32 + 1)
    return (_MP4 + filled)[: max(cloud.video_bytes, len(_MP4))]


def segments(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 13, ``storage/data`` and its v4 form: objects with start, end, url."""
    query, camera, start, end = _span(cloud, asked, grant)
    first = _grid(start, SEGMENT)
    objects: list[dict[str, object]] = []
    now = cloud.now()
    while first < end and len(objects) < 10_000:
        last = min(first + SEGMENT, now)
        if first < last and not cloud.in_gap(first, last):
            url = link(cloud, f"r/{camera}-{int(first.timestamp())}.mp4")
            objects.append({"start": show_time(first), "end": show_time(last), "url": url})
        first += SEGMENT
    return _page(asked, query, objects)


def pictures(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 13, ``thumbnails`` and v4 ``images``: objects with time, url, width, height."""
    query, camera, start, end = _span(cloud, asked, grant)
    end = min(end, cloud.now())
    at = _grid(start, PICTURE)
    at = at if at >= start else at + PICTURE
    objects: list[dict[str, object]] = []
    while at <= end and len(objects) < 10_000:
        if not cloud.in_gap(at, at):
            url = link(cloud, f"i/{camera}-{int(at.timestamp())}.jpg")
            objects.append({"time": show_time(at), "url": url, "width": 1, "height": 1})
        at += PICTURE
    return _page(asked, query, objects)


def live_picture(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    return answers.ok({"url": link(cloud, f"l/{grant.camera}.jpg"), "expire": answers.soon()})


def make_clip(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """Endpoint 14: 201, pending; done a moment later."""
    assert grant.camera is not None
    body = answers.read(asked.body, NewClip)
    if body.camid is not None and body.camid != grant.camera:
        raise answers.forbidden("camid: not the camera of this token")
    start, end = answers.parse_time(body.start, "start"), answers.parse_time(body.end, "end")
    if end <= start:
        raise bad_request("end: not after start")
    event_time = answers.parse_time(body.event_time, "event_time") if body.event_time is not None else None
    number = 321 + cloud.store.next_clip()
    done_at = time.monotonic() + cloud.clip_takes
    failed = cloud.in_gap(start, end)
    clip = Clip(number, grant.camera, body.title, start, end, event_time, cloud.now(), done_at, failed)
    cloud.clips[clip.id] = clip
    return answers.created(_brief(clip, "pending"))


def list_clips(cloud: Cloud, asked: Asked, grant: Grant) -> Answer:
    """``event_time`` exactly, ``ids`` with commas, ``order_by`` created or event_time."""
    query = cloud.query_of(asked)
    found = [clip for clip in cloud.clips.values() if clip.camera == grant.camera]
    if query.get("event_time"):
        at = answers.parse_time(query["event_time"], "event_time", zulu=True)
        found = [clip for clip in found if clip.event_time == at]
    if query.get("ids"):
        wanted = set(query["ids"].split(","))
        found = [clip for clip in found if str(clip.id) in wanted]
    order = query.get("order_by", "created")
    if order.lstrip("-") not in ("created", "event_time"):
        raise bad_request("order_by: created or event_time")
    if order.lstrip("-") == "event_time":
        found.sort(key=lambda clip: (clip.event_time or clip.created, clip.id))
    return _page(asked, query, [_show(cloud, clip) for clip in found])


def clip(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    return answers.ok(_show(cloud, _clip(cloud, grant, number)))


def delete_clip(cloud: Cloud, asked: Asked, grant: Grant, number: str) -> Answer:
    del cloud.clips[_clip(cloud, grant, number).id]
    return answers.DELETED


def _clip(cloud: Cloud, grant: Grant, number: str) -> Clip:
    found = cloud.clips.get(int(number)) if number.isdecimal() else None
    if found is None or found.camera != grant.camera:
        raise not_found("Clip")
    return found


def _brief(clip: Clip, status: str) -> dict[str, object]:
    return {
        "id": clip.id,
        "status": status,
        "camid": clip.camera,
        "title": clip.title,
        "created": show_time(clip.created),
    }


def _show(cloud: Cloud, clip: Clip) -> dict[str, object]:
    if time.monotonic() < clip.done_at:
        return _brief(clip, "pending")
    if clip.failed:
        return _brief(clip, "error")
    return {
        **_brief(clip, "done"),
        "start": show_time(clip.start),
        "end": show_time(clip.end),
        "url": link(cloud, f"c/{clip.id}.mp4"),
        "thumb": {"url": link(cloud, f"c/{clip.id}.jpg")},
        "size": len(video(cloud, f"c/{clip.id}.mp4")),
    }


def _span(cloud: Cloud, asked: Asked, grant: Grant) -> tuple[dict[str, str], int, datetime, datetime]:
    """(query, camera, start, end): the last minute when no bounds are given, a day at most."""
    query = cloud.query_of(asked)
    camera = _camera(cloud, query, grant)
    end = answers.parse_time(query["end"], "end", zulu=True) if query.get("end") else cloud.now()
    start = answers.parse_time(query["start"], "start", zulu=True) if query.get("start") else end - timedelta(minutes=1)
    return query, camera, max(start, end - timedelta(days=1)), end


def _camera(cloud: Cloud, query: Mapping[str, str], grant: Grant) -> int:
    """The token's camera; with a licence key or group token ``camid`` has to say it."""
    named = query.get("camid", "")
    if grant.camera is not None:
        if named and named != str(grant.camera):
            raise answers.forbidden("camid: not the camera of this token")
        return grant.camera
    if not named.isdecimal() or int(named) not in cloud.cameras_of(grant):
        raise bad_request("camid: a camera of this account is expected")
    return int(named)


def _grid(at: datetime, step: timedelta) -> datetime:
    seconds = int(step.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _page(asked: Asked, query: Mapping[str, str], objects: list[dict[str, object]]) -> Answer:
    if query.get("order_by", "").startswith("-"):
        objects.reverse()
    limit, offset = answers.window(query)
    return answers.page(asked.path, query, len(objects), objects[offset : offset + limit], expire=True)

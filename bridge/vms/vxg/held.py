"""Pictures, clips and recorded video that VXG has of a moment on a camera [7]."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

import msgspec

from bridge.vms.recorded import CannotTell, Held, MediaKind, Recorded, Refused
from bridge.vms.vxg.account import Account
from bridge.vms.vxg.meta import naive
from bridge.vms.vxg.reading import Reading, moment
from bridge.vms.vxg.recorded import Event
from bridge.vms.vxg.steps import EVENTS

CLIPS = "/api/v2/storage/clips/"
MOST_PICTURES = 30
MOST_PIECES = 1000
Shape = TypeVar("Shape")


class _Picture(msgspec.Struct):
    url: str | None = None
    time: str | None = None


class _Piece(msgspec.Struct):
    url: str | None = None
    start: str | None = None
    end: str | None = None


class Clip(msgspec.Struct):
    """As the list and the clip's own page give it; ``url`` and ``size`` once it is done."""

    id: int | str
    status: str = ""
    title: str | None = None
    url: str | None = None
    start: str | None = None
    end: str | None = None
    size: int | None = None


class Holdings:
    """``digits``: of an event's time as it was sent, by which clips are found."""

    def __init__(self, reading: Reading, digits: int) -> None:
        self._reading = reading
        self._digits = digits

    async def of(self, account: Account, event: Recorded, before: float, after: float) -> list[Held]:
        """The event's own picture first, then pictures, clips and video by time. What VXG refuses of it is told in its
        place. Raises CannotTell when it cannot be asked at all."""
        found = await self._own_picture(account, event) if event.remote_id else []
        if event.at is None:
            return found
        try:
            since, until = event.at - timedelta(seconds=before), event.at + timedelta(seconds=after)
        except OverflowError:
            raise CannotTell("the event's time is at the end of the calendar") from None
        span = f"start={naive(since, 3)}&end={naive(until, 3)}&order_by=time"
        pictures = self._reading.listed(account, f"/api/v4/storage/images/?{span}", _Picture, MOST_PICTURES)
        found += await _gathered(MediaKind.PICTURE, "pictures of that time", pictures, _picture)
        found += await _gathered(MediaKind.CLIP, "clips", self.clips(account, event.at), as_held)
        path = f"/api/v2/storage/data/?camid={account.id}&{span}"
        pieces = self._reading.listed(account, path, _Piece, MOST_PIECES)
        found += await _gathered(MediaKind.VIDEO, "recorded video", pieces, _piece)
        return found

    def clips(self, account: Account, at: datetime) -> AsyncIterator[Clip]:
        """Clips of an event at this time: what VXG's own page shows first for it [7]."""
        time = naive(at, self._digits)
        return self._reading.listed(account, f"{CLIPS}?order_by=-created&event_time={time}", Clip, MOST_PICTURES)

    async def _own_picture(self, account: Account, event: Recorded) -> list[Held]:
        path = f"{EVENTS}{quote(event.remote_id, safe='')}/?include_meta=true"
        try:
            shown = await self._reading.one(account, path, Event)
        except Refused as refused:
            return [Held(kind=MediaKind.PICTURE, name="event", without=str(refused))]
        link = shown.thumb.get("url") if isinstance(shown.thumb, dict) else None
        if not isinstance(link, str) or not link:
            return []
        at = moment(shown.time) or event.at
        return [Held(kind=MediaKind.PICTURE, name="event", reference=link, at=at, media_type="image/jpeg")]


async def _gathered(
    kind: MediaKind, name: str, found: AsyncIterator[Shape], as_told: Callable[[Shape], Held]
) -> list[Held]:
    """All of a list; refused, one that says why in its place."""
    try:
        return [as_told(each) async for each in found]
    except Refused as refused:
        return [Held(kind=kind, name=name, without=str(refused))]


def _picture(each: _Picture) -> Held:
    return Held(
        kind=MediaKind.PICTURE,
        name="picture",
        reference=each.url or "",
        at=moment(each.time),
        media_type="image/jpeg",
        without="" if each.url else "VXG gives no link to it",
    )


def _piece(each: _Piece) -> Held:
    return Held(
        kind=MediaKind.VIDEO,
        name="video",
        reference=each.url or "",
        at=moment(each.start),
        until=moment(each.end),
        media_type="video/mp4",
        without="" if each.url else "VXG gives no link to it",
    )


def as_held(clip: Clip) -> Held:
    """``done`` and ``error`` are documented; every other word is taken for being made."""
    without = ""
    if clip.status == "error":
        without = "VXG failed to make it"
    elif not clip.url:
        without = f"VXG is still making it ({clip.status[:20] or 'no status'})"
    return Held(
        kind=MediaKind.CLIP,
        name=clip.title or "clip",
        reference="" if without else clip.url or "",
        at=moment(clip.start),
        until=moment(clip.end),
        media_type="video/mp4",
        size=clip.size or 0,
        remote_id=str(clip.id),
        without=without,
        pending=bool(without) and clip.status != "error",
    )

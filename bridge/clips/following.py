"""Which events get a clip: gone through in the order of their commits, from where the last run left off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.journal.clips import ClipRecord, Clips
from bridge.journal.contract import Fed, FeedGap
from bridge.model import CameraId, Position, VmsId
from bridge.vms.clip import ClipSettings, WantsClips, around, clip_title

log = logging.getLogger("bridge.clips")

NAME = "clips"
"""Of the position in the journal."""
SAVED_EVERY = 10.0
"""Seconds between two writings of the position when no event wanted a clip: going through some again costs nothing."""


class Told(Protocol):
    @property
    def fed(self) -> Fed: ...


class Piece(Protocol):
    @property
    def events(self) -> Sequence[Told]: ...
    @property
    def position(self) -> str: ...
    @property
    def gap(self) -> FeedGap | None: ...


class Stream(Protocol):
    """The journal's events in order (``bridge.endpoints.stream``)."""

    @property
    def news(self) -> int: ...
    async def head(self) -> str: ...
    async def after(self, position: str | None) -> Piece: ...
    async def wait(self, news: int) -> None: ...


class Bookmarks(Protocol):
    async def position(self, name: str) -> Position | None: ...
    async def keep(self, position: Position) -> None: ...


class Following:
    """``found`` is called when new clips were kept."""

    def __init__(
        self, stream: Stream, bookmarks: Bookmarks, clips: Clips, clock: Clock, found: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._bookmarks = bookmarks
        self._clips = clips
        self._clock = clock
        self._found = found

    async def forget(self) -> None:
        """No clips are wanted (any more): what comes until they are is not gone through later. Raises JournalError."""
        kept = await self._bookmarks.position(NAME)
        if kept is not None and kept.value:
            await self._bookmarks.keep(Position(NAME, ""))

    async def run(self, site: Callable[[], Site]) -> None:
        """Until cancelled. Raises JournalError."""
        at = await self._begin()
        saved = self._clock.now().monotonic
        while True:
            news = self._stream.news
            piece = await self._stream.after(at)
            if piece.gap is not None:
                log.warning("clips: events may be missing: %s; it goes on with what comes now", piece.gap.why)
                at = await self._from_now()
                continue
            moved = piece.position != at
            at = piece.position
            new = wanted((told.fed for told in piece.events), site())
            now = self._clock.now().monotonic
            if new or (moved and now - saved >= SAVED_EVERY):
                await self._clips.add(new, Position(NAME, at))
                saved = now
            if new:
                self._found()
            if not moved:
                await self._stream.wait(news)

    async def _begin(self) -> str:
        kept = await self._bookmarks.position(NAME)
        return kept.value if kept is not None and kept.value else await self._from_now()

    async def _from_now(self) -> str:
        at = await self._stream.head()
        await self._bookmarks.keep(Position(NAME, at))
        return at


def settings_of(site: Site) -> Mapping[VmsId, ClipSettings]:
    """What each VMS of the site that shall make clips was told of them."""
    return {
        vms.id: vms.settings.clip
        for vms in site.vms.values()
        if isinstance(vms.settings, WantsClips) and vms.settings.clip is not None
    }


def wanted(events: Iterable[Fed], site: Site) -> list[ClipRecord]:
    """A clip for each camera of each event that gets one; pure. An amendment that makes its event urgent counts."""
    by_vms = settings_of(site)
    found = []
    for fed in events:
        event = fed.event
        for name in fed.cameras:
            camera = site.cameras.get(CameraId(name))
            settings = by_vms.get(camera.vms) if camera is not None else None
            if camera is None or settings is None or not settings.wanted(event):
                continue
            try:
                since, until = around(event.occurred_at, settings.before, settings.after)
            except OverflowError:  # the event's time is at the end of the calendar
                continue
            found.append(
                ClipRecord(
                    event=event.id,
                    camera=camera.id,
                    vms=camera.vms,
                    title=clip_title(event),
                    at=event.occurred_at,
                    since=since,
                    until=until,
                    due=_due(event.arrived_at, until),
                )
            )
    return found


def _due(arrived: datetime, until: datetime) -> datetime:
    return max(arrived, until)

"""The journal's events in order for many readers, each at its own pace: what is new is read once for all of them.

A reader holds a position and nothing else. Who is near the journal's end is served from memory, bounded in events and
bytes; who is behind reads the journal, page by page.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from bridge.journal.contract import Fed, FeedGap, Journal, LaneHead
from bridge.model import Decision, Outcome

PAGE = 100
MOST_EVENTS = 1000
MOST_BYTES = 4 * 2**20
LOOK = 10.0
"""Seconds after which a reader looks without being woken: a commit whose sender had gone wakes nobody."""
TOGETHER = 0.02
"""Seconds in which what else is committed is read with it: many small readings would cost the site more than that."""


class Told:
    """One event as it is told; its document is made once, for the first that wants it."""

    __slots__ = ("_document", "fed")

    def __init__(self, fed: Fed) -> None:
        self.fed = fed
        self._document: bytes | None = None

    @property
    def document(self) -> bytes:
        if self._document is None:
            from bridge.endpoints.document import event_document  # loaded only where something is told

            self._document = event_document(self.fed)
        return self._document

    @property
    def size(self) -> int:
        """Bytes it takes, roughly: the event and its document."""
        return 2 * len(self.fed.event.detail) + 1024


class Piece:
    """What comes after a position: a gap first, if there is one, then events; and where to go on."""

    __slots__ = ("events", "gap", "position")

    def __init__(self, events: Sequence[Told], position: str, gap: FeedGap | None = None) -> None:
        self.events = events
        self.position = position
        self.gap = gap


class Stream:
    """Implements ``bridge.observer.Observer``: woken after each commit that has an event in it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.news = 0
        """Counts commits with events. Read it before ``after``, and give it to ``wait``: nothing comes in between."""
        self._woken: asyncio.Future[None] | None = None
        self._reading = asyncio.Lock()
        self._recent: deque[Told] = deque()
        self._bytes = 0
        self._first: str | None = None
        self._last = ""

    # -------------------------------------------------------------------------------------------------- the observer

    def decided(self, decision: Decision) -> None:
        if decision.events:
            self.news += 1
            if self._woken is not None and not self._woken.done():
                self._woken.set_result(None)

    def settled(self, head: LaneHead, outcome: Outcome) -> None: ...

    # --------------------------------------------------------------------------------------------------- the readers

    async def head(self) -> str:
        """The position of now. Raises JournalError."""
        return await self.journal.head()

    async def after(self, position: str | None) -> Piece:
        """What comes next. Raises JournalError."""
        if position is not None and self._holds(position):
            if position == self._last:
                await self._read_on(position)
            if self._holds(position):
                return self._remembered(position)
        elif self._first is None:
            await self._begin()
            if position is not None and position == self._last:
                return Piece((), position)
        page = await self.journal.feed(position, PAGE)
        return Piece([Told(each) for each in page.records], page.position, page.gap)

    async def wait(self, news: int) -> None:
        """Until there may be something new since ``news``, at most LOOK seconds."""
        if self.news == news:
            if self._woken is None or self._woken.done():
                self._woken = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._woken], timeout=LOOK)
        await asyncio.sleep(TOGETHER)

    # ----------------------------------------------------------------------------------------------------- in memory

    def _holds(self, position: str) -> bool:
        return self._first is not None and self._first <= position <= self._last

    def _remembered(self, position: str) -> Piece:
        place = bisect_right(self._recent, position, key=lambda told: told.fed.position)
        events = [self._recent[each] for each in range(place, min(place + PAGE, len(self._recent)))]
        ended = place + PAGE >= len(self._recent)
        return Piece(events, self._last if ended else events[-1].fed.position)

    async def _begin(self) -> None:
        async with self._reading:
            if self._first is None:
                self._first = self._last = await self.journal.head()

    async def _read_on(self, position: str) -> None:
        async with self._reading:
            if position != self._last:
                return  # another reader has just done it
            page = await self.journal.feed(position, PAGE)
            if page.gap is not None:
                self._recent.clear()
                self._bytes = 0
                self._first = None  # this reader is told of it from the journal
                return
            for record in page.records:
                told = Told(record)
                self._recent.append(told)
                self._bytes += told.size
            self._last = page.position
            while self._recent and (len(self._recent) > MOST_EVENTS or self._bytes > MOST_BYTES):
                oldest = self._recent.popleft()
                self._bytes -= oldest.size
                self._first = oldest.fed.position

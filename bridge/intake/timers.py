"""When the timers of facts are due. What follows then is decided elsewhere."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from bridge.model import StateKey


class Timers:
    """Durations run on the monotonic clock, in seconds. One entry for each key, however often its timer is put off:
    one that fires early waits for the rest."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, StateKey]] = []
        self._order = itertools.count()
        self._armed: dict[StateKey, float] = {}  # the earliest entry of each among them
        self._changed = asyncio.Event()
        self.lost = True
        """They are to be read from the journal: at start, and again when decisions were undone."""

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, due: float, key: StateKey) -> None:
        if self._armed.get(key, due + 1.0) <= due:
            return
        self._armed[key] = due
        heapq.heappush(self._entries, (due, next(self._order), key))
        if self._entries[0][2] is key:
            self._changed.set()

    def lose(self) -> None:
        """Decisions were undone, and nobody here knows which timers were theirs."""
        self._entries.clear()
        self._armed.clear()
        self.lost = True
        self._changed.set()

    def take_due(self, now: float, limit: int) -> list[StateKey]:
        """Those that are due, the earliest first; they are gone with this."""
        due: list[StateKey] = []
        while self._entries and self._entries[0][0] <= now and len(due) < limit:
            moment, _, key = heapq.heappop(self._entries)
            if self._armed.get(key) == moment:
                del self._armed[key]
                due.append(key)
        return due

    def look(self, now: float) -> float | None:
        """Seconds until the first is due, None without any. What changes from here on ends ``wait``."""
        self._changed.clear()
        return self._entries[0][0] - now if self._entries else None

    async def wait(self, seconds: float | None) -> None:
        """So long, or until an earlier timer is set or all are lost; None: until then."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

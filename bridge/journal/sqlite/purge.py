"""Retention and pruning, one small batch after the other."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from bridge.journal.sqlite import retention
from bridge.journal.sqlite.quarantine import Origins
from bridge.journal.sqlite.reader import Reader
from bridge.journal.sqlite.rows import Rows
from bridge.journal.sqlite.writer import Writer

_SLICES = 200  # of the state table in one run
_KEPT = 3600.0
"""Seconds that what is settled stays even when there is no room: an amendment may follow."""
_SHORTER = 0.97
_AT_ONCE = 10_000
_DAY = 86400.0

Make = Callable[[int, int], retention.Write]


class Purge:
    """Remembers how far it has looked, so that a long line of undelivered old events is not walked again each time."""

    def __init__(self, writer: Writer, reader: Reader, origins: Origins, folder: Path) -> None:
        self._writer = writer
        self._reader = reader
        self._origins = origins
        self._folder = folder
        self._looked = [0, 0]
        """Behind which event and which message to go on."""
        self._state = retention.START

    async def run(self, older_than: float, limit: int, now: float) -> int:
        """Returns how many events and messages were removed."""
        removed, ended = await self._records(self._looked, older_than, limit, now)
        for place, at_end in enumerate(ended):
            if at_end:
                self._looked[place] = 0  # what was open may be settled by the next time
        await self._pictures(older_than, now)
        await self._writer.chore(self._origins.tidy, self._origins.forgotten)
        await self._writer.merge_facts()
        for _ in range(_SLICES):
            self._state = await self._writer.chore(retention.prune_state(now, self._state))
            if self._state == retention.START:
                break
        return removed

    async def make_room(self, kept_for: float, short: Callable[[], bool], now: float) -> tuple[int, float]:
        """Remove what is settled before its time, while the journal is ``short`` of room, the oldest first. Returns how
        many events and messages were removed, and how old (in seconds) what is left may be; ``kept_for``: until now.

        What is open is walked over once, however much it is.
        """
        looked = [0, 0]
        removed = 0
        while short() and kept_for > _KEPT:
            kept_for = max(kept_for * _SHORTER, _KEPT)
            some, _ = await self._records(looked, now - kept_for, _AT_ONCE, now)
            removed += some
        if removed:
            await self._pictures(now - kept_for + _DAY, now)
        return removed, kept_for

    async def _records(self, looked: list[int], older_than: float, limit: int, now: float) -> tuple[int, list[bool]]:
        """``looked``: behind which event and which message to go on; moved on. How many went, and whether all that is
        old of either has been looked at."""
        events, looked[0], no_more_events = await self._some(
            lambda after, size: retention.remove_events(older_than, now, after, size), looked[0], limit
        )
        messages, looked[1], no_more_messages = await self._some(
            lambda after, size: retention.remove_messages(older_than, now, after, size, self._origins),
            looked[1],
            limit - events,
        )
        if messages or events:
            await self._writer.chore(retention.give_pages_back)
        return events + messages, [no_more_events, no_more_messages]

    async def _pictures(self, older_than: float, now: float) -> None:
        for day in await self._reader.ask(lambda _: retention.old_days(self._folder, older_than, now)):
            names = await self._reader.ask(lambda _, d=day: os.listdir(d))  # type: ignore[misc]
            await self._writer.chore(_nothing)  # whatever was on its way with one of them has landed
            await self._reader.ask(
                lambda connection, d=day, n=names: retention.remove_pictures(connection, d, n)  # type: ignore[misc]
            )

    async def _some(self, make: Make, after: int, limit: int) -> tuple[int, int, bool]:
        removed = 0
        while removed < limit:
            gone, after, ended = await self._writer.chore(make(after, min(retention.BATCH, limit - removed)))
            removed += gone
            if ended:
                return removed, after, True
        return removed, after, False


def _nothing(connection: sqlite3.Connection, rows: Rows) -> None: ...

"""Retention and pruning, one small batch after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from bridge.journal.sqlite import retention
from bridge.journal.sqlite.quarantine import Origins
from bridge.journal.sqlite.reader import Reader
from bridge.journal.sqlite.rows import Rows
from bridge.journal.sqlite.writer import Writer

_SLICES = 200  # of the state table in one run

Make = Callable[[int, int], Callable[[sqlite3.Connection, Rows], tuple[int, int]]]


class Purge:
    """Remembers how far it has looked, so that a long line of undelivered old events is not walked again each time."""

    def __init__(self, writer: Writer, reader: Reader, origins: Origins, folder: Path) -> None:
        self._writer = writer
        self._reader = reader
        self._origins = origins
        self._folder = folder
        self._events = self._messages = 0
        self._state = retention.START

    async def run(self, older_than: float, limit: int, now: float) -> int:
        """Returns how many events and messages were removed."""
        events, self._events = await self._some(
            lambda after, size: retention.remove_events(older_than, after, size), self._events, limit
        )
        messages, self._messages = await self._some(
            lambda after, size: retention.remove_messages(older_than, after, size, self._origins),
            self._messages,
            limit - events,
        )
        if messages or events:
            await self._writer.chore(retention.give_pages_back)
        for day in await self._reader.ask(lambda _: retention.old_days(self._folder, older_than)):
            await self._reader.ask(lambda connection, d=day: retention.remove_pictures(connection, d))  # type: ignore[misc]
        await self._writer.merge_facts()
        for _ in range(_SLICES):
            self._state = await self._writer.chore(retention.prune_state(now, self._state))
            if self._state == retention.START:
                break
        return events + messages

    async def _some(self, make: Make, after: int, limit: int) -> tuple[int, int]:
        removed = 0
        while removed < limit:
            gone, after = await self._writer.chore(make(after, min(retention.BATCH, limit - removed)))
            removed += gone
            if after == 0:
                break
        return removed, after

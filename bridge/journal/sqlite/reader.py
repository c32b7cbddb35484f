"""Heavy reading off the event loop: one thread with a connection of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from bridge.journal.contract import JournalError, Query, Record
from bridge.journal.sqlite import reads
from bridge.model import MediaId

T = TypeVar("T")


class Reader:
    """``connection`` is used in the reader's thread only, one question at a time."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-read")

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Raises JournalError for what the disk, or a row that cannot be read, would raise; OSError of pictures."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._connection)
        except (sqlite3.Error, msgspec.MsgspecError) as failure:
            raise JournalError(f"the journal could not be read: {failure}") from failure

    async def read(self, query: Query) -> AsyncIterator[Record]:
        """The records of a query, a page at a time; what is written meanwhile may or may not be among them."""
        after: int | None = None
        left = query.limit
        while left > 0:
            size = min(left, reads.PAGE)
            page = await self.ask(lambda connection, a=after, s=size: reads.page(connection, query, a, s))  # type: ignore[misc]
            for record in page.records:
                yield record
            left -= len(page.records)
            after = page.after
            if after is None:
                return

    async def media(self, media: MediaId) -> bytes:
        return await self.ask(lambda connection: reads.picture(connection, self._folder, media))

    def close(self) -> None:
        """Blocks until the question under way is answered."""
        self._thread.shutdown()
        self._connection.close()

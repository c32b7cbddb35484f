"""The journal read by a command while no service has it: nothing is written, nothing is taken."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bridge.journal.contract import JournalError, Parked, Query, Record
from bridge.journal.sqlite import reads, schema
from bridge.journal.sqlite.clips import ReadClips
from bridge.journal.sqlite.lock import refuse_if_held
from bridge.journal.sqlite.reader import Reader
from bridge.model import MediaId


class OfflineJournal:
    """Made by ``open``; ``read``, ``media`` and ``parked`` as in ``bridge.journal.contract.Journal``."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._reader = Reader(connection, folder)
        self.clips = ReadClips(self._reader)

    @classmethod
    async def open(cls, path: Path) -> OfflineJournal:
        """Raises Fenced when a service has it (ask that one instead), JournalError when there is none to read."""
        return cls(await asyncio.to_thread(_connect, path), path)

    def read(self, query: Query) -> AsyncIterator[Record]:
        return self._reader.read(query)

    async def media(self, media: MediaId) -> bytes:
        return await self._reader.media(media)

    async def parked(self) -> Sequence[Parked]:
        return await self._reader.ask(reads.parked)

    async def close(self) -> None:
        await asyncio.to_thread(self._reader.close)


def _connect(folder: Path) -> sqlite3.Connection:
    if not (folder / schema.DATABASE).is_file():
        raise JournalError(f"there is no journal in {folder}: has the service run with this site?")
    refuse_if_held(folder)
    connection = schema.connect(folder, cache=1024, readonly=True)
    try:
        version = schema.version_of(connection)
    except sqlite3.DatabaseError as failure:
        connection.close()
        raise JournalError(f"the journal in {folder} cannot be read: {failure}") from failure
    if version != len(schema.MIGRATIONS):
        connection.close()
        raise JournalError(
            f"the journal in {folder} has version {version}, this program reads {len(schema.MIGRATIONS)}: "
            "start the service of this version once, or use the program that wrote it"
        )
    return connection

"""The table of clips: written with the journal's other writes, read beside them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from bridge.journal.clips import ClipRecord, ClipState
from bridge.journal.contract import Fenced
from bridge.journal.sqlite.feed import keep
from bridge.journal.sqlite.reader import Reader
from bridge.journal.sqlite.rows import Rows
from bridge.journal.sqlite.writer import Writer
from bridge.model import CameraId, EventId, Position, VmsId

STATES = tuple(ClipState)
"""``clip.state`` is the place in here; 0 waits."""

_COLUMNS = "event, camera, vms, title, at, since, until, due, state, tries, remote_id, why, settled_at"
_KEEP = f"INSERT OR IGNORE INTO clip ({_COLUMNS}) VALUES ({', '.join('?' * 13)})"  # noqa: S608 - only names and marks
_NOTE = (
    "UPDATE clip SET due = ?, state = ?, tries = ?, remote_id = ?, why = ?, settled_at = ? "
    "WHERE event = ? AND camera = ?"
)
_FORGET = "DELETE FROM clip WHERE event = (SELECT id FROM event WHERE seq = ?)"

Row = tuple[str, str, str, str, float, float, float, float, int, int, str, str, float | None]


class ReadClips:
    """Implements ``bridge.journal.clips.ReadableClips``."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def of(self, event: EventId) -> Sequence[ClipRecord]:
        return await self._reader.ask(lambda connection: _read(connection, "event = ? ORDER BY camera", event))


class SqliteClips(ReadClips):
    """Implements ``bridge.journal.clips.Clips``."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        super().__init__(reader)
        self._writer = writer

    async def add(self, new: Sequence[ClipRecord], position: Position) -> None:
        rows = [_row(each) for each in new]
        move = keep(position)

        def write(connection: sqlite3.Connection, batch: Rows) -> None:
            connection.executemany(_KEEP, rows)
            move(connection, batch)

        await self._chore(write)

    async def note(self, record: ClipRecord) -> None:
        row = _row(record)

        def write(connection: sqlite3.Connection, _: Rows) -> None:
            connection.execute(_NOTE, (*row[7:], record.event, record.camera))

        await self._chore(write)

    async def waiting(self, now: datetime, limit: int) -> Sequence[ClipRecord]:
        where = "state = 0 AND due <= ? ORDER BY due LIMIT ?"
        return await self._reader.ask(lambda connection: _read(connection, where, now.timestamp(), limit))

    async def next_due(self) -> datetime | None:
        return await self._reader.ask(_next_due)

    async def counts(self) -> Mapping[str, int]:
        return await self._reader.ask(_counts)

    async def _chore(self, write: Callable[[sqlite3.Connection, Rows], None]) -> None:
        if self._writer.fenced is not None:
            raise Fenced(str(self._writer.fenced))
        await self._writer.chore(write)


def forget(connection: sqlite3.Connection, events: Sequence[tuple[int]]) -> None:
    """With their events, by the events' rows; before these are removed."""
    connection.executemany(_FORGET, events)


def _read(connection: sqlite3.Connection, where: str, *values: object) -> list[ClipRecord]:
    select = f"SELECT {_COLUMNS} FROM clip WHERE {where}"  # noqa: S608 - ``where`` is written here
    return [_record(row) for row in connection.execute(select, values).fetchall()]


def _next_due(connection: sqlite3.Connection) -> datetime | None:
    due = connection.execute("SELECT min(due) FROM clip WHERE state = 0").fetchone()[0]
    return None if due is None else _moment(due)


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    found = dict(connection.execute("SELECT state, count(*) FROM clip GROUP BY state").fetchall())
    return {state.value: int(found.get(place, 0)) for place, state in enumerate(STATES)}


def _row(clip: ClipRecord) -> Row:
    return (
        clip.event, clip.camera, clip.vms, clip.title, clip.at.timestamp(), clip.since.timestamp(),
        clip.until.timestamp(), clip.due.timestamp(), STATES.index(clip.state), clip.tries, clip.remote_id, clip.why,
        None if clip.settled_at is None else clip.settled_at.timestamp(),
    )  # fmt: skip


def _record(row: Row) -> ClipRecord:
    event, camera, vms, title, at, since, until, due, state, tries, remote_id, why, settled_at = row
    return ClipRecord(
        event=EventId(event), camera=CameraId(camera), vms=VmsId(vms), title=title, at=_moment(at),
        since=_moment(since), until=_moment(until), due=_moment(due), state=STATES[state], tries=tries,
        remote_id=remote_id, why=why, settled_at=None if settled_at is None else _moment(settled_at),
    )  # fmt: skip


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)

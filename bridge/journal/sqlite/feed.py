"""The journal's events in the order they were committed, for who follows them from outside.

A position is the journal's own name and the number of a row, both in a text whose order is that of the rows. The
newest row is never removed (``retention``), so that no number is given twice.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Callable

import msgspec

from bridge.journal.contract import Fed, FeedGap, FeedPage
from bridge.journal.sqlite.lanes import UNREADABLE
from bridge.journal.sqlite.rows import Rows
from bridge.model import CameraId, Position, SensorEvent

log = logging.getLogger("bridge.journal")

MOST_BYTES = 2**20
"""Of events in one page; the page's last one may go beyond."""

_REMOVED = "bridge: events removed up to"
"""A name in the table of positions that no poller has."""

_EVENT = msgspec.msgpack.Decoder(SensorEvent)
_POSITION = re.compile(r"([0-9a-f]{8})-([0-9]{14})")
_SET_POSITION = "INSERT INTO position VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"


def name_of(connection: sqlite3.Connection) -> str:
    """What this journal's positions begin with; made once, so that those of another journal are told from ours."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('feed', ?)", (os.urandom(4).hex(),))
    return str(connection.execute("SELECT value FROM meta WHERE name = 'feed'").fetchone()[0])


def page(connection: sqlite3.Connection, name: str, after: str | None, limit: int) -> FeedPage:
    """What was committed after a position, the oldest first; from the beginning without one.

    A position of another journal is answered from the beginning, after a gap: what its owner has seen is not known.
    """
    seq, foreign = _read(connection, name, after)
    removed = _removed(connection)
    records: list[tuple[int, SensorEvent]] = []
    gap: FeedGap | None = None
    at, size = seq, 0
    rows = connection.execute("SELECT seq, packed FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit))
    for row, packed in rows:
        if row > at + 1 and at < removed:  # the rows between were removed (or, rarely, never committed)
            if at > seq:
                break  # said at the next page's beginning
            if after is not None and not foreign:
                gap = FeedGap(after, _written(name, min(row - 1, removed)), "removed by the journal's retention")
        at = row
        size += len(packed)
        try:
            event = _EVENT.decode(packed)
        except UNREADABLE as error:
            log.error("event %d cannot be read and is passed over: %s", row, error)  # noqa: TRY400
            continue
        if not event.withheld:
            records.append((row, event))
        if size >= MOST_BYTES:
            break
    rows.close()  # or it would hold the log's tail for as long as it is open
    if foreign and after is not None:
        gap = FeedGap(after, _written(name, seq), "this position is not of this journal; it begins anew")
    cameras = _cameras(connection, records[0][0], records[-1][0]) if records else {}
    fed = [
        Fed(position=_written(name, row), event=event, cameras=tuple(cameras.get(row, ()))) for row, event in records
    ]
    return FeedPage(records=tuple(fed), position=_written(name, at), gap=gap)


def head(connection: sqlite3.Connection, name: str) -> str:
    """The position of the newest event."""
    return _written(name, _newest(connection))


def behind(connection: sqlite3.Connection, name: str, position: str) -> int:
    """How many events came after a position; of a gap in the numbers some too many."""
    seq, _ = _read(connection, name, position)
    return max(0, _newest(connection) - seq)


def keep(position: Position) -> Callable[[sqlite3.Connection, Rows], None]:
    def write(connection: sqlite3.Connection, rows: Rows) -> None:
        connection.execute(_SET_POSITION, (position.name, position.value))

    return write


def note_removed(connection: sqlite3.Connection, seq: int) -> None:
    """Rows up to this one may be gone: who stands before it is told so. In the removal's own transaction."""
    if seq > _removed(connection):
        connection.execute(_SET_POSITION, (_REMOVED, str(seq)))


def _removed(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM position WHERE name = ?", (_REMOVED,)).fetchone()
    return int(row[0]) if row is not None else 0


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0])


def _cameras(connection: sqlite3.Connection, first: int, last: int) -> dict[int, list[CameraId]]:
    """The cameras that get (or got) each event; a delivery made again by an operator names its camera once."""
    found: dict[int, list[CameraId]] = {}
    rows = connection.execute(
        "SELECT d.event, l.camera FROM delivery d JOIN lane l ON l.id = d.lane "
        "WHERE d.event BETWEEN ? AND ? ORDER BY d.event, d.seq",
        (first, last),
    )
    for event, camera in rows:
        cameras = found.setdefault(event, [])
        if camera not in cameras:
            cameras.append(CameraId(camera))
    return found


def _read(connection: sqlite3.Connection, name: str, position: str | None) -> tuple[int, bool]:
    """(row number, whether it is of another journal, or from its future: a journal put back from a backup)."""
    if position is None:
        return 0, False
    found = _POSITION.fullmatch(position)
    if found is None or found[1] != name or int(found[2]) > _newest(connection):
        return 0, True
    return int(found[2]), False


def _written(name: str, seq: int) -> str:
    return f"{name}-{seq:014d}"

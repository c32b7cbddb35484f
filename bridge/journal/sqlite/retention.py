"""Removal of what is old, settled and no longer asked for: in small batches, the undelivered never."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bridge.journal.sqlite import clips
from bridge.journal.sqlite.facts import Facts, Name
from bridge.journal.sqlite.facts import write as write_facts
from bridge.journal.sqlite.feed import note_removed
from bridge.journal.sqlite.ledger import MEDIA_BYTES
from bridge.journal.sqlite.media import FOLDER, remove_orphans
from bridge.journal.sqlite.quarantine import Origins
from bridge.journal.sqlite.rows import Rows
from bridge.model import Media, Verdict

BATCH = 200
STATE_PER_SENSOR = 20_000
_SCAN = 500
_PAGES = 1024

_VERDICTS = msgspec.msgpack.Decoder(tuple[Verdict, ...])
_MEDIA = msgspec.msgpack.Decoder(tuple[Media, ...])

_OLD_EVENTS = (
    # The newest stays, however old: its number must not be given to another.
    "SELECT e.seq, e.arrived < ? AND e.seq < (SELECT max(seq) FROM event), "
    "EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq AND d.state < 2) "
    "FROM event e WHERE e.seq > ? ORDER BY e.seq LIMIT ?"
)
_OLD_MESSAGES = (
    "SELECT seq, id, arrived < ? AND NOT EXISTS (SELECT 1 FROM piece p WHERE p.message = m.id), verdicts, media "
    "FROM message m WHERE seq > ? ORDER BY seq LIMIT ?"
)

Write = Callable[[sqlite3.Connection, Rows], tuple[int, int]]
"""Removes some; how many were removed, and up to which row it has looked (0: to the end)."""


def remove_events(older_than: float, after: int, limit: int) -> Write:
    """Old events all of whose deliveries are settled, with these; amendments are events of their own here."""

    def write(connection: sqlite3.Connection, rows: Rows) -> tuple[int, int]:
        found = connection.execute(_OLD_EVENTS, (older_than, after, limit)).fetchall()
        gone = [(seq,) for seq, old, is_open in found if old and not is_open]
        connection.executemany("DELETE FROM delivery WHERE event = ?", gone)
        clips.forget(connection, gone)
        connection.executemany("DELETE FROM event WHERE seq = ?", gone)
        if gone:
            note_removed(connection, gone[-1][0])
        # Rows stand in the order they were written: the first that is young ends the search.
        ended = len(found) < limit or any(not old for _, old, _ in found)
        return len(gone), 0 if ended else found[-1][0]

    return write


def remove_messages(older_than: float, after: int, limit: int, origins: Origins) -> Write:
    """Old messages none of whose events is left, with their quarantined items."""

    def write(connection: sqlite3.Connection, rows: Rows) -> tuple[int, int]:
        found = connection.execute(_OLD_MESSAGES, (older_than, after, limit)).fetchall()
        gone = [row for row in found if row[2] and not _has_event(connection, row[3])]
        connection.executemany("DELETE FROM message WHERE seq = ?", [(row[0],) for row in gone])
        for row in gone:
            if row[4] is not None:
                rows.sums.count(MEDIA_BYTES, -sum(each.size for each in _MEDIA.decode(row[4])))
            origins.forget(connection, rows, row[1])
        ended = len(found) < limit or any(not row[2] for row in found)
        return len(gone), 0 if ended else found[-1][0]

    return write


def _has_event(connection: sqlite3.Connection, verdicts: bytes) -> bool:
    return any(
        connection.execute("SELECT 1 FROM event WHERE id = ? LIMIT 1", (event,)).fetchone() is not None
        for event in {verdict.event for verdict in _VERDICTS.decode(verdicts) if verdict.event is not None}
    )


def old_days(folder: Path, older_than: float) -> list[Path]:
    """The day folders that lie wholly before ``older_than`` (epoch seconds), oldest first."""
    last = (datetime.fromtimestamp(older_than, UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    return sorted(each for each in (folder / FOLDER).iterdir() if each.is_dir() and each.name <= last)


def remove_pictures(connection: sqlite3.Connection, day: Path) -> int:
    """Unlink a day's pictures whose messages are gone, and the folder with the last; how many. For a reader thread."""
    removed = remove_orphans(connection, day, os.listdir(day))
    if not os.listdir(day):
        day.rmdir()
    return removed


def give_pages_back(connection: sqlite3.Connection, rows: Rows) -> tuple[int, int]:
    """Shrink the file by some of the pages that are free."""
    free = int(connection.execute("PRAGMA freelist_count").fetchone()[0])
    for _ in range(min(free, _PAGES)):  # Python's sqlite3 steps this statement once, and a step is a page
        connection.execute("PRAGMA incremental_vacuum(1)")
    return 0, 0


# --------------------------------------------------------------------------------------------------------------- state

_SLICE = (
    "SELECT sensor, kind, key, expires <= ? AND due IS NULL FROM state "
    "WHERE (sensor, kind, key) > (?, ?, ?) ORDER BY sensor, kind, key LIMIT ?"
)
_SURPLUS = (
    "DELETE FROM state WHERE (sensor, kind, key) IN (SELECT sensor, kind, key FROM state "
    "WHERE sensor = ? AND due IS NULL ORDER BY expires LIMIT ?) RETURNING kind, key"
)

Place = tuple[str, str, str]
START: Place = ("", "", "")


def prune_state(now: float, after: Place) -> Callable[[sqlite3.Connection, Rows], Place]:
    """Remove expired facts in the next slice of the table; where the slice ended, ``START`` at the table's end."""

    def write(connection: sqlite3.Connection, rows: Rows) -> Place:
        found = connection.execute(_SLICE, (now, *after, _SCAN)).fetchall()
        connection.executemany(
            "DELETE FROM state WHERE sensor = ? AND kind = ? AND key = ?", [row[:3] for row in found if row[3]]
        )
        return START if len(found) < _SCAN else found[-1][:3]

    return write


def cap_state(sensor: str, cap: int, facts: Facts, now: float) -> Callable[[sqlite3.Connection, Rows], list[Name]]:
    """Drop what a sensor has above ``cap`` facts, those that expire first; timers stay. Returns what went: ``facts``
    has to forget it once that is durable."""

    def write(connection: sqlite3.Connection, rows: Rows) -> list[Name]:
        unmerged = {**facts.of(sensor), **rows.changes.get(sensor, {})}
        if _count(connection, sensor) + len(unmerged) <= cap:
            return []
        write_facts(connection, [(sensor, *name, value) for name, value in unmerged.items()], now)
        count = _count(connection, sensor)
        return connection.execute(_SURPLUS, (sensor, count - cap)).fetchall() if count > cap else []

    return write


def _count(connection: sqlite3.Connection, sensor: str) -> int:
    return int(connection.execute("SELECT count(*) FROM state WHERE sensor = ?", (sensor,)).fetchone()[0])

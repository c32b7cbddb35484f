"""Removal of what is old, settled and no longer asked for: in small batches, the undelivered never."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from bridge.journal.sqlite import clips
from bridge.journal.sqlite.facts import Facts, Name
from bridge.journal.sqlite.facts import write as write_facts
from bridge.journal.sqlite.feed import note_removed
from bridge.journal.sqlite.lanes import UNREADABLE
from bridge.journal.sqlite.ledger import MEDIA_BYTES
from bridge.journal.sqlite.media import days_in, remove_orphans
from bridge.journal.sqlite.quarantine import Origins
from bridge.journal.sqlite.rows import Rows
from bridge.model import Media, Verdict

BATCH = 200
STATE_PER_SENSOR = 20_000
_SCAN = 500
_PAGES = 1024
_DAY = 86400.0

_VERDICTS = msgspec.msgpack.Decoder(tuple[Verdict, ...])
_MEDIA = msgspec.msgpack.Decoder(tuple[Media, ...])

AHEAD = 3600.0
"""Seconds: what arrived later than in an hour came when the clock was wrong."""

_EVENTS = (
    # An amendment needs what its event was called by the VMS: all of an event stays while any of it is open.
    "SELECT e.seq, e.arrived, EXISTS "
    "(SELECT 1 FROM event s JOIN delivery d ON d.event = s.seq WHERE s.id = e.id AND d.state < 2) "
    "FROM event e WHERE e.seq > ? ORDER BY e.seq LIMIT ?"
)
_MESSAGES = (
    "SELECT seq, arrived, EXISTS (SELECT 1 FROM piece p WHERE p.message = m.id), id, verdicts, media "
    "FROM message m WHERE seq > ? ORDER BY seq LIMIT ?"
)

Found = tuple[Any, ...]
"""Number, when it arrived (epoch seconds), whether something of it is open, and what else was asked for."""
Write = Callable[[sqlite3.Connection, Rows], tuple[int, int, bool]]
"""Removes some; how many were removed, behind which row to look next, and whether that is the end of what is old."""


def remove_events(older_than: float, now: float, after: int, limit: int) -> Write:
    """Old events all of whose deliveries are settled, with these. The newest stays, however old: its number must not
    be given to another. Times in epoch seconds."""

    def write(connection: sqlite3.Connection, rows: Rows) -> tuple[int, int, bool]:
        found = connection.execute(_EVENTS, (after, limit)).fetchall()
        (newest,) = connection.execute("SELECT max(seq) FROM event").fetchone()
        old, goes_on = _old(connection, "event", found, older_than, now)
        gone = [(row[0],) for row in old if not row[2] and row[0] != newest]
        connection.executemany("DELETE FROM delivery WHERE event = ?", gone)
        clips.forget(connection, gone)
        connection.executemany("DELETE FROM event WHERE seq = ?", gone)
        if gone:
            note_removed(connection, gone[-1][0])
        return len(gone), *_further(found, after, goes_on and len(found) == limit)

    return write


def remove_messages(older_than: float, now: float, after: int, limit: int, origins: Origins) -> Write:
    """Old messages none of whose events is left, with their quarantined items."""

    def write(connection: sqlite3.Connection, rows: Rows) -> tuple[int, int, bool]:
        found = connection.execute(_MESSAGES, (after, limit)).fetchall()
        old, goes_on = _old(connection, "message", found, older_than, now)
        gone = [row for row in old if not row[2] and not _has_event(connection, row[4])]
        connection.executemany("DELETE FROM message WHERE seq = ?", [(row[0],) for row in gone])
        for row in gone:
            if row[5] is not None:
                rows.sums.count(MEDIA_BYTES, -_bytes(row[5]))
            origins.forget(connection, rows, row[3])
        return len(gone), *_further(found, after, goes_on and len(found) == limit)

    return write


def _old(
    connection: sqlite3.Connection, table: str, found: Sequence[Found], older_than: float, now: float
) -> tuple[list[Found], bool]:
    """Those that are old, and whether there may be more behind them: rows stand in the order they were written, so the
    first that is young ends the search.

    One from the future says nothing of its age: the clock was ahead when it came, or it is behind now (a board without
    battery, before it has asked a time server). It is at least as old as the next row that says when it came.
    """
    old: list[Found] = []
    unsaid: list[Found] = []
    for row in found:
        if row[1] > now + AHEAD:
            unsaid.append(row)
        elif row[1] < older_than:
            old += [*unsaid, row]
            unsaid = []
        else:
            return old, False
    if unsaid:
        arrived = _next_that_says(connection, table, unsaid[-1][0], now)
        if arrived is None or arrived >= older_than:
            return old, False
        old += unsaid
    return old, True


def _next_that_says(connection: sqlite3.Connection, table: str, future: int, now: float) -> float | None:
    """When the first row came that is not from the future, behind this one, which is; None without any. Found by ever
    wider steps, and then by halves: however many there are, few are looked at."""
    some = f"SELECT seq, arrived FROM {table}"  # noqa: S608
    last = connection.execute(f"{some} ORDER BY seq DESC LIMIT 1").fetchone()

    def row_from(seq: int) -> tuple[int, float]:
        found: tuple[int, float] = connection.execute(f"{some} WHERE seq >= ? LIMIT 1", (seq,)).fetchone() or last
        return found

    step = 1
    while (row := row_from(future + step))[1] > now + AHEAD:
        if row[0] == last[0]:
            return None
        future, step = row[0], 2 * step
    says, arrived = row
    while says - future > 1:
        middle = (future + says) // 2
        row = row_from(middle)
        if row[1] > now + AHEAD:
            future = row[0]
        else:
            says, arrived = middle, row[1]
    return arrived


def _further(found: Sequence[Found], after: int, goes_on: bool) -> tuple[int, bool]:
    return (found[-1][0], False) if goes_on else (after, True)


def _has_event(connection: sqlite3.Connection, verdicts: bytes) -> bool:
    try:
        said = _VERDICTS.decode(verdicts)
    except UNREADABLE:
        return False
    return any(
        connection.execute("SELECT 1 FROM event WHERE id = ? LIMIT 1", (event,)).fetchone() is not None
        for event in {verdict.event for verdict in said if verdict.event is not None}
    )


def _bytes(media: bytes) -> int:
    try:
        return sum(each.size for each in _MEDIA.decode(media))
    except UNREADABLE:
        return 0


def old_days(folder: Path, older_than: float, now: float) -> list[Path]:
    """The day folders that lie wholly before ``older_than``, oldest first, and those of days to come: their pictures
    came when the clock was ahead. Times in epoch seconds."""
    last, next_ = _day(older_than, -1), _day(now, 1)
    return sorted(each for each in days_in(folder) if each.name <= last or each.name > next_)


def _day(at: float, later: int) -> str:
    return (datetime.fromtimestamp(max(at, _DAY), UTC) + timedelta(days=later)).strftime("%Y-%m-%d")


def remove_pictures(connection: sqlite3.Connection, day: Path, names: Sequence[str]) -> None:
    """Unlink those of a day's pictures whose messages are gone, and the folder with the last. For a reader thread.

    ``names`` must have been listed before a batch that has landed by now: a picture is there before its row is.
    """
    remove_orphans(connection, day, names)
    with suppress(OSError):  # not empty
        day.rmdir()


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

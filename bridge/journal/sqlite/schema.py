"""The tables of the embedded journal, their migrations, and how a connection to them is opened.

Ids of the outside (text) stand in one unique index each; inside, rows know each other by integers that the writer
hands out in order, so that nearly every write goes to the last page of its tree. ``state`` is the exception: its
facts are found by sensor, kind and key, and stand at random places. So they are appended to ``change`` first, and
merged into it later; see ``facts``.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from bridge.journal.contract import JournalError

DATABASE = "journal.db"
STRICT = " STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
WITHOUT_ROWID = " STRICT, WITHOUT ROWID" if STRICT else " WITHOUT ROWID"

PENDING, BEGUN, DELIVERED, EXPIRED, DEAD = range(5)
"""``delivery.state``, in the order of ``DeliveryState``; those below DELIVERED are open."""

_FIRST = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL){WITHOUT_ROWID};
CREATE TABLE lease (name TEXT PRIMARY KEY, node TEXT NOT NULL, epoch INTEGER NOT NULL){WITHOUT_ROWID};
CREATE TABLE message (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, arrived REAL NOT NULL,
    verdicts BLOB NOT NULL, media BLOB, packed BLOB NOT NULL){STRICT};
CREATE TABLE position (name TEXT PRIMARY KEY, value TEXT NOT NULL){WITHOUT_ROWID};
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, revision INTEGER NOT NULL, sensor TEXT NOT NULL, type TEXT NOT NULL,
    urgency INTEGER NOT NULL, occurred REAL NOT NULL, arrived REAL NOT NULL, packed BLOB NOT NULL,
    UNIQUE (id, revision)){STRICT};
CREATE TABLE lane (
    id INTEGER PRIMARY KEY, vms TEXT NOT NULL, camera TEXT NOT NULL, sensor TEXT NOT NULL, urgency INTEGER NOT NULL,
    UNIQUE (vms, camera, sensor, urgency)){STRICT};
CREATE TABLE delivery (
    seq INTEGER PRIMARY KEY, event INTEGER NOT NULL, lane INTEGER NOT NULL, amend INTEGER NOT NULL,
    state INTEGER NOT NULL, size INTEGER NOT NULL, attempts INTEGER NOT NULL, begun_at REAL,
    ready_at REAL, ready_in REAL, settled_at REAL, remote_id TEXT, why TEXT,
    possible_duplicate INTEGER NOT NULL DEFAULT 0){STRICT};
CREATE INDEX delivery_of_event ON delivery (event);
CREATE INDEX delivery_open ON delivery (lane) WHERE state < 2;
CREATE INDEX delivery_dead ON delivery (event) WHERE state = 4;
CREATE TABLE state (
    sensor TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires REAL NOT NULL,
    due REAL, duration REAL, PRIMARY KEY (sensor, kind, key)){WITHOUT_ROWID};
CREATE INDEX state_due ON state (due) WHERE due IS NOT NULL;
CREATE TABLE parked (
    vms TEXT NOT NULL, camera TEXT NOT NULL, why TEXT NOT NULL, since REAL NOT NULL,
    PRIMARY KEY (vms, camera)){WITHOUT_ROWID};
CREATE TABLE quarantine (
    seq INTEGER PRIMARY KEY, message TEXT NOT NULL, item INTEGER NOT NULL, origin TEXT NOT NULL, why TEXT NOT NULL,
    sensor TEXT, arrived REAL NOT NULL){STRICT};
CREATE INDEX quarantine_of_message ON quarantine (message);
CREATE TABLE quarantine_origin (
    origin TEXT PRIMARY KEY, kept INTEGER NOT NULL, dropped INTEGER NOT NULL){WITHOUT_ROWID};
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL){WITHOUT_ROWID};
CREATE TABLE backlog (
    vms TEXT NOT NULL, urgency INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (vms, urgency)){WITHOUT_ROWID};
"""

_ADOPTION = """
ALTER TABLE quarantine ADD COLUMN unknown INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN known_by TEXT NOT NULL DEFAULT '';
CREATE INDEX quarantine_unknown ON quarantine (seq) WHERE unknown = 1;
UPDATE quarantine SET unknown = 1 WHERE sensor IS NULL AND why LIKE 'no sensor %'
"""
"""What nobody listens for is adopted once somebody does; older rows are told by what was said of them."""

_APPENDED = f"""
CREATE TABLE change (seq INTEGER PRIMARY KEY, packed BLOB NOT NULL){STRICT};
CREATE TABLE change_unreadable (seq INTEGER PRIMARY KEY, why TEXT NOT NULL, packed BLOB NOT NULL){STRICT}
"""
"""Facts are appended to ``change`` before they are merged into ``state``."""

_PIECES = f"""
CREATE TABLE piece (
    message TEXT NOT NULL, place INTEGER NOT NULL, verdicts BLOB NOT NULL, media BLOB NOT NULL, closed TEXT,
    PRIMARY KEY (message, place)){WITHOUT_ROWID}
"""
"""What is decided of messages that are not decided to the end."""

_CLIPS = f"""
CREATE TABLE clip (
    event TEXT NOT NULL, camera TEXT NOT NULL, vms TEXT NOT NULL, title TEXT NOT NULL, at REAL NOT NULL,
    since REAL NOT NULL, until REAL NOT NULL, due REAL NOT NULL, state INTEGER NOT NULL, tries INTEGER NOT NULL,
    remote_id TEXT NOT NULL, why TEXT NOT NULL, settled_at REAL, PRIMARY KEY (event, camera)){WITHOUT_ROWID};
CREATE INDEX clip_waiting ON clip (due) WHERE state = 0
"""
"""Clips asked for around events; see ``clips``."""

MIGRATIONS: tuple[str, ...] = (_FIRST, _ADOPTION, _APPENDED, _PIECES, _CLIPS)
"""``MIGRATIONS[n]`` takes a journal from version n to n + 1. Append, never change one that was released."""


def connect(folder: Path, *, cache: int, readonly: bool = False) -> sqlite3.Connection:
    """A connection without implicit transactions, usable from any one thread at a time; ``cache`` in KiB."""
    where = f"{(folder / DATABASE).resolve().as_uri()}?mode={'ro' if readonly else 'rwc'}"
    connection = sqlite3.connect(
        where, uri=True, isolation_level=None, check_same_thread=False, timeout=0.5, cached_statements=128
    )
    connection.execute(f"PRAGMA cache_size = -{cache}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def prepare(connection: sqlite3.Connection, *, checkpoint_pages: int) -> None:
    """Make a new journal's file or accept an old one: write-ahead log, every commit synced."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heard only by a file that has no table yet
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages:d}")
    connection.execute("PRAGMA secure_delete = OFF")  # Debian turns it on: every purged page would be written as zeros
    connection.execute("PRAGMA journal_size_limit = 67108864")  # give a log grown by a burst back


def version_of(connection: sqlite3.Connection) -> int:
    """0 for a file that has no table yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring the tables to the newest version, in one transaction; raises JournalError for a newer journal."""
    version = version_of(connection)
    if version > len(migrations):
        raise JournalError(
            f"this journal has version {version}, written by a newer vms-bridge; this one reads up to version "
            f"{len(migrations)}: install the newer program, or restore a backup made by this one"
        )
    if version == len(migrations):
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        for script in migrations[version:]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations):d}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check_site(connection: sqlite3.Connection, site: str) -> None:
    """Refuse a journal that belongs to another site; a new one becomes this site's."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'site'").fetchone()
    if row is None:
        connection.execute("INSERT INTO meta VALUES ('site', ?)", (site,))
    elif row[0] != site:
        raise JournalError(f"this journal belongs to site {row[0]!r}, not {site!r}: give each site its own folder")


def holds(connection: sqlite3.Connection, name: str, epoch: int) -> bool:
    """Whether the lease is still of this epoch: nobody has taken it over."""
    row = connection.execute("SELECT epoch FROM lease WHERE name = ?", (name,)).fetchone()
    return row is not None and row[0] == epoch


def next_epoch(connection: sqlite3.Connection, name: str, node: str) -> int:
    """Take the lease over from whoever had it; their next batch sees that the epoch moved."""
    found = connection.execute(
        "INSERT INTO lease VALUES (?, ?, 1) "
        "ON CONFLICT (name) DO UPDATE SET node = excluded.node, epoch = epoch + 1 RETURNING epoch",
        (name, node),
    ).fetchall()
    return int(found[0][0])

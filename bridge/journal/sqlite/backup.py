"""A journal as it was at one moment, while it goes on being written: taken, put back, and what that means.

The tables are copied by SQLite's backup API within one read transaction, into a file of the journal's folder; pictures
never change once their row is there, and none is removed meanwhile. Put back, a journal is as it was: what was
acknowledged since is not in it, and what was delivered since would be delivered again. So every open delivery comes
back as one that may have been taken: it is looked for in the VMS before it is sent (``bridge.delivery.reconcile``).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from bridge.journal.contract import Full, JournalError
from bridge.journal.sqlite import schema
from bridge.journal.sqlite.lanes import UNREADABLE
from bridge.journal.sqlite.limits import FreeSpace, free_bytes
from bridge.journal.sqlite.lock import LOCK, FolderLock
from bridge.journal.sqlite.media import FOLDER, path_of, sync_folder
from bridge.journal.sqlite.tape import Damaged, Entries, Manifest, write
from bridge.model import Media

COPY = "backup-"
"""What the snapshot's file is called in the journal's folder; those of a process that ended are removed at opening."""
RESTORING = ".restoring"
_PAGES = 4096
_PICTURE = re.compile(rf"{FOLDER}/\d{{4}}-\d\d-\d\d/[A-Za-z0-9._-]{{1,200}}")
_MEDIA = msgspec.msgpack.Decoder(tuple[Media, ...])
_OPEN = "SELECT count(*) FROM delivery WHERE state < 2"


def tape_of(
    folder: Path, program: str, reserve: int = 0, free_space: FreeSpace = free_bytes
) -> Generator[bytes, None, None]:
    """The backup's bytes; the snapshot is of the moment of the first. Blocking, for a thread of its own.

    Raises Full when the disk has no room for the snapshot beside ``reserve`` bytes, JournalError when it cannot be
    made. Close the iterator: it removes the snapshot.
    """
    copy = folder / f"{COPY}{secrets.token_hex(4)}.db"
    try:
        at = datetime.now(UTC)
        _snapshot(folder, copy, reserve, free_space)
        connection = sqlite3.connect(f"{copy.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:
            yield from write(_manifest(connection, at, program), _files(connection, folder, copy))
        finally:
            connection.close()
    except sqlite3.Error as failure:
        raise JournalError(f"the journal {folder} could not be copied: {failure}") from failure
    finally:
        remove_copies(folder, copy.name)


def remove_copies(folder: Path, name: str = f"{COPY}*.db") -> None:
    """Of a backup that has ended, or whose process has."""
    for each in folder.glob(f"{name}*"):
        each.unlink(missing_ok=True)


def _snapshot(folder: Path, copy: Path, reserve: int, free_space: FreeSpace) -> None:
    source = schema.connect(folder, cache=1024, readonly=True)
    try:
        size = int(
            source.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
        )
        free = free_space(folder)
        if free - size < reserve:
            raise Full(
                f"a backup needs {size / 2**20:,.0f} MiB for a moment and the journal's disk has "
                f"{free / 2**20:,.0f} MiB free, of which {reserve / 2**20:,.0f} MiB are kept in reserve: make room"
            )
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        target = sqlite3.connect(copy, isolation_level=None)
        try:
            source.execute("BEGIN")  # one moment, however long it takes and whatever is written meanwhile
            source.execute("SELECT 1 FROM meta").fetchone()
            source.backup(target, pages=_PAGES)
            target.execute("PRAGMA journal_mode = DELETE")
        finally:
            target.close()
    finally:
        source.close()


def _manifest(connection: sqlite3.Connection, at: datetime, program: str) -> Manifest:
    def count(question: str) -> int:
        return int(connection.execute(question).fetchone()[0])

    site = connection.execute("SELECT value FROM meta WHERE name = 'site'").fetchone()
    return Manifest(
        site=str(site[0]) if site else "", journal=count("PRAGMA user_version"), program=program, at=at.isoformat(),
        messages=count("SELECT count(*) FROM message"), events=count("SELECT count(*) FROM event"),
        undelivered=count(_OPEN),
    )  # fmt: skip


def _files(connection: sqlite3.Connection, folder: Path, copy: Path) -> Iterator[tuple[str, Path]]:
    yield schema.DATABASE, copy
    for (packed,) in connection.execute("SELECT media FROM message WHERE media IS NOT NULL ORDER BY seq"):
        try:
            pictures = _MEDIA.decode(packed)
        except UNREADABLE:  # nobody can find them by it
            continue
        for media in pictures:
            path = path_of(folder, media)
            yield f"{FOLDER}/{path.parent.name}/{path.name}", path


# ------------------------------------------------------------------------------------------------------- putting back


class Restored(msgspec.Struct, kw_only=True):
    """``before``: where what was in the folder is now, "" when there was nothing. ``searched``: deliveries that will be
    looked for in their VMS before they are sent."""

    manifest: Manifest
    pictures: int
    missing: int
    searched: int
    before: str = ""


def restore(stream: IO[bytes], folder: Path, replace: bool = False) -> Restored:
    """Make ``folder`` the journal that a backup holds. Nothing in it is touched before the backup was found whole.

    Raises Fenced while a service has the folder, Damaged for what is no whole backup, JournalError when the folder is
    not empty (with ``replace`` what is in it is moved aside, into the folder itself) or the backup's journal is newer
    than this program, and OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folder.resolve()
    lock = FolderLock.acquire(folder, "restore")
    try:
        there = [each for each in folder.iterdir() if each.name not in (LOCK, RESTORING)]
        if there and not replace:
            raise JournalError(f"{folder} is not empty: restore into another folder, or say --replace")
        fresh = folder / RESTORING
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        try:
            entries = Entries(stream)
            _unpack(entries, fresh)
            searched = _make_good(fresh, entries.manifest)
            before = _move_aside(folder, there)
            _move_in(folder, fresh)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        assert entries.end is not None
        return Restored(
            manifest=entries.manifest, pictures=entries.end.files - 1, missing=entries.end.missing, searched=searched,
            before=before,
        )  # fmt: skip
    finally:
        lock.release()


def _unpack(entries: Entries, fresh: Path) -> None:
    (fresh / FOLDER).mkdir(mode=0o700)
    for name, _, pieces in entries:
        if name != schema.DATABASE and _PICTURE.fullmatch(name) is None:
            raise Damaged(f"there is a file in it that no journal has: {name[:100]!r}")
        path = fresh / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    if not (fresh / schema.DATABASE).is_file():
        raise Damaged("there is no journal in it")


def _make_good(fresh: Path, manifest: Manifest) -> int:
    """Check the tables, and note in them that they are of the past; how many deliveries that concerns."""
    if manifest.journal > len(schema.MIGRATIONS):
        raise JournalError(
            f"the backup's journal has version {manifest.journal}, this program reads up to "
            f"{len(schema.MIGRATIONS)}: install the program that made it ({manifest.program}), or a newer one"
        )
    connection = sqlite3.connect(fresh / schema.DATABASE, isolation_level=None)
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise Damaged(f"its tables are damaged: {found}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN")
        at = datetime.fromisoformat(manifest.at).timestamp()
        moved = connection.execute(
            "UPDATE delivery SET state = 1, begun_at = coalesce(begun_at, ?), ready_at = NULL, ready_in = NULL "
            "WHERE state = 0",
            (at,),
        ).rowcount
        for name, by in (("delivery.pending", -moved), ("delivery.begun", moved)):
            connection.execute(
                "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                (name, by),
            )
        # Its rows will get numbers that others had: who follows the events is told that it begins anew.
        connection.execute("DELETE FROM meta WHERE name = 'feed'")
        searched = int(connection.execute(_OPEN).fetchone()[0])
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as failure:
        raise Damaged(f"its tables cannot be read: {failure}") from failure
    finally:
        connection.close()
    return searched


def _move_aside(folder: Path, there: list[Path]) -> str:
    if not there:
        return ""
    aside = folder / f"before-{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(2)}"
    aside.mkdir(mode=0o700)
    for each in there:
        if not each.name.startswith("before-"):
            each.rename(aside / each.name)
    sync_folder(folder)
    return str(aside)


def _move_in(folder: Path, fresh: Path) -> None:
    """The tables last: without them there is no journal, with them all of it is."""
    for day in (fresh / FOLDER).iterdir():
        sync_folder(day)
    sync_folder(fresh / FOLDER)
    (fresh / FOLDER).rename(folder / FOLDER)
    sync_folder(folder)
    (fresh / schema.DATABASE).rename(folder / schema.DATABASE)
    sync_folder(folder)

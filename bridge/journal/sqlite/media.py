"""Pictures: one file per picture in a folder per UTC day, on disk before the row that names it.

A media id is ``<message id>.<n>`` and a message id begins with 12 hex digits of epoch milliseconds, so the day of a
picture is read from its name. A file without its message's row (a crash between the two) is an orphan, swept at open.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bridge.model import KeptMedia, Media

FOLDER = "media"
SWEPT_DAYS = 2
SWEPT_WHOLE = 10_000
_OPEN_AT_ONCE = 32
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp", "image/bmp": "bmp"}


def day_of(media_id: str) -> str:
    """``YYYY-MM-DD`` of the message; raises ValueError for an id that does not begin with its time."""
    return datetime.fromtimestamp(int(media_id[:12], 16) / 1000, UTC).strftime("%Y-%m-%d")


def path_of(folder: Path, media: Media) -> Path:
    """Where a picture is kept; raises ValueError for an id that is no file name of ours."""
    if "/" in media.id or "\\" in media.id or "\0" in media.id:
        raise ValueError(f"{media.id!r} is no media id")
    return folder / FOLDER / day_of(media.id) / f"{media.id}.{_EXTENSIONS.get(media.content_type, 'bin')}"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call and writes them itself."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Files:
    """Writes the pictures of one batch after the other. Used by the commit thread only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days: set[Path] = set()

    def write(self, pictures: Sequence[tuple[Path, bytes]]) -> None:
        """All bytes, then their names, on disk when this returns. Raises OSError; ``discard`` what may be there."""
        days = {path.parent for path, _ in pictures}
        for day in sorted(day for day in days if day not in self._days or not day.exists()):
            day.mkdir(exist_ok=True)
            # Also when it was there: a crash may have cut whoever made it before its name was synced.
            sync_folder(self._folder / FOLDER)
            self._days = {day, max(self._days, default=day)}
        for start in range(0, len(pictures), _OPEN_AT_ONCE):
            self._write(pictures[start : start + _OPEN_AT_ONCE])
        for day in days:
            sync_folder(day)

    def _write(self, pictures: Iterable[tuple[Path, bytes]]) -> None:
        # Write all, then sync all: the first sync carries most of the others' journal work with it.
        descriptors: list[int] = []
        try:
            for path, data in pictures:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
                descriptors.append(os.open(path, flags, 0o600))
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptors[-1], view) :]
            for descriptor in descriptors:
                os.fsync(descriptor)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def discard(self, pictures: Iterable[tuple[Path, bytes]]) -> None:
        """Remove what a failed batch wrote; what cannot be removed is an orphan for the next start."""
        for path, _ in pictures:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                return


def pictures_of(folder: Path, kept: Iterable[KeptMedia]) -> list[tuple[Path, bytes]]:
    return [(path_of(folder, each.media), each.data) for each in kept]


def days_in(folder: Path) -> list[Path]:
    """The day folders, and nothing that others put beside them: file servers make folders of their own everywhere."""
    return [each for each in (folder / FOLDER).iterdir() if _DAY.fullmatch(each.name) and each.is_dir()]


def sweep(connection: sqlite3.Connection, folder: Path) -> int:
    """Remove orphans in the newest day folders, in all of them while there are few files; how many went."""
    days = sorted(days_in(folder), reverse=True)
    swept = seen = 0
    for index, day in enumerate(days):
        if index >= SWEPT_DAYS and seen >= SWEPT_WHOLE:
            break
        names = os.listdir(day)
        seen += len(names)
        swept += remove_orphans(connection, day, names)
    return swept


def remove_orphans(connection: sqlite3.Connection, day: Path, names: Sequence[str]) -> int:
    """Unlink those of ``names`` whose message has no row; how many."""
    removed = 0
    for start in range(0, len(names), 500):
        owners = {name: name.rsplit(".", 2)[0] for name in names[start : start + 500] if name.count(".") > 1}
        wanted = sorted(set(owners.values()))
        marks = ",".join("?" * len(wanted))
        rows = connection.execute(f"SELECT id FROM message WHERE id IN ({marks})", wanted)  # noqa: S608 - only marks
        known = {row[0] for row in rows.fetchall()}
        for name, owner in owners.items():
            if owner not in known:
                (day / name).unlink(missing_ok=True)
                removed += 1
    return removed

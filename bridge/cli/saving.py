"""Downloads into a folder: a file is there when it is whole, under a name of ours, and never in another's place."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 120
_MOST_OF_A_NAME = 1000
ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "video/mp4": ".mp4",
    "video/mp2t": ".ts",
    "video/x-matroska": ".mkv",
}


class NotSaved(Exception):
    """It was not saved, nothing of it is there; the message says why."""


class Saved(msgspec.Struct, frozen=True):
    file: str
    size: int


class Folder:
    """``most``: bytes that may be saved in all. Raises OSError when the folder cannot be made or written."""

    def __init__(self, path: Path, most: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._left = most

    def room_for(self, size: int) -> None:
        """Raises NotSaved when so much is surely too much."""
        if size > self._left:
            raise NotSaved(f"it has {size} bytes, and only {self._left} more may be downloaded (--most)")

    async def save(self, name: str, pieces: AsyncIterator[bytes], size: int = 0) -> Saved:
        """``name``: from ``file_name``. ``size``: what it has to have at least, when that was told. Raises NotSaved,
        OSError, and what ``pieces`` raises; then nothing of it is there."""
        self.room_for(size)
        part = self._path / f".{name[:_LONGEST]}.{secrets.token_hex(4)}.part"
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            with os.fdopen(file, "wb") as written:
                count = 0
                async for piece in pieces:
                    count += len(piece)
                    if count > self._left:
                        raise NotSaved(
                            f"it is larger than the {self._left} bytes that may still be downloaded (--most)"
                        )
                    written.write(piece)
                if not count:
                    raise NotSaved("there is nothing in it")
                if count < size:
                    raise NotSaved(f"only {count} of {size} bytes came")
                written.flush()
                os.fsync(written.fileno())
            whole = self._named(part, name)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
        self._left -= count
        return Saved(whole.name, count)

    def _named(self, part: Path, name: str) -> Path:
        """Give a whole file its name, or the next that is free."""
        stem, dot, ending = name.rpartition(".")
        for number in range(1, _MOST_OF_A_NAME):
            whole = self._path / (name if number == 1 else f"{stem}-{number}{dot}{ending}")
            try:
                os.link(part, whole)
            except FileExistsError:
                continue
            except OSError:
                if not _moved(part, whole):
                    continue
            return whole
        raise NotSaved(f"there are {_MOST_OF_A_NAME} files of this name already")


def _moved(part: Path, whole: Path) -> bool:
    """Where a file can have one name only (FAT, some shares): take the name first, so that nobody else has it."""
    try:
        os.close(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    os.replace(part, whole)
    return True


def file_name(event: str, where: str, what: str, at: datetime | None, media_type: str, usual: str) -> str:
    """``0197c3-1.0_gate-in_clip_20260203T101525Z.mp4``: letters, digits, dots, lines; never a path, never hidden.

    ``usual``: its ending when the type is none that is known.
    """
    time = "" if at is None else at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    parts = [_UNFIT.sub("-", part).strip("-.") for part in (event, where, what, time) if part]
    stem = "_".join(part for part in parts if part)[:_LONGEST].rstrip(".") or "event"
    return stem + ENDINGS.get(media_type.partition(";")[0].strip().lower(), usual)

"""A backup as a stream: a tar (POSIX.1-2001 ustar/pax) with a manifest first, and last a sum over all before it.

Uncompressed, because it is mostly pictures. Whoever reads it can tell a whole one from one that was cut short.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec

FORMAT = 1
MANIFEST, END = "backup.json", "end.json"
CHUNK = 256 * 1024
_BLOCK = tarfile.BLOCKSIZE


class Damaged(Exception):
    """This is no backup of ours, or not all of one; the text says which and where."""


class Manifest(msgspec.Struct, kw_only=True):
    """``journal``: the version of its tables. ``at``: ISO time of the snapshot: what came later is not in it."""

    vms_bridge_backup: int = FORMAT
    site: str
    journal: int
    program: str
    at: str
    messages: int
    events: int
    undelivered: int


class End(msgspec.Struct, kw_only=True):
    """``sha256``: of every byte before this entry. ``missing``: pictures that rows name and the disk has not."""

    sha256: str
    files: int
    missing: int


def write(manifest: Manifest, files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """The backup's bytes. Blocking; a file that is gone by now is counted as missing."""
    sum_ = hashlib.sha256()
    count = missing = 0

    def noted(piece: bytes) -> bytes:
        sum_.update(piece)
        return piece

    for piece in _small(MANIFEST, msgspec.json.encode(manifest)):
        yield noted(piece)
    for name, path in files:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            missing += 1
            continue
        count += 1
        with file:
            for piece in _whole(name, file):
                yield noted(piece)
    yield from _small(END, msgspec.json.encode(End(sha256=sum_.hexdigest(), files=count, missing=missing)))
    yield b"\0" * (2 * _BLOCK)


def _whole(name: str, file: IO[bytes]) -> Iterator[bytes]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    yield _head(name, size)
    left = size
    while left:
        piece = file.read(min(CHUNK, left))
        if not piece:
            raise Damaged(f"{name} became shorter while it was read")
        left -= len(piece)
        yield piece
    yield b"\0" * (-size % _BLOCK)


def _small(name: str, content: bytes) -> Iterator[bytes]:
    yield _head(name, len(content)) + content + b"\0" * (-len(content) % _BLOCK)


def _head(name: str, size: int) -> bytes:
    about = tarfile.TarInfo(name)
    about.size = size
    about.mode = 0o600
    return about.tobuf(tarfile.PAX_FORMAT)


class Entries:
    """Reads a backup once, from its beginning. ``manifest`` is there at once; ``end`` when all was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Raises Damaged when it is no backup, or one of a newer program."""
        self._stream = stream
        self._sum = hashlib.sha256()
        self.end: End | None = None
        found = next(self._heads(), None)
        if found is None or found[0] != MANIFEST:
            raise Damaged("this is no backup of vms-bridge")
        said: Mapping[str, object] = _object(self._content(found[1]))
        if said.get("vms_bridge_backup") != FORMAT:
            raise Damaged("this backup was made by a newer vms-bridge: use that one")
        self.manifest = msgspec.convert(said, Manifest)

    def __iter__(self) -> Iterator[tuple[str, int, Iterator[bytes]]]:
        """(name, bytes, content); the content has to be read before the next. Raises Damaged, at the end too."""
        for files, (name, size) in enumerate(self._heads()):
            if name == END:
                before = self._before
                end = msgspec.convert(_object(self._content(size)), End)
                if end.sha256 != before or end.files != files:
                    raise Damaged("its sum is wrong: it was changed or damaged on its way")
                self.end = end
                return
            yield name, size, self._pieces(size)
        raise Damaged("it is not whole: its end is missing, the backup was cut short")

    def _heads(self) -> Iterator[tuple[str, int]]:
        while True:
            self._before = self._sum.hexdigest()
            block = self._exactly(_BLOCK)
            if not block.strip(b"\0"):
                return
            try:
                about = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError as wrong:
                raise Damaged("this is no backup of vms-bridge, or a damaged one") from wrong
            if not about.isreg():
                raise Damaged(f"there is something in it that is no file: {about.name!r}")
            yield about.name, about.size

    def _pieces(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = self._exactly(min(CHUNK, left))
            left -= len(piece)
            yield piece
        self._exactly(-size % _BLOCK)

    def _content(self, size: int) -> bytes:
        if size > CHUNK:
            raise Damaged("this is no backup of vms-bridge")
        return b"".join(self._pieces(size))

    def _exactly(self, size: int) -> bytes:
        found = self._stream.read(size)
        if len(found) < size:
            raise Damaged("it is not whole: its end is missing, the backup was cut short")
        self._sum.update(found)
        return found


def _object(content: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Damaged("this is no backup of vms-bridge")
    return found

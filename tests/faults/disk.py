"""The disk a power cut leaves: rebuilt from a record of writes and syncs (``trace_writes.c``).

The strictest disk there may be: a file's bytes are kept only by a sync of that file, a name (made, renamed, removed)
only by a sync of its folder. What was not synced is gone, or with ``survives`` comes and goes write by write.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import msgspec


class Step(msgspec.Struct, frozen=True):
    """One line of the record; see ``trace_writes.c`` for the kinds."""

    kind: str
    path: str
    offset: int
    data: bytes


def steps(record: Path) -> Iterator[Step]:
    data = record.read_bytes()
    at = 0
    while at < len(data):
        kind = chr(data[at])
        (length,) = struct.unpack_from("=I", data, at + 1)
        path = data[at + 5 : at + 5 + length].decode()
        at += 5 + length
        offset, length = struct.unpack_from("=QI", data, at)
        at += 12
        yield Step(kind, path, offset, data[at : at + length])
        at += length


class _File:
    def __init__(self) -> None:
        self.kept = b""
        self.unsynced: list[tuple[int, bytes | None]] = []

    def bytes(self, survives: Callable[[], bool]) -> bytes:
        content = bytearray(self.kept)
        for offset, data in self.unsynced:
            if survives():
                _apply(content, offset, data)
        return bytes(content)

    def sync(self) -> None:
        self.kept = self.bytes(_yes)
        self.unsynced.clear()


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    """A write, or with no data a truncation to ``offset``."""
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
    else:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def _yes() -> bool:
    return True


def _no() -> bool:
    return False


class Disk:
    """Takes steps; ``rebuild`` writes what would be left now. Names map to a file, or to None for a folder."""

    def __init__(self, root: str) -> None:
        self._root = PurePosixPath(root)
        self._now: dict[PurePosixPath, _File | None] = {}
        self._kept: dict[PurePosixPath, _File | None] = {}

    def take(self, step: Step) -> None:
        path = PurePosixPath(step.path)
        match step.kind:
            case "O":
                file = self._now.setdefault(path, _File())
                if step.offset and file is not None:
                    file.unsynced.append((0, None))
            case "W" | "T":
                file = self._now[path]
                assert file is not None
                file.unsynced.append((step.offset, step.data if step.kind == "W" else None))
            case "S":
                file = self._now.get(path)
                if file is not None:
                    file.sync()
            case "D":
                self._kept = {name: what for name, what in self._kept.items() if name.parent != path}
                self._kept.update((name, what) for name, what in self._now.items() if name.parent == path)
            case "M":
                self._now[path] = None
            case "R":
                self._now[PurePosixPath(step.data.decode())] = self._now.pop(path)
            case "U" | "X":
                self._now.pop(path, None)
            case _:
                raise ValueError(f"no such kind of step: {step.kind!r}")

    def forget(self, folder: str) -> None:
        """Nobody will ask for what is below this folder again."""
        gone = PurePosixPath(folder)
        for names in (self._now, self._kept):
            for name in [name for name in names if gone in (name, *name.parents)]:
                del names[name]

    def rebuild(self, folder: Path, survives: Callable[[], bool] = _no) -> None:
        """``survives`` is asked for each unsynced name and write."""
        names = dict(self._kept)
        for name, what in self._now.items():
            if self._kept.get(name) is not what and survives():
                names[name] = what
        for name in sorted(names):
            place = folder / name.relative_to(self._root)
            if not place.parent.is_dir() or name.name.endswith("-shm"):
                continue  # its folder's name was lost; SQLite makes the index of its log anew
            what = names[name]
            if what is None:
                place.mkdir(exist_ok=True)
            else:
                place.write_bytes(what.bytes(survives))

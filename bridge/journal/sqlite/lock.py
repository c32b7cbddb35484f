"""One process per journal: a lock on a file in its folder, which says who holds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bridge.journal.contract import Fenced

LOCK = "journal.lock"
_FAR = 1 << 30  # Windows locks a byte range against readers too: lock one that nobody reads


class FolderLock:
    """Held from ``acquire`` to ``release``, or until the process ends however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path, node: str) -> FolderLock:
        """Raises Fenced, naming the holder, when another process (or another journal of this one) has the folder."""
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _lock(descriptor)
        except OSError:
            holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() if hasattr(os, "pread") else ""
            os.close(descriptor)
            raise Fenced(
                f"the journal {folder} is held by {holder or 'another process'}: stop that one first, or ask it "
                "through its control socket"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {node}\n".encode())
        return cls(descriptor)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def refuse_if_held(folder: Path) -> None:
    """Raises Fenced when a service has the folder; takes nothing."""
    if (folder / LOCK).exists():
        descriptor = os.open(folder / LOCK, os.O_RDWR)
        try:
            _lock(descriptor)
        except OSError:
            holder = os.read(descriptor, 200).decode("utf-8", "replace").strip()
            raise Fenced(f"the journal {folder} is held by {holder or 'another process'}") from None
        finally:
            os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

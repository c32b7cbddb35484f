"""Files that only their owner may read: how one is read, and how one is written as a whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from bridge.secret import SecretMissing

LARGEST = 64 * 1024


def read_private(file: Path, what: str, *, private: bool = os.name == "posix", largest: int = LARGEST) -> bytes | None:
    """The bytes of a file; None when there is none. Raises SecretMissing when it is refused; ``what`` names it there.

    Opened once and judged by what was opened, so that it cannot be changed in between; a pipe does not block.
    ``private``: refuse one that others than its owner may use.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SecretMissing(f"{what} cannot be read from {file}: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretMissing(f"{what} cannot be read from {file}: it is not a file")
        if private and status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise SecretMissing(
                f"{what} is refused: others than its owner may use {file} (mode {mode:04o}); run chmod 600 {file}"
            )
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            data = opened.read(largest + 1)
    finally:
        os.close(descriptor)
    if len(data) > largest:
        raise SecretMissing(f"{what} is refused: {file} has more than {largest} bytes")
    return data


def read_secret(file: Path, name: str, *, private: bool = os.name == "posix") -> str | None:
    """The text of a secret's file without its last line end; None when there is none. Raises SecretMissing."""
    what = f"the secret {name}"
    data = read_private(file, what, private=private)
    if data is None:
        return None
    try:
        value = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        # Without its cause: that would hold the bytes.
        raise SecretMissing(f"{what} is refused: {file} is not UTF-8 text") from None
    if not value:
        raise SecretMissing(f"{what} is refused: {file} is empty")
    return value


def write_private(file: Path, data: bytes) -> None:
    """The file with these bytes, readable by its owner alone; on disk when this returns. Raises OSError.

    The folder is made when it is missing (0700). Whoever reads meanwhile sees the old bytes or the new ones. Written
    by root, it belongs to whom the old file, or else the folder, belongs to: the service has to be able to read it.
    """
    folder = file.parent
    make_private(folder)
    descriptor, fresh = tempfile.mkstemp(prefix=f".{file.name}.", dir=folder)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
            opened.flush()
            _give(opened.fileno(), file if file.exists() else folder)
            os.fsync(opened.fileno())
        os.replace(fresh, file)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
    sync_folder(folder)


def make_private(folder: Path) -> None:
    """The folder, 0700, unless it is there; made by root, it belongs to whom the folder above belongs to."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _give(descriptor, folder.parent)
        finally:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """So that a new name in it outlives a power cut."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give(descriptor: int, like: Path) -> None:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        status = like.stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)

"""Where a running service is spoken to: a Unix socket only its owner may use, or loopback and a token elsewhere.

Both are named by one path. On Windows, which has no Unix sockets Python can use, the path is a file that holds the
port and a token, readable by its owner only.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import stat
from pathlib import Path

import msgspec

NAME = "control.sock"
"""The file in the journal's folder, unless the path is given."""


class DoorError(Exception):
    """The control socket cannot be opened, or nobody answers at it; the message says why and what to do."""


class Answered(DoorError):
    """Another service answers there."""


class Nobody(DoorError):
    """No service answers there."""


class Loopback(msgspec.Struct, frozen=True):
    """What the file holds where there are no Unix sockets."""

    port: int
    token: str


class Door:
    """An open control socket. ``token``: what callers must show, None where the socket's own rights are enough."""

    def __init__(self, path: Path, listening: socket.socket, token: str | None) -> None:
        self.path = path
        self.socket = listening
        self.token = token
        self._identity = _identity(path)

    def close(self) -> None:
        """Close it and remove its file, unless the file is another service's by now."""
        self.socket.close()
        if _identity(self.path) == self._identity:
            self.path.unlink(missing_ok=True)


def open_door(path: Path, unix: bool = hasattr(socket, "AF_UNIX")) -> Door:
    """Listen at ``path``; a socket that nobody answers at any more is replaced. Raises DoorError, Answered."""
    path = path.absolute()
    _make_way(path)
    try:
        return _unix_door(path) if unix else _loopback_door(path)
    except OSError as error:
        raise DoorError(f"cannot open the control socket {path}: {error.strerror or error}") from error


def call(path: Path, timeout: float) -> tuple[socket.socket, str | None]:
    """A connection to the service at ``path`` and the token to show it; ``timeout`` in seconds. Raises Nobody."""
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        raise Nobody(f"no service is running here: {path} is not there") from error
    try:
        if stat.S_ISSOCK(mode):
            calling = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            calling.settimeout(timeout)
            try:
                calling.connect(str(path))
            except BaseException:
                calling.close()
                raise
            return calling, None
        where = msgspec.json.decode(path.read_bytes(), type=Loopback)
        return socket.create_connection(("127.0.0.1", where.port), timeout), where.token
    except PermissionError as error:
        raise DoorError(f"{path} belongs to another user: run this as the user of the service, or as root") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise Nobody(f"no service is running here: nobody answers at {path}") from error


def _make_way(path: Path) -> None:
    """Remove what a service that is no more left behind, and nothing else."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise DoorError(f"cannot open the control socket {path}: {error.strerror}") from error
    if not stat.S_ISSOCK(mode) and not _is_ours(path, mode):
        raise DoorError(f"{path} is there and is not a control socket: move it away or choose another --control")
    with contextlib.suppress(Nobody):
        calling, _ = call(path, 1.0)
        calling.close()
        raise Answered(f"another service is running: it answers at {path}")
    path.unlink(missing_ok=True)


def _is_ours(path: Path, mode: int) -> bool:
    if not stat.S_ISREG(mode):
        return False
    try:
        msgspec.json.decode(path.read_bytes(), type=Loopback)
    except (OSError, msgspec.MsgspecError):
        return False
    return True


def _unix_door(path: Path) -> Door:
    if len(os.fsencode(path)) > 100:  # sun_path holds 108 bytes on Linux, 104 elsewhere
        raise DoorError(f"the path {path} is too long for a socket: choose a shorter one with --control")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # 0600 from the first moment; a chmod afterwards would leave a gap
    try:
        listening.bind(str(path))
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(before)
    listening.listen(64)
    listening.setblocking(False)
    return Door(path, listening, None)


def _loopback_door(path: Path) -> Door:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        listening.setblocking(False)
        token = secrets.token_urlsafe(32)
        text = msgspec.json.encode(Loopback(listening.getsockname()[1], token))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
    except BaseException:
        listening.close()
        raise
    return Door(path, listening, token)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

"""Where secrets are: environment, systemd credentials, files, the machine's keyring, in this order.

Read at use and kept for a second, so that a rotated secret is in use at once and the hot path costs nothing. A value
is in no message, repr or log. Nothing here ever asks a person.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bridge.secret import Secret, SecretMissing, SecretRef

KEPT = 1.0
"""Seconds a value is used before its store is read again."""
KEPT_KEYRING = 60.0
"""The same for the keyring, whose answer comes over D-Bus and takes milliseconds."""
LARGEST = 64 * 1024


class SecretStores:
    """The secrets of this machine; implements ``bridge.secret.Secrets``.

    ``directory``: the folder of files named like the secrets, usually ``secrets`` beside the site file; None: none.
    ``keyring``: reads from the machine's keyring, None when it has no such secret; raises SecretMissing when the
    keyring cannot be used, saying why.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        keyring: Callable[[str], str | None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._environment = os.environ if environment is None else environment
        self._keyring = keyring or _from_keyring
        self._monotonic = monotonic
        self._key = os.urandom(32)  # so that a version says nothing about its value, not even to who can guess it
        self._keyring_said = ""
        self._keyring_again = -math.inf
        self._kept: dict[str, tuple[float, Secret]] = {}

    @classmethod
    def beside(cls, site: Path) -> SecretStores:
        """Those of a site: its files are in the folder ``secrets`` beside the site file (in the site's folder)."""
        return cls((site if site.is_dir() else site.parent) / "secrets")

    def get(self, ref: SecretRef, fresh: bool = False) -> Secret:
        """The secret of this name; ``fresh`` reads its store again now. Raises SecretMissing, which says where was
        looked and what to do. Measured 0.2 µs while kept, 20 µs from a file."""
        kept = self._kept.get(ref)
        now = self._monotonic()
        if kept is not None and not fresh and now < kept[0]:
            return kept[1]
        self._kept.pop(ref, None)
        value, seconds = self._read(str(ref))
        version = hashlib.blake2b(value.encode(), key=self._key, digest_size=8).hexdigest()
        secret = Secret(value, version)
        self._kept[ref] = (now + seconds, secret)
        return secret

    def _read(self, name: str) -> tuple[str, float]:
        """The value and how long it may be kept."""
        variable = variable_of(name)
        value = self._environment.get(variable, "").rstrip("\r\n")
        if value:
            return value, KEPT
        looked = [f"the environment ({variable})"]
        credentials = self._environment.get("CREDENTIALS_DIRECTORY")
        if credentials:
            file = Path(credentials) / name
            # Its permissions are systemd's business: for a service user they show as an ACL's mask, group included.
            found = _from_file(file, name, private=False)
            if found is not None:
                return found, KEPT
            looked.append(f"systemd credentials ({file})")
        else:
            looked.append("systemd credentials (none given)")
        if self._directory is not None:
            file = self._directory / name
            found = _from_file(file, name, private=os.name == "posix")
            if found is not None:
                return found, KEPT
            looked.append(f"the file {file}")
        found, said = self._ask_keyring(name)
        if found:
            return found, KEPT_KEYRING
        looked.append(said)
        where = self._directory / name if self._directory is not None else None
        remedy = f"write it to {where} (chmod 600)" if where else f"set {variable} or give a folder of secrets"
        raise SecretMissing(f"there is no secret {name}; looked in {', '.join(looked)}; {remedy}")

    def _ask_keyring(self, name: str) -> tuple[str | None, str]:
        """The value, and what to say when there is none. One that cannot be used is left alone for a minute."""
        now = self._monotonic()
        if now >= self._keyring_again:
            try:
                return self._keyring(name), "the keyring"
            except SecretMissing as unusable:
                self._keyring_said, self._keyring_again = f"the keyring ({unusable})", now + KEPT_KEYRING
        return None, self._keyring_said


def variable_of(name: str) -> str:
    """``gate-in`` → ``VMS_BRIDGE_SECRET_GATE_IN``."""
    return "VMS_BRIDGE_SECRET_" + name.upper().replace("-", "_").replace(".", "_")


def _from_file(file: Path, name: str, *, private: bool) -> str | None:
    """The text of a file without its last line end; None when there is none. Raises SecretMissing when it is refused.

    Opened once and judged by what was opened, so that it cannot be changed in between; a pipe does not block.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SecretMissing(f"the secret {name} cannot be read from {file}: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretMissing(f"the secret {name} cannot be read from {file}: it is not a file")
        if private and status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise SecretMissing(
                f"the secret {name} is refused: others than its owner may use {file} (mode {mode:04o}); "
                f"run chmod 600 {file}"
            )
        data = os.read(descriptor, LARGEST + 1)  # a regular file is read whole
    finally:
        os.close(descriptor)
    if len(data) > LARGEST:
        raise SecretMissing(f"the secret {name} is refused: {file} has more than {LARGEST} bytes")
    try:
        value = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        # Without its cause: that would hold the bytes.
        raise SecretMissing(f"the secret {name} is refused: {file} is not UTF-8 text") from None
    if not value:
        raise SecretMissing(f"the secret {name} is refused: {file} is empty")
    return value


def _from_keyring(name: str) -> str | None:
    from bridge.config.keyring import password

    return password(name)

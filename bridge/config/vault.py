"""Secrets in one encrypted file, for machines that have no keyring and nobody to ask.

The file is ``secrets.vault`` beside the folder of secrets: one line that says what it is, then Base64 of a 12 byte
nonce and the AES-256-GCM ciphertext (NIST SP 800-38D) of a JSON object, name to value; the first line is its
associated data. All of it is encrypted anew at each change, with a random nonce, so that not even names can be read,
and nothing can be changed, taken out or exchanged without the key. An older copy of the file is not told from the
present one.

The key is 32 random bytes, written as 64 hexadecimal digits, and never beside the file: a systemd credential
(``vms-bridge-vault-key``), or a 0600 file that VMS_BRIDGE_VAULT_KEY_FILE names. No password, so nothing asks for one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from bridge.config.private_file import make_private, read_private, write_private
from bridge.secret import SecretMissing

CREDENTIAL = "vms-bridge-vault-key"
VARIABLE = "VMS_BRIDGE_VAULT_KEY_FILE"
FIRST_LINE = b"vms-bridge vault 1\n"
LARGEST = 16 * 2**20
LOCK_WAIT = 5.0
"""Seconds another command may hold the file while it writes."""

_NONCE = 12
_KEY = re.compile(rb"[0-9a-fA-F]{64}\s*")
_Signature = tuple[int, int, int, int]


class Values(dict[str, str]):
    """Name to value; shows no value."""

    def __repr__(self) -> str:
        return f"Values({len(self)})"


class Vault:
    """``environment`` says where the key is, at each use."""

    def __init__(self, file: Path, environment: Mapping[str, str]) -> None:
        self.file = file
        self._environment = environment
        self._opened: tuple[_Signature, Values] | None = None

    @property
    def there(self) -> bool:
        return os.path.isfile(self.file)  # False also where the folder cannot be looked into

    def read(self) -> Mapping[str, str]:
        """Everything in it; nothing when there is no such file. Raises SecretMissing when it cannot be opened.

        Decrypted only when the file is another than at the last time: measured 0.5 ms then for 300
        tokens, 20 µs otherwise.
        """
        signature = self._signature()
        if signature is None:
            self._opened = None
            return {}
        if self._opened is None or self._opened[0] != signature:
            self._opened = None
            self._opened = (signature, self._decrypted())
        return self._opened[1]

    def put(self, name: str, value: str) -> None:
        """Raises SecretMissing (no key, not this key) and OSError."""
        self.put_all({name: value})

    def put_all(self, values: Mapping[str, str]) -> None:
        """Several in one write. Raises as ``put``."""
        with self._locked():
            self._write(Values({**self.read(), **values}))

    def drop(self, name: str) -> bool:
        """False: there was none of this name. Raises as ``put``."""
        with self._locked():
            left = Values(self.read())
            found = left.pop(name, None) is not None
            if found:
                self._write(left)
            return found

    def key(self) -> bytes:
        """Raises SecretMissing, which says where a key may be."""
        folder = self._environment.get("CREDENTIALS_DIRECTORY")
        named = self._environment.get(VARIABLE)
        data = None
        if folder:
            data = read_private(Path(folder) / CREDENTIAL, "the vault's key", private=False)
        if data is None and named:
            data = read_private(Path(named), "the vault's key")
            if data is None:
                raise SecretMissing(f"its key is not there: {named}")
        if data is None:
            raise SecretMissing(
                f"it has no key: give one as systemd credential {CREDENTIAL}, or name its file in {VARIABLE}"
            )
        if _KEY.fullmatch(data) is None:
            raise SecretMissing(f"its key is not one; vms-bridge secret key FILE makes one for {VARIABLE}")
        return bytes.fromhex(data.decode().strip())

    def key_beside(self) -> Path | None:
        """The file of the key, when it is in the folder of the vault, or below: whoever copies one copies both."""
        named = self._environment.get(VARIABLE)
        if not named:
            return None
        key, folder = Path(named).resolve(), self.file.parent.resolve()
        return key if folder in key.parents and key.is_file() else None

    def _signature(self) -> _Signature | None:
        try:
            status = self.file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SecretMissing(f"{self.file} cannot be read: {error.strerror}") from None
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def _decrypted(self) -> Values:
        data = read_private(self.file, "the vault", private=False, largest=LARGEST)
        if data is None:
            return Values()
        if not data.startswith(FIRST_LINE):
            raise SecretMissing(f"{self.file} is not a vault of this version")
        key = self.key()
        try:
            sealed = base64.b64decode(data[len(FIRST_LINE) :].strip(), validate=True)
        except binascii.Error:
            raise SecretMissing(f"{self.file} is damaged") from None
        plain = _open(key, sealed, self.file)
        return Values(msgspec.json.decode(plain, type=dict[str, str]))

    def _write(self, values: Values) -> None:
        plain = msgspec.json.encode(dict(sorted(values.items())))
        nonce = os.urandom(_NONCE)  # 2^32 writes before two alike become thinkable
        sealed = nonce + _cipher(self.key()).encrypt(nonce, plain, FIRST_LINE)
        data = FIRST_LINE + base64.b64encode(sealed) + b"\n"
        if len(data) > LARGEST:
            raise SecretMissing(f"{self.file} would have more than {LARGEST} bytes")
        write_private(self.file, data)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone in changing it: two commands at once would lose one of their secrets."""
        make_private(self.file.parent)
        if os.name != "posix":
            yield
            return
        import fcntl

        descriptor = os.open(self.file.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            until = time.monotonic() + LOCK_WAIT
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise SecretMissing(f"{self.file} is being changed by another command") from None
                    time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)


def new_key(file: Path) -> None:
    """A new key in a 0600 file. Raises FileExistsError rather than replace one, and OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(os.urandom(32).hex() + "\n")
        opened.flush()
        os.fsync(opened.fileno())


class _Cipher(Protocol):
    """What is used of cryptography's AESGCM."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


def _open(key: bytes, sealed: bytes, file: Path) -> bytes:
    cipher = _cipher(key)
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], FIRST_LINE)
    except (InvalidTag, ValueError):
        raise SecretMissing(f"{file} does not open with this key, or was changed by somebody without it") from None


def _cipher(key: bytes) -> _Cipher:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise SecretMissing("not installed: pip install vms-bridge[vault]") from None
    return AESGCM(key)

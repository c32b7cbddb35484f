"""Where secrets are: environment, systemd credentials, files, the machine's keyring, an encrypted file, in this order.

Read at use and kept for a second, so that a rotated secret is in use at once and the hot path costs nothing. A value
is in no message, repr or log. Nothing here ever asks a person.
"""

from __future__ import annotations

import enum
import hashlib
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from bridge.config.private_file import read_secret
from bridge.config.vault import Vault
from bridge.secret import Secret, SecretMissing, SecretRef

KEPT = 1.0
"""Seconds a value is used before its store is read again."""
KEPT_KEYRING = 60.0
"""The same for the keyring, whose answer comes over D-Bus and takes milliseconds."""

VARIABLES = "VMS_BRIDGE_SECRET_"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Store(enum.StrEnum):
    """In the order they are looked into."""

    ENVIRONMENT = "environment"
    SYSTEMD = "systemd"
    FILE = "file"
    KEYRING = "keyring"
    VAULT = "vault"


class Found(msgspec.Struct, frozen=True):
    """A secret and the store it is in. ``where``: the variable, the file, or "" where a store has no places."""

    store: Store
    where: str
    secret: Secret

    @property
    def told(self) -> str:
        """``the file /etc/vms-bridge/secrets/gate-in``."""
        return _TOLD[self.store].format(self.where)


_TOLD = {
    Store.ENVIRONMENT: "the environment ({})",
    Store.SYSTEMD: "systemd credentials ({})",
    Store.FILE: "the file {}",
    Store.KEYRING: "the keyring",
    Store.VAULT: "the vault {}",
}


class SecretStores:
    """The secrets of this machine; implements ``bridge.secret.Secrets``.

    ``directory``: the folder of files named like the secrets, usually ``secrets`` beside the site file; None: none.
    The encrypted file is ``secrets.vault`` beside that folder. ``keyring``: reads from the machine's keyring, None
    when it has no such secret; raises SecretMissing when the keyring cannot be used, saying why.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        keyring: Callable[[str], str | None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = directory
        self.environment: Mapping[str, str] = os.environ if environment is None else environment
        self.vault = Vault(directory.with_name(f"{directory.name}.vault"), self.environment) if directory else None
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
        found = self.find(str(ref))
        self._kept[ref] = (now + (KEPT_KEYRING if found.store is Store.KEYRING else KEPT), found.secret)
        return found.secret

    def find(self, name: str) -> Found:
        """The secret, read now, and where it is. Raises SecretMissing, as ``get``."""
        looked: list[str] = []
        for store in Store:
            found = self.look(store, name, looked)
            if found is not None:
                return found
        where = self.directory / name if self.directory is not None else None
        remedy = f"write it to {where} (chmod 600)" if where else f"set {variable_of(name)} or give a folder of secrets"
        raise SecretMissing(f"there is no secret {name}; looked in {', '.join(looked)}; {remedy}")

    def look(self, store: Store, name: str, looked: list[str]) -> Found | None:
        """The secret in this store alone; None after adding to ``looked`` where it would have been. Raises
        SecretMissing when the store has it and it is refused."""
        value, where, said = _LOOK[store](self, name)
        if value:
            version = hashlib.blake2b(value.encode(), key=self._key, digest_size=8).hexdigest()
            return Found(store, where, Secret(value, version))
        if said:
            looked.append(said)
        return None

    def _in_environment(self, name: str) -> tuple[str | None, str, str]:
        variable = variable_of(name)
        return self.environment.get(variable, "").rstrip("\r\n"), variable, f"the environment ({variable})"

    def _in_credentials(self, name: str) -> tuple[str | None, str, str]:
        credentials = self.environment.get("CREDENTIALS_DIRECTORY")
        if not credentials:
            return None, "", "systemd credentials (none given)"
        file = Path(credentials) / name
        # Its permissions are systemd's business: for a service user they show as an ACL's mask, group included.
        return read_secret(file, name, private=False), str(file), f"systemd credentials ({file})"

    def _in_files(self, name: str) -> tuple[str | None, str, str]:
        if self.directory is None:
            return None, "", ""
        file = self.directory / name
        return read_secret(file, name), str(file), f"the file {file}"

    def _in_keyring(self, name: str) -> tuple[str | None, str, str]:
        """One that cannot be used is left alone for a minute."""
        now = self._monotonic()
        if now >= self._keyring_again:
            try:
                return self._keyring(name), "", "the keyring"
            except SecretMissing as unusable:
                self._keyring_said, self._keyring_again = f"the keyring ({unusable})", now + KEPT_KEYRING
        return None, "", self._keyring_said

    def _in_vault(self, name: str) -> tuple[str | None, str, str]:
        if self.vault is None or not self.vault.there:
            return None, "", ""
        try:
            return self.vault.read().get(name), str(self.vault.file), f"the vault {self.vault.file}"
        except SecretMissing as closed:
            return None, "", f"the vault {self.vault.file} ({closed})"


_LOOK: Mapping[Store, Callable[[SecretStores, str], tuple[str | None, str, str]]] = {
    Store.ENVIRONMENT: SecretStores._in_environment,
    Store.SYSTEMD: SecretStores._in_credentials,
    Store.FILE: SecretStores._in_files,
    Store.KEYRING: SecretStores._in_keyring,
    Store.VAULT: SecretStores._in_vault,
}


def variable_of(name: str) -> str:
    """``gate-in`` → ``VMS_BRIDGE_SECRET_GATE_IN``."""
    return VARIABLES + name.upper().replace("-", "_").replace(".", "_")


def _from_keyring(name: str) -> str | None:
    from bridge.config.keyring import password

    return password(name)

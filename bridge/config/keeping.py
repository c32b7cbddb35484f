"""Putting secrets into stores, taking them out, and which there are: for the commands, never for the service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bridge.config import keyring
from bridge.config.private_file import LARGEST, sync_folder, write_private
from bridge.config.secrets import NAME, VARIABLES, Found, SecretStores, Store, variable_of
from bridge.config.vault import CREDENTIAL
from bridge.secret import SecretMissing

WRITABLE = (Store.FILE, Store.KEYRING, Store.VAULT)


class CannotKeep(Exception):
    """The store does not take it, or does not let it go; the message says what to do, and holds no value."""


def usual(stores: SecretStores) -> Store:
    """Where a new secret goes unless somebody says otherwise: the vault where there is one, else a file."""
    return Store.VAULT if stores.vault is not None and stores.vault.there else Store.FILE


def keep(stores: SecretStores, values: Mapping[str, str], store: Store) -> None:
    """Put these into a store, name → value. Raises CannotKeep."""
    for name, value in values.items():
        _checked(name, value)
    try:
        match store:
            case Store.FILE:
                for name, value in values.items():
                    write_private(_folder(stores) / name, value.encode() + b"\n")
            case Store.KEYRING:
                for name, value in values.items():
                    keyring.keep(name, value)
            case Store.VAULT:
                _folder(stores)
                assert stores.vault is not None
                stores.vault.put_all(values)
            case _:
                raise CannotKeep(f"{store} cannot be written from here: it is given to the service at its start")
    except SecretMissing as missing:
        raise CannotKeep(f"the {store} cannot be used: {missing}") from None
    except OSError as error:
        raise CannotKeep(f"{error.filename or stores.directory} cannot be written: {error.strerror}") from None


def drop(stores: SecretStores, name: str, store: Store) -> bool:
    """Take it out of a store; False when it was not in it. Raises CannotKeep."""
    try:
        match store:
            case Store.FILE:
                file = _folder(stores) / name
                if not file.is_file():
                    return False
                file.unlink()
                sync_folder(file.parent)
                return True
            case Store.KEYRING:
                return keyring.forget(name)
            case Store.VAULT:
                return stores.vault is not None and stores.vault.there and stores.vault.drop(name)
            case Store.ENVIRONMENT:
                raise CannotKeep(f"take {variable_of(name)} out of what starts the service")
            case Store.SYSTEMD:
                raise CannotKeep(f"take LoadCredential={name}:… out of the service's unit")
    except SecretMissing as missing:
        raise CannotKeep(f"the {store} cannot be used: {missing}") from None
    except OSError as error:
        raise CannotKeep(f"{error.filename} cannot be removed: {error.strerror}") from None


def names(stores: SecretStores) -> set[str]:
    """Every name in the stores that can be listed: not the keyring's, and of the environment the spelling is guessed
    (``GATE_IN`` → ``gate-in``). A vault that cannot be opened has none."""
    found = {
        variable.removeprefix(VARIABLES).lower().replace("_", "-")
        for variable in stores.environment
        if variable.startswith(VARIABLES) and variable != VARIABLES
    }
    credentials = stores.environment.get("CREDENTIALS_DIRECTORY")
    for folder in (Path(credentials) if credentials else None, stores.directory):
        if folder is not None and folder.is_dir():
            found |= {each.name for each in folder.iterdir() if each.is_file() and NAME.fullmatch(each.name)}
    found.discard(CREDENTIAL)
    if stores.vault is not None:
        try:
            found |= set(stores.vault.read())
        except SecretMissing:
            return found
    return found


def everywhere(stores: SecretStores, name: str) -> tuple[list[Found], str]:
    """Each store that has it, in the order they are looked into, and why one refuses it ("": none does)."""
    found: list[Found] = []
    looked: list[str] = []
    for store in Store:
        try:
            one = stores.look(store, name, looked)
        except SecretMissing as refused:
            return found, str(refused)
        if one is not None:
            found.append(one)
    return found, ""


def _folder(stores: SecretStores) -> Path:
    if stores.directory is None:
        raise CannotKeep("say which site: --site SITE, or --secrets DIR")
    return stores.directory


def _checked(name: str, value: str) -> None:
    if NAME.fullmatch(name) is None:
        # Not repeated: it may be the secret itself.
        raise CannotKeep("a secret's name is of letters, digits, - _ and . alone, at most 64")
    if not value:
        raise CannotKeep(f"nothing was given for {name}; write the value on stdin")
    if len(value.encode()) > LARGEST - 1:
        raise CannotKeep(f"the value of {name} has more than {LARGEST} bytes")
    if any(char in value for char in "\0\r\n") and value.strip("\r\n") != value:
        raise CannotKeep(f"the value of {name} begins or ends with a line break")

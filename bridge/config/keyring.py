"""Secrets from the machine's keyring, where there is one that answers without asking anybody.

``keyring.get_keyring()`` takes whichever backend has the highest priority, and file backends of other packages ask
for their password on the terminal, where a service waits for ever. So the library's choice is never asked for: only
the two backends below are used, by their names, and the Secret Service only while it is unlocked, because unlocking it
opens a dialogue.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from bridge.secret import SecretMissing

SERVICE = "vms-bridge"
"""``keyring set vms-bridge gate-in`` stores what ``secret:gate-in`` finds."""

BOUND = 2.0
"""Seconds a keyring may take to answer; a daemon that hangs must not hang the bridge."""

_LOCKED = "it is locked; unlock it, or use a file"
_NOT_INSTALLED = "not installed: pip install vms-bridge[keyring]"

Answer = TypeVar("Answer")


def password(name: str) -> str | None:
    """The secret kept under this name, None when there is none. Raises SecretMissing when no keyring is usable, or
    when it does not answer within BOUND."""
    return _within_bound(lambda: _ask(name))


def keep(name: str, value: str) -> None:
    """Put a secret into the keyring. Raises SecretMissing when none is usable without asking somebody."""
    _within_bound(lambda: _put(name, value))


def forget(name: str) -> bool:
    """Take it out; False when there was none. Raises as ``keep``."""
    return _within_bound(lambda: _drop(name))


def _within_bound(work: Callable[[], Answer]) -> Answer:
    answered: SimpleQueue[tuple[Answer] | SecretMissing] = SimpleQueue()

    def ask() -> None:
        try:
            answered.put((work(),))
        except SecretMissing as missing:
            answered.put(missing)

    threading.Thread(target=ask, name="keyring", daemon=True).start()
    try:
        answer = answered.get(timeout=BOUND)
    except Empty:
        raise SecretMissing(f"no answer within {BOUND:g} s") from None
    if isinstance(answer, SecretMissing):
        raise answer
    return answer[0]


def _ask(name: str) -> str | None:
    return _from_windows(name) if sys.platform == "win32" else _from_secret_service(name)


def _put(name: str, value: str) -> None:
    if sys.platform == "win32":
        _windows().set_password(SERVICE, name, value)
        return
    with _secret_service() as connection:
        import secretstorage

        collection = secretstorage.get_default_collection(connection)
        if collection.is_locked():
            raise SecretMissing(_LOCKED)
        # As keyring's SecretService backend labels its items, so that `keyring get` finds it too.
        attributes = {"application": "Python keyring library", "service": SERVICE, "username": name}
        label = f"Password for '{name}' on '{SERVICE}'"
        collection.create_item(label, attributes, value.encode(), replace=True)


def _drop(name: str) -> bool:
    if sys.platform == "win32":
        if _from_windows(name) is None:
            return False
        _windows().delete_password(SERVICE, name)
        return True
    found = False
    with _secret_service() as connection:
        import secretstorage

        for item in secretstorage.search_items(connection, {"service": SERVICE, "username": name}):
            if item.is_locked():
                raise SecretMissing(_LOCKED)
            item.delete()
            found = True
    return found


def _windows() -> Any:
    try:
        return import_module("keyring.backends.Windows").WinVaultKeyring()
    except ImportError:
        raise SecretMissing(_NOT_INSTALLED) from None


def _from_windows(name: str) -> str | None:
    found = _windows().get_password(SERVICE, name)
    return found if isinstance(found, str) else None


@contextlib.contextmanager
def _secret_service() -> Iterator[Any]:
    """A connection to it; what goes wrong with it is SecretMissing."""
    if sys.platform != "linux":
        raise SecretMissing("not used on this system, because it may ask")
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        raise SecretMissing("no session bus, as usual for a service")
    try:
        import secretstorage
        from secretstorage.exceptions import SecretStorageException
    except ImportError:
        raise SecretMissing(_NOT_INSTALLED) from None
    try:
        connection = secretstorage.dbus_init()
        try:
            yield connection
        finally:
            connection.close()
    except (SecretStorageException, OSError) as error:
        raise SecretMissing(f"not usable: {type(error).__name__}") from None


def _from_secret_service(name: str) -> str | None:
    with _secret_service() as connection:
        import secretstorage

        # The same items that keyring's SecretService backend writes, without its unlock().
        for item in secretstorage.search_items(connection, {"service": SERVICE, "username": name}):
            if item.is_locked():
                raise SecretMissing(_LOCKED)
            return str(item.get_secret().decode())
    return None

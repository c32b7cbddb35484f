"""Secrets from the machine's keyring, where there is one that answers without asking anybody.

``keyring.get_keyring()`` takes whichever backend has the highest priority, and file backends of other packages ask
for their password on the terminal, where a service waits for ever. So the library's choice is never asked for: only
the two backends below are used, by their names, and the Secret Service only while it is unlocked, because unlocking it
opens a dialogue.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from queue import Empty, SimpleQueue

from bridge.secret import SecretMissing

SERVICE = "vms-bridge"
"""``keyring set vms-bridge gate-in`` stores what ``secret:gate-in`` finds."""


BOUND = 2.0
"""Seconds a keyring may take to answer; a daemon that hangs must not hang the bridge."""


def password(name: str) -> str | None:
    """The secret kept under this name, None when there is none. Raises SecretMissing when no keyring is usable, or
    when it does not answer within BOUND."""
    answered: SimpleQueue[str | SecretMissing | None] = SimpleQueue()

    def ask() -> None:
        try:
            answered.put(_ask(name))
        except SecretMissing as missing:
            answered.put(missing)

    threading.Thread(target=ask, name="keyring", daemon=True).start()
    try:
        answer = answered.get(timeout=BOUND)
    except Empty:
        raise SecretMissing(f"no answer within {BOUND:g} s") from None
    if isinstance(answer, SecretMissing):
        raise answer
    return answer


def _ask(name: str) -> str | None:
    if sys.platform == "win32":
        return _from_windows(name)
    if sys.platform == "linux":
        return _from_secret_service(name)
    raise SecretMissing("not used on this system, because it may ask")


def _from_windows(name: str) -> str | None:
    try:
        windows = import_module("keyring.backends.Windows")
    except ImportError:
        raise SecretMissing("not installed: pip install vms-bridge[keyring]") from None
    found = windows.WinVaultKeyring().get_password(SERVICE, name)
    return found if isinstance(found, str) else None


def _from_secret_service(name: str) -> str | None:
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        raise SecretMissing("no session bus, as usual for a service")
    try:
        import secretstorage
        from secretstorage.exceptions import SecretStorageException
    except ImportError:
        raise SecretMissing("not installed: pip install vms-bridge[keyring]") from None
    try:
        connection = secretstorage.dbus_init()
        try:
            # The same items that keyring's SecretService backend writes, without its unlock().
            for item in secretstorage.search_items(connection, {"service": SERVICE, "username": name}):
                if item.is_locked():
                    raise SecretMissing("it is locked; unlock it, or use a file")
                return str(item.get_secret().decode())
        finally:
            connection.close()
    except (SecretStorageException, OSError) as error:
        raise SecretMissing(f"not usable: {type(error).__name__}") from None
    return None

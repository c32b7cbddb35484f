"""The safe session: signed with a password that is never sent [3]. It idles out after 60 s; any use renews it."""

from __future__ import annotations

import hashlib

import msgspec

from bridge.vms.digifort.answers import Said

IDLE = 45.0
"""Seconds unused after which one is no longer used; the server keeps it for 60."""
CREATE = "/Interface/CreateAuthSession?ResponseFormat=JSON"


class Session(msgspec.Struct):
    """``signed``: as whom, and with which version of the password. ``used``: when it was last, on the loop's clock.
    ``proven``: something was answered over it."""

    number: str
    auth_data: str
    signed: tuple[str, str]
    used: float
    proven: bool = False

    def __repr__(self) -> str:
        return f"Session({self.number})"

    def query(self) -> str:
        return signed(self.number, self.auth_data)


def signed(number: str, auth_data: str) -> str:
    return f"&AuthSession={number}&AuthData={auth_data}"


def opened(told: Said, user: str, password: str, version: str, now: float) -> Session | None:
    """The session that ``CREATE`` was answered with; None when it is none."""
    data = told.data if told.ok and isinstance(told.data, dict) else {}
    held = data.get("Session")
    number = held.get("ID") if isinstance(held, dict) else None
    nonce = held.get("NOnce") if isinstance(held, dict) else None
    if not isinstance(number, int | str) or not str(number).isalnum() or not isinstance(nonce, str):
        return None
    return Session(str(number), auth_data(nonce, user, password), (user, version), now)


def auth_data(nonce: str, user: str, password: str) -> str:
    """MD5 is the protocol's, not ours; in upper case, as most clients have it."""
    return _md5(f"{nonce}:{user}:{_md5(password)}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest().upper()

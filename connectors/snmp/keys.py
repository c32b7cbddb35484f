"""Keys of the user-based security model, and whether a message is really of who it says (RFC 3414 2.6, 6; RFC 7860).

Proven here, before the library sees a message: it takes 20 µs instead of a millisecond, so that guesses cost nothing
and no engine is learned that has not shown it knows the key. A pass phrase is hashed once (1 MiB of it, some
milliseconds); the key of each engine then takes microseconds.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from connectors.snmp.header import Header
from connectors.snmp.users import Authentication, Level, SnmpUser

_HASHES: Mapping[Authentication, tuple[str, int]] = {
    "md5": ("md5", 12),
    "sha": ("sha1", 12),
    "sha224": ("sha224", 16),
    "sha256": ("sha256", 24),
    "sha384": ("sha384", 32),
    "sha512": ("sha512", 48),
}
"""Of each algorithm the hash, and how many bytes of it stand in a message."""

LEVELS: Mapping[int, Level] = {0: "noAuthNoPriv", 1: "authNoPriv", 3: "authPriv"}

_HASHED = 2**20


class Keys(msgspec.Struct, frozen=True):
    """What a user's pass phrases come to, without any engine. Never shown: see ``__repr__``."""

    user: SnmpUser
    auth: bytes = b""
    priv: bytes = b""

    def __repr__(self) -> str:
        return f"Keys({self.user.name})"

    def proven(self, data: bytes, header: Header) -> bool:
        """Whether this user's key made the authentication of the message."""
        name, length = _HASHES[self.user.auth]
        start, stop = header.proof
        if stop - start != length:
            return False
        key = hashlib.new(name, self.auth + header.engine + self.auth, usedforsecurity=True).digest()
        blank = data[:start] + bytes(length) + data[stop:]
        return hmac.compare_digest(hmac.digest(key, blank, name)[:length], data[start:stop])


def keys_of(user: SnmpUser, auth: str, priv: str) -> Keys:
    """``auth`` and ``priv``: the pass phrases, "" where there is none. Raises ValueError for one that is too short."""
    for what, phrase, wanted in (("auth_key", auth, user.auth_key), ("priv_key", priv, user.priv_key)):
        if wanted is not None and len(phrase.encode("utf-8")) < 8:
            raise ValueError(f"the {what} of {user.name} has fewer than 8 characters (RFC 3414 11.2)")
    name, _ = _HASHES[user.auth]
    return Keys(user, _master(auth, name), _master(priv, name))


def _master(phrase: str, name: str) -> bytes:
    if not phrase:
        return b""
    plain = phrase.encode("utf-8")
    return hashlib.new(name, (plain * (_HASHED // len(plain) + 1))[:_HASHED]).digest()

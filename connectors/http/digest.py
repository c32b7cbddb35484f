"""HTTP Digest, the server's side: RFC 7616, and RFC 2617 and 2069 for senders of old.

Nonces say when they were made and are signed with a key of this process, so none is stored. What is remembered, within
a bound, is how far the count of each nonce in use has risen. Of a nonce whose count was forgotten, and of one that is
too old or from before a restart, a sender with the right password is told that it is stale; it tries again by itself.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import hmac
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from urllib.parse import unquote_to_bytes

import msgspec

REALM = "vms-bridge"
MOST_NONCES = 4096
"""Nonces whose counts are remembered."""

_LONGEST = 4096
_PARAMETER = re.compile(rb'([A-Za-z]++\*?+)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^\s,"]*+))', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*+://[^/?#]*+")
_COUNT = re.compile(rb"[0-9A-Fa-f]{1,8}")
_NONCE = re.compile(rb"[0-9a-f]{56}")
_HASHES: dict[str, Callable[[bytes], bytes]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest().encode(),  # what the protocol asks for
    "sha-256": lambda data: hashlib.sha256(data).hexdigest().encode(),
}
_CHALLENGES = {
    "md5": 'Digest realm="%s", nonce="%s", algorithm=MD5, qop="auth"%s',
    "sha-256": 'Digest realm="%s", nonce="%s", algorithm=SHA-256, qop="auth", charset=UTF-8%s',
}


class Verdict(enum.Enum):
    """STALE: the password is right, and the sender has to try again with a new nonce."""

    FITS = "fits"
    STALE = "stale"
    WRONG = "wrong"


class Answered(msgspec.Struct, frozen=True):
    """What a sender writes in its Authorization header; ``qop`` and ``count`` are empty where it is older than them."""

    username: bytes
    uri: bytes
    nonce: bytes
    response: bytes
    algorithm: str = "md5"
    qop: bytes = b""
    count: bytes = b""
    cnonce: bytes = b""


@functools.lru_cache(maxsize=64)
def parse(value: bytes) -> Answered | None:
    """The parameters of ``Digest …``, quoted or not, in any order; None when it is none or lacks one."""
    scheme, _, rest = value.partition(b" ")
    if scheme.lower() != b"digest" or len(rest) > _LONGEST:
        return None
    said: dict[bytes, bytes] = {}
    for found in _PARAMETER.finditer(rest):
        said.setdefault(found[1].lower(), found[3] if found[2] is None else _ESCAPE.sub(rb"\1", found[2]))
    username = said.get(b"username")
    if username is None and said.get(b"username*", b"").lower().startswith(b"utf-8''"):  # RFC 7616 section 3.4
        username = unquote_to_bytes(said[b"username*"][7:])
    if username is None or not all(said.get(name) for name in (b"uri", b"nonce", b"response")):
        return None
    return Answered(
        username,
        said[b"uri"],
        said[b"nonce"],
        said[b"response"].lower(),
        said.get(b"algorithm", b"md5").decode("latin-1").lower(),
        said.get(b"qop", b"").lower(),
        said.get(b"nc", b""),
        said.get(b"cnonce", b""),
    )


def response_of(answered: Answered, realm: str, method: str, password: bytes) -> bytes:
    """What this sender's response must be with this password. RFC 7616 section 3.4.1, and RFC 2069 without a qop."""
    hashed = _HASHES[answered.algorithm]
    secret = hashed(b"%s:%s:%s" % (answered.username, realm.encode(), password))
    request = hashed(b"%s:%s" % (method.encode(), answered.uri))
    if not answered.qop:
        return hashed(b"%s:%s:%s" % (secret, answered.nonce, request))
    return hashed(b":".join((secret, answered.nonce, answered.count, answered.cnonce, answered.qop, request)))


class Gate:
    """Gives nonces and judges answers. ``algorithms`` in the order they are offered; ``age`` of a nonce in seconds."""

    def __init__(
        self,
        algorithms: Sequence[str],
        age: float,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST_NONCES,
    ) -> None:
        self._algorithms = tuple(algorithms)
        self._age = age
        self._clock = clock
        self._most = most
        self._key = os.urandom(32)
        self._given = 0
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._forgotten = -1  # counts of nonces given up to this one may have been forgotten

    def challenges(self, stale: bool = False) -> tuple[bytes, ...]:
        """One WWW-Authenticate value for each algorithm, all with one new nonce."""
        nonce, more = self._nonce().decode(), ", stale=true" if stale else ""
        return tuple((_CHALLENGES[each] % (REALM, nonce, more)).encode() for each in self._algorithms)

    def judge(self, answered: Answered, method: str, target: bytes, credentials: str) -> Verdict:
        """``target``: path and query of the request as they came; ``credentials``: ``user:password``."""
        user, _, password = credentials.partition(":")
        if not password or answered.username not in _encoded(user) or answered.algorithm not in self._algorithms:
            return Verdict.WRONG
        if answered.qop not in (b"", b"auth") or not _same_place(answered.uri, target):
            return Verdict.WRONG
        wanted = [response_of(answered, REALM, method, each) for each in _encoded(password)]
        if not any(hmac.compare_digest(answered.response, each) for each in wanted):
            return Verdict.WRONG
        given = self._given_as(answered.nonce)
        if given is None:
            return Verdict.STALE
        return Verdict.FITS if not answered.qop or self._counts_on(answered, given) else Verdict.STALE

    def _counts_on(self, answered: Answered, given: int) -> bool:
        """Whether the count has risen; a request that is played again has the same."""
        if not _COUNT.fullmatch(answered.count):
            return False
        count, before = int(answered.count, 16), self._counts.get(answered.nonce, -1)
        if count <= before or (before < 0 and given <= self._forgotten):
            return False
        self._counts[answered.nonce] = count
        self._counts.move_to_end(answered.nonce)
        if len(self._counts) > MOST_NONCES:
            oldest, _ = self._counts.popitem(last=False)
            self._forgotten = max(self._forgotten, int(oldest[16:24], 16))
        return True

    # -------------------------------------------------------------------------------------------------------- nonces

    def _nonce(self) -> bytes:
        """16 digits: milliseconds; 8: which one it is; 32: signature of both."""
        self._given = (self._given + 1) & 0xFFFFFFFF
        said = b"%016x%08x" % (int(self._clock() * 1000), self._given)
        return said + self._signature(said)

    def _given_as(self, nonce: bytes) -> int | None:
        """Which of ours it is; None when it is none, or too old."""
        if not _NONCE.fullmatch(nonce) or not hmac.compare_digest(self._signature(nonce[:24]), nonce[24:]):
            return None
        if self._clock() - int(nonce[:16], 16) / 1000 > self._age:
            return None
        return int(nonce[16:24], 16)

    def _signature(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, "sha256").hex()[:32].encode()


def _encoded(text: str) -> tuple[bytes, ...]:
    """RFC 7616 section 4: without a charset agreed on, senders of old encode as Latin-1."""
    if text.isascii():
        return (text.encode(),)
    try:
        return text.encode("utf-8"), text.encode("latin-1")
    except UnicodeEncodeError:
        return (text.encode("utf-8"),)


def _same_place(uri: bytes, target: bytes) -> bool:
    """Whether the header's uri is the request's; as an absolute URI, or escaped in another way, it is the same."""
    said = _ABSOLUTE.sub(b"", uri, count=1)
    if said[:1] != b"/":
        said = b"/" + said
    return said == target or unquote_to_bytes(said) == unquote_to_bytes(target)

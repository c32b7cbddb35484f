"""Logging in with each request: digest (RFC 7616), with the user's name in lower case as Nx reckons it [2]."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets as chance
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from bridge.secret import Secret, Secrets
from bridge.vms.http import Answer
from bridge.vms.nx.settings import NxSettings
from bridge.vms.tokens import Refusals, Refused, read

_PART = re.compile(r'([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SUMS = {"MD5": "md5", "SHA-256": "sha256"}


class _Challenge(msgspec.Struct):
    realm: str
    nonce: str
    algorithm: str
    opaque: str
    protects: bool
    used: int = 0


class Digest:
    """Remembers the server's last challenge, so that only the first request is asked twice. What is turned away goes on
    one after the other, so that a wrong password is tried once."""

    def __init__(self, settings: NxSettings, secrets: Secrets) -> None:
        self._user = settings.user
        self._ref = settings.password
        self._secrets = secrets
        self._challenge: _Challenge | None = None
        self._refusals = Refusals()
        self._tried: Secret | None = None
        self._trying = asyncio.Lock()

    async def header(self, method: str, path: str) -> str:
        password = read(self._secrets, self._ref, fresh=False).reveal()
        return self._answered(self._challenge, method, path, password) if self._challenge is not None else ""

    @asynccontextmanager
    async def again(self, used: str, answer: Answer, method: str, path: str) -> AsyncIterator[str]:
        challenge = _challenge(answer)
        if challenge is None:
            raise Refused(
                f"Nx refuses {self._user} ({answer.status}) and offers no digest: allow digest to this user, or write "
                "login: session"
            )
        async with self._trying:
            secret = self._tried = read(self._secrets, self._ref, fresh=True)
            why = self._refusals.of(secret)
            if why:
                raise Refused(why)
            yield self._answered(challenge, method, path, secret.reveal())
            self._challenge = challenge

    def turned_away(self, status: int) -> Refused:
        why = f"Nx refuses {self._user} ({status}); see its password, and whether it may log in by digest"
        if self._tried is not None:
            self._refusals.add(self._tried, why)
        return Refused(why)

    async def close(self) -> None:
        self._challenge = None

    def _answered(self, challenge: _Challenge, method: str, path: str, password: str) -> str:
        summed = _summed(challenge.algorithm)
        user = self._user.lower()
        first, second = summed(f"{user}:{challenge.realm}:{password}"), summed(f"{method}:{path}")
        parts = [
            f'username="{_quoted(user)}"',
            f'realm="{_quoted(challenge.realm)}"',
            f'nonce="{_quoted(challenge.nonce)}"',
            f'uri="{path}"',
            f"algorithm={challenge.algorithm}",
        ]
        if challenge.protects:
            challenge.used += 1
            count, ours = f"{challenge.used:08x}", chance.token_hex(8)
            response = summed(f"{first}:{challenge.nonce}:{count}:{ours}:auth:{second}")
            parts += ["qop=auth", f"nc={count}", f'cnonce="{ours}"']
        else:
            response = summed(f"{first}:{challenge.nonce}:{second}")
        parts.append(f'response="{response}"')
        if challenge.opaque:
            parts.append(f'opaque="{_quoted(challenge.opaque)}"')
        return "Digest " + ", ".join(parts)


def _challenge(answer: Answer) -> _Challenge | None:
    """The first that is understood."""
    for name, value in answer.headers:
        scheme, _, rest = value.decode("latin-1").strip().partition(" ")
        if name.lower() != b"www-authenticate" or scheme.lower() != "digest":
            continue
        said = {part[1].lower(): _plain(part[2]) if part[2] is not None else part[3] for part in _PART.finditer(rest)}
        algorithm = said.get("algorithm", "MD5").upper()
        qop = [each.strip().lower() for each in said.get("qop", "").split(",") if each.strip()]
        if algorithm in _SUMS and "nonce" in said and (not qop or "auth" in qop):
            return _Challenge(said.get("realm", ""), said["nonce"], algorithm, said.get("opaque", ""), bool(qop))
    return None


def _summed(algorithm: str) -> Callable[[str], str]:
    name = _SUMS[algorithm]
    return lambda text: hashlib.new(name, text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)

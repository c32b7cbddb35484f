"""Who the bridge is to Nx: a header for each request, renewed when it is turned away [2]."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import msgspec

from bridge.secret import Secret, SecretMissing, SecretRef, Secrets
from bridge.vms.http import Answer, AnswerLost, NotSent, Origin, Sender

EARLY = 60.0
"""Seconds before its end a token is no longer used; of a short one a quarter."""
UNTOLD = 600.0
"""Seconds a token is used that does not say how long it lives."""
NOT_AGAIN = 3.0
"""Seconds in which a password that was refused is not tried again: Nx shuts out who guesses [9]."""
GOODBYE = 2.0
"""Seconds that logging out may take."""
JSON = (("Content-Type", "application/json"),)


class Refused(Exception):
    """The log-in is refused, or there is nothing to log in with; says why, without a word of it."""


class Login(Protocol):
    async def header(self, method: str, path: str, urgent: bool) -> str:
        """What Authorization says, "" for nothing yet. Raises NotSent, Refused."""

    def again(
        self, used: str, answer: Answer, method: str, path: str, urgent: bool
    ) -> AbstractAsyncContextManager[str]:
        """The same, after ``used`` was turned away with ``answer``; asked with inside. Raises NotSent, Refused."""

    def turned_away(self, status: int) -> Refused:
        """What was asked with inside ``again`` was turned away, too."""

    async def close(self) -> None:
        """Log out; never raises."""


class Token(msgspec.Struct, frozen=True):
    """``until``: seconds of the loop's clock."""

    text: str
    version: str
    until: float

    def __repr__(self) -> str:
        return "Token(…)"


class Refusals:
    """The password that was refused last: for a moment nobody tries it again, however many wait."""

    def __init__(self) -> None:
        self._version: str | None = None
        self._until = 0.0
        self._why = ""

    def of(self, secret: Secret) -> str:
        """Why this one was refused; "" when it may be tried."""
        waits = self._version == secret.version and asyncio.get_running_loop().time() < self._until
        return self._why if waits else ""

    def add(self, secret: Secret, why: str) -> None:
        if not self.of(secret):
            self._version, self._why = secret.version, why
            self._until = asyncio.get_running_loop().time() + NOT_AGAIN

    def clear(self) -> None:
        self._version = None


class _Failure(msgspec.Struct, frozen=True):
    at: float
    why: str
    busy: bool


class WrongPassword(Exception):
    """This password is refused; another may not be."""


class Tokens(ABC):
    """One token at a time, for all requests. A password that is refused is read again once, then not tried for a
    moment, however many wait."""

    def __init__(self, user: str, ref: SecretRef, secrets: Secrets) -> None:
        self._ref = ref
        self._secrets = secrets
        self._token: Token | None = None
        self._user = user
        self._refusals = Refusals()
        self._failure: _Failure | None = None
        self._logging_in = asyncio.Lock()

    async def header(self, method: str, path: str, urgent: bool) -> str:
        return f"Bearer {await self._current(urgent, '')}"

    @asynccontextmanager
    async def again(self, used: str, answer: Answer, method: str, path: str, urgent: bool) -> AsyncIterator[str]:
        yield f"Bearer {await self._current(urgent, used.removeprefix('Bearer '))}"

    def turned_away(self, status: int) -> Refused:
        return Refused(f"Nx refuses the token that {self._user} was just given ({status})")

    async def close(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            await self._revoke(token.text)

    @abstractmethod
    async def _fetch(self, password: str, urgent: bool, renew: bool) -> tuple[str, float | None]:
        """A new token and the seconds it lives. ``renew``: the one before ran out, it was not refused. Raises
        WrongPassword, NotSent, Refused."""

    @abstractmethod
    async def _revoke(self, token: str) -> None:
        """Never raises."""

    async def _current(self, urgent: bool, refused: str) -> str:
        loop = asyncio.get_running_loop()
        came = loop.time()
        async with self._logging_in:
            secret = read(self._secrets, self._ref, fresh=bool(refused))
            held = self._token
            same = held is not None and held.text != refused and held.version == secret.version
            if held is not None and same and loop.time() < held.until:
                return held.text
            failure = self._failure
            if failure is not None and failure.at >= came:  # the one that was waited for has failed for all
                raise NotSent(failure.why, busy=failure.busy)
            self._token = None
            try:
                self._token = await self._logged_in(secret, urgent, renew=same)
            except NotSent as error:
                self._failure = _Failure(loop.time(), error.why, error.busy)
                raise
            return self._token.text

    async def _logged_in(self, secret: Secret, urgent: bool, renew: bool) -> Token:
        """With this password, or with the one that stands in its place by now."""
        try:
            return await self._new(secret, urgent, renew)
        except WrongPassword as error:
            why = str(error)
        other = read(self._secrets, self._ref, fresh=True)
        if other.version != secret.version:
            try:
                return await self._new(other, urgent, renew=False)
            except WrongPassword as error:
                why = str(error)
        self._refusals.add(other, why)
        raise Refused(why)

    async def _new(self, secret: Secret, urgent: bool, renew: bool) -> Token:
        before = self._refusals.of(secret)
        if before:
            raise WrongPassword(before)
        began = asyncio.get_running_loop().time()
        text, lives = await self._fetch(secret.reveal(), urgent, renew)
        self._refusals.clear()
        seconds = lives if lives is not None and lives > 0 else UNTOLD
        return Token(text, secret.version, began + seconds - min(EARLY, seconds / 4))


def read(secrets: Secrets, ref: SecretRef, fresh: bool) -> Secret:
    """Raises Refused."""
    try:
        return secrets.get(ref, fresh=fresh)
    except SecretMissing as missing:
        raise Refused(str(missing)) from None


async def asked(
    sender: Sender, origin: Origin, path: str, body: bytes, seconds: float, urgent: bool
) -> Answer:  # fmt: skip
    """A log-in on the wire. What it was for has not been sent when its answer is lost. Raises NotSent."""
    try:
        return await sender.send("POST", origin, path, JSON, body, seconds, urgent)
    except AnswerLost as error:
        raise NotSent(f"logging in: {error.why}", busy=not error.silent) from None

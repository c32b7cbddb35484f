"""Logging in with a password for a token (or a cookie) that all requests share: for a VMS that is asked as a user.

One log-in at a time, and what comes of it counts for everybody who waited for it. A password that is refused is read
again once, then not tried for a moment, however many wait: a VMS shuts out who guesses.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

import msgspec

from bridge.secret import Secret, SecretMissing, SecretRef, Secrets
from bridge.vms.http import AnswerLost, NotSent

EARLY = 60.0
"""Seconds before its end a token is no longer used; of a short one a quarter."""
UNTOLD = 600.0
"""Seconds a token is used that does not say how long it lives."""
NOT_AGAIN = 3.0
"""Seconds in which a password that was refused is not tried again."""


class Refused(Exception):
    """The log-in is refused, or there is nothing to log in with; says why, without a word of it."""


class WrongPassword(Exception):
    """This password is refused, says why; another may not be."""


def read(secrets: Secrets, ref: SecretRef, fresh: bool) -> Secret:
    """Raises Refused."""
    try:
        return secrets.get(ref, fresh=fresh)
    except SecretMissing as missing:
        raise Refused(str(missing)) from None


class Refusals:
    """The password that was refused last: for a moment nobody tries it again."""

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


class _Token(msgspec.Struct, frozen=True):
    """``until``: seconds of the loop's clock."""

    text: str
    version: str
    until: float

    def __repr__(self) -> str:
        return "Token(…)"


class _Failure(msgspec.Struct, frozen=True):
    at: float
    error: NotSent


class Tokens(ABC):
    """``ref``: the password. Belongs to one event loop."""

    def __init__(self, ref: SecretRef, secrets: Secrets) -> None:
        self._ref = ref
        self._secrets = secrets
        self._token: _Token | None = None
        self._refusals = Refusals()
        self._failure: _Failure | None = None
        self._logging_in = asyncio.Lock()

    @abstractmethod
    async def _fetch(self, password: str, renew: bool) -> tuple[str, float | None]:
        """A new token and the seconds it lives, None when that is not told. Asked as an alarm is, whoever needs it
        first: an alarm may wait for it. ``renew``: the one before ran out, it was not refused. Raises WrongPassword,
        Refused, SendingError."""

    async def current(self, refused: str | None = None) -> str:
        """The token of now; another one than ``refused``. What was to be sent with it has not been when this fails:
        raises Refused, NotSent, Unsendable."""
        loop = asyncio.get_running_loop()
        came = loop.time()
        async with self._logging_in:
            secret = read(self._secrets, self._ref, fresh=refused is not None)
            held = self._token
            same = held is not None and held.text != refused and held.version == secret.version
            if held is not None and same and loop.time() < held.until:
                return held.text
            failure = self._failure
            if failure is not None and failure.at >= came:  # the one that was waited for has failed for all
                raise NotSent(failure.error.why, failure.error.busy, failure.error.after)
            self._token = None
            try:
                self._token = await self._logged_in(secret, renew=same)
            except AnswerLost as error:
                raise self._failed(NotSent(f"the log-in: {error.why}", busy=not error.silent)) from None
            except NotSent as error:
                raise self._failed(error) from None
            return self._token.text

    def renewed(self, used: str, new: str) -> None:
        """The VMS has put ``new`` in the place of the token that was used."""
        held = self._token
        if held is not None and held.text == used:
            self._token = msgspec.structs.replace(held, text=new)

    def forget(self) -> str:
        """The token, that no longer is used; "" where there is none."""
        token, self._token = self._token, None
        return "" if token is None else token.text

    def _failed(self, error: NotSent) -> NotSent:
        self._failure = _Failure(asyncio.get_running_loop().time(), error)
        return error

    async def _logged_in(self, secret: Secret, renew: bool) -> _Token:
        """With this password, or with the one that stands in its place by now."""
        try:
            return await self._new(secret, renew)
        except WrongPassword as error:
            why = str(error)
        other = read(self._secrets, self._ref, fresh=True)
        if other.version != secret.version:
            try:
                return await self._new(other, renew=False)
            except WrongPassword as error:
                why = str(error)
        self._refusals.add(other, why)
        raise Refused(why)

    async def _new(self, secret: Secret, renew: bool) -> _Token:
        before = self._refusals.of(secret)
        if before:
            raise WrongPassword(before)
        began = asyncio.get_running_loop().time()
        text, lives = await self._fetch(secret.reveal(), renew)
        self._refusals.clear()
        seconds = lives if lives is not None and lives >= 0 else UNTOLD
        return _Token(text, secret.version, began + seconds - min(EARLY, seconds / 4))

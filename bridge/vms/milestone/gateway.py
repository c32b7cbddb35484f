"""The API Gateway: one request, with a bearer token that is fetched when there is none, when it is about to run out, or
when it is refused [3]."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlencode

import msgspec

from bridge.secret import Secret, SecretMissing, SecretRef, Secrets
from bridge.vms.http import Answer, AnswerLost, NotSent, Sender, split_url
from bridge.vms.milestone.rest import API
from bridge.vms.milestone.settings import MilestoneSettings
from bridge.vms.milestone.steps import JSON

TOKEN = "/API/IDP/connect/token"  # noqa: S105 - a path
EARLY = 60.0
"""Seconds before its end a token is no longer used."""
_FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
_WORD = re.compile(r"[a-z_]{1,40}")


class Refused(Exception):
    """The log-in is refused, or there is nothing to log in with; says why, without a word of it."""


class _Reply(msgspec.Struct):
    access_token: str
    expires_in: float = 3600.0


class _Error(msgspec.Struct):
    error: str = ""


class _Token(msgspec.Struct, frozen=True):
    text: str
    version: str
    until: float

    def __repr__(self) -> str:
        return "Token(…)"


class Gateway:
    def __init__(self, sender: Sender, settings: MilestoneSettings, secrets: Secrets) -> None:
        self._sender = sender
        self._settings = settings
        self._secrets = secrets
        self.origin, path = split_url(settings.gateway)
        self.base = path.rstrip("/")
        self._token: _Token | None = None
        self._logging_in = asyncio.Lock()

    async def get(self, path: str, urgent: bool = False) -> Answer:
        """``path`` is below the API. Raises SendingError, Refused."""
        return await self.ask("GET", path, JSON[1:], b"", urgent)

    async def ask(
        self, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes, urgent: bool = False
    ) -> Answer:
        """A token that is refused is fetched anew, once. Sending twice is safe: the first was refused with 401.

        All of it has ``timeout``, logging in too. Raises SendingError, Refused.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + self._settings.timeout
        place = f"{self.base}{API}{path}"
        token = await self._in_time(end, urgent)
        shown = (("Authorization", f"Bearer {token}"), *headers)
        answer = await self._sender.send(method, self.origin, place, shown, body, end - clock(), urgent)
        if answer.status == 401:
            token = await self._in_time(end, urgent, refused=token)
            shown = (("Authorization", f"Bearer {token}"), *headers)
            answer = await self._sender.send(method, self.origin, place, shown, body, end - clock(), urgent)
        return answer

    async def _in_time(self, end: float, urgent: bool, refused: str = "") -> str:
        """Whatever fails here, what is to be sent was not. Raises NotSent, Unsendable, Refused."""
        try:
            async with asyncio.timeout_at(end):
                return await self._current(urgent, refused)
        except TimeoutError:
            raise NotSent("logging in took too long") from None
        except AnswerLost as error:
            raise NotSent(f"the log-in was not answered: {error.why}", busy=not error.silent) from None

    async def _current(self, urgent: bool, refused: str = "") -> str:
        """The token of now. Raises SendingError, Refused."""
        ref = self._settings.secret
        assert ref is not None
        async with self._logging_in:
            held = self._token
            secret = self._fetch(ref, fresh=bool(refused))
            now = asyncio.get_running_loop().time()
            if held is not None and held.text != refused and held.version == secret.version and now < held.until:
                return held.text
            self._token = None
            self._token = await self._login(secret, urgent, last=bool(refused))
            return self._token.text

    async def _login(self, secret: Secret, urgent: bool, last: bool) -> _Token:
        """``last``: the secret was read from its store just now."""
        settings = self._settings
        answer = await self._sender.send(
            "POST", self.origin, self.base + TOKEN, _FORM, self._form(secret), settings.timeout, urgent
        )
        if answer.status in (400, 401, 403):
            ref = settings.secret
            assert ref is not None
            if not last:
                fresh = self._fetch(ref, fresh=True)
                if fresh.version != secret.version:
                    return await self._login(fresh, urgent, last=True)
            who = settings.user or settings.client
            raise Refused(f"XProtect refuses the log-in of {who} ({answer.status}{_why(answer)}); see secret {ref}")
        if not 200 <= answer.status < 300:
            raise NotSent(
                f"XProtect answers the log-in with {answer.status}", busy=answer.status not in (502, 503, 504)
            )
        try:
            told = msgspec.json.decode(answer.body, type=_Reply)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NotSent("the log-in is not answered as XProtect does; see gateway") from None
        now = asyncio.get_running_loop().time()
        return _Token(told.access_token, secret.version, now + max(told.expires_in - EARLY, told.expires_in / 2))

    def _form(self, secret: Secret) -> bytes:
        settings = self._settings
        if settings.password is None:
            told = {"grant_type": "client_credentials", "client_id": settings.client}
            return urlencode({**told, "client_secret": secret.reveal()}).encode()
        told = {"grant_type": "password", "username": settings.user, "password": secret.reveal()}
        return urlencode({**told, "client_id": settings.client}).encode()

    def _fetch(self, ref: SecretRef, fresh: bool) -> Secret:
        try:
            return self._secrets.get(ref, fresh)
        except SecretMissing as missing:
            raise Refused(str(missing)) from None


def _why(answer: Answer) -> str:
    """The word of OAuth, ``invalid_grant`` say, and nothing else of the answer."""
    try:
        error = msgspec.json.decode(answer.body, type=_Error).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return f", {error}" if _WORD.fullmatch(error) else ""

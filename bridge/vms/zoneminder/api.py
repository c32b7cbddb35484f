"""ZoneMinder's API: one request, with a token that is fetched when there is none, or when it is refused [3, 4]."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import msgspec

from bridge.secret import SecretMissing, Secrets
from bridge.vms.http import Answer, NotSent, Sender, SendingError, split_url
from bridge.vms.zoneminder.settings import ZoneMinderSettings
from bridge.vms.zoneminder.steps import FORM, READ

LOGIN = "/api/host/login.json"
EARLY = 60.0
"""Seconds before its end a token is no longer used."""


class Refused(Exception):
    """The log-in is refused, or there is nothing to log in with; says why, without a word of it."""


class _Login(msgspec.Struct):
    access_token: str | None = None
    access_token_expires: float | str | None = None


class _Token(msgspec.Struct, frozen=True):
    text: str
    version: str
    until: float


class Api:
    def __init__(self, sender: Sender, settings: ZoneMinderSettings, secrets: Secrets) -> None:
        self._sender = sender
        self._settings = settings
        self._secrets = secrets
        self.origin, path = split_url(settings.url)
        self.base = path.rstrip("/")
        self._token: _Token | None = None
        self._failed: tuple[float, str] | None = None
        """When the last log-in failed that got no answer of use, and why."""
        self._logging_in = asyncio.Lock()

    async def get(self, path: str, urgent: bool = False) -> Answer:
        """``path`` is below ``…/api``. Raises SendingError, Refused."""
        return await self.ask("GET", path, READ, b"", urgent)

    async def put(self, path: str, body: bytes, urgent: bool = False) -> Answer:
        """Raises SendingError, Refused."""
        return await self.ask("PUT", path, FORM, body, urgent)

    async def ask(
        self,
        method: str,
        path: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        urgent: bool = False,
    ) -> Answer:
        """A token that is refused is fetched anew, once. Sending twice is safe: the first was refused with 401.

        Raises SendingError, Refused.
        """
        seconds = self._settings.timeout
        token = await self.token(urgent)
        answer = await self._sender.send(method, self.origin, self.place(path, token), headers, body, seconds, urgent)
        if answer.status == 401 and token:
            token = await self.token(urgent, refused=token)
            answer = await self._sender.send(
                method, self.origin, self.place(path, token), headers, body, seconds, urgent
            )
        return answer

    def place(self, path: str, token: str) -> str:
        """The path on the wire."""
        return with_token(f"{self.base}/api{path}", token)

    async def token(self, urgent: bool = False, refused: str = "") -> str:
        """The token of now, "" where ZoneMinder asks for none. Raises SendingError, Refused."""
        password = self._settings.password
        if password is None:
            return ""
        loop = asyncio.get_running_loop()
        now = loop.time()
        async with self._logging_in:
            held = self._token
            try:
                secret = self._secrets.get(password, fresh=bool(refused))
            except SecretMissing as missing:
                raise Refused(str(missing)) from None
            if held is not None and held.text != refused and held.version == secret.version and now < held.until:
                return held.text
            self._token = None
            if self._failed is not None and self._failed[0] >= now:
                raise NotSent(self._failed[1])  # all who waited for this log-in fail with it
            try:
                self._token = await self._login(secret.reveal(), secret.version, urgent)
            except SendingError as error:  # whatever became of the log-in, nothing was forced
                if isinstance(error, NotSent) and error.busy:
                    raise
                self._failed = loop.time(), f"the log-in: {error.why}"
                raise NotSent(self._failed[1]) from None
            return self._token.text

    async def _login(self, password: str, version: str, urgent: bool) -> _Token:
        body = urlencode({"user": self._settings.user, "pass": password}).encode()
        answer = await self._sender.send(
            "POST", self.origin, self.base + LOGIN, FORM, body, self._settings.timeout, urgent
        )
        if answer.status in (401, 403):
            raise Refused(
                f"ZoneMinder refuses the log-in of {self._settings.user} ({answer.status}); see its password, and "
                "whether it may use the API"
            )
        if not 200 <= answer.status < 300:
            raise NotSent(f"ZoneMinder answers the log-in with {answer.status}")
        try:
            told = msgspec.json.decode(answer.body, type=_Login)
            seconds = float(told.access_token_expires or 3600)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            raise NotSent("the log-in is not answered as ZoneMinder does; see whether url is right") from None
        now = asyncio.get_running_loop().time()
        # Without OPT_USE_AUTH the log-in gives no token, and none is wanted [4].
        return _Token(told.access_token or "", version, now + max(seconds - EARLY, EARLY))


def with_token(path: str, token: str) -> str:
    if not token:
        return path
    return f"{path}{'&' if '?' in path else '?'}token={token}"

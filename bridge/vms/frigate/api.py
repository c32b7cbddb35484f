"""Frigate's API: one request, with the cookie of a log-in, which is made when there is none or it is refused [1]."""

from __future__ import annotations

import asyncio

import msgspec

from bridge.clock import SystemClock
from bridge.secret import SecretMissing, Secrets
from bridge.vms.frigate.answers import message
from bridge.vms.frigate.settings import FrigateSettings
from bridge.vms.http import Answer, NotSent, Sender, split_url
from bridge.vms.http.answer import retry_after
from bridge.vms.http.headers import credential_headers

LOGIN = "/api/login"
JSON = (("Content-Type", "application/json"),)
LARGEST_ANSWER = 16 * 2**20
"""Bytes: a configuration of a hundred cameras, a page of events with long descriptions."""

Headers = tuple[tuple[str, str], ...]


class Refused(Exception):
    """The log-in is refused, or there is nothing to log in with; says why, without a word of it."""


class Later(NotSent):
    """It does not let us log in now; ``after`` seconds it may."""

    def __init__(self, why: str, after: float) -> None:
        super().__init__(why, busy=True)
        self.after = after


class _Session(msgspec.Struct):
    """``cookie`` "": none is asked for. ``version``: of the password it was opened with."""

    cookie: str
    version: str


class Api:
    def __init__(self, sender: Sender, settings: FrigateSettings, secrets: Secrets) -> None:
        self._sender = sender
        self._settings = settings
        self._secrets = secrets
        self.origin, path = split_url(settings.url)
        self.base = path.rstrip("/")
        self._prefix = f"{settings.cookie}=".encode()
        self._session: _Session | None = None
        self._logging_in = asyncio.Lock()

    async def get(self, path: str, urgent: bool = False) -> Answer:
        """``path`` begins with ``/api``. Raises SendingError, Refused."""
        return await self.ask("GET", path, (), b"", urgent)

    async def ask(self, method: str, path: str, headers: Headers, body: bytes, urgent: bool = False) -> Answer:
        """A log-in that is refused is made anew, once. Sending twice is safe: the first was refused with 401.

        Raises SendingError, Refused.
        """
        seconds = self._settings.timeout
        head, session, versions = await self._head(urgent, None, False)
        answer = await self._sender.send(
            method, self.origin, self.base + path, (*head, *headers), body, seconds, urgent
        )
        if answer.status == 401:
            head, new, fresh = await self._head(urgent, session, True)
            if new is not session or fresh != versions:
                session = new
                answer = await self._sender.send(
                    method, self.origin, self.base + path, (*head, *headers), body, seconds, urgent
                )
        self._heed(session, answer)
        return answer

    async def credentials(self, urgent: bool = False) -> Headers:
        """The headers that every request has. Raises SendingError, Refused."""
        return (await self._head(urgent, None, False))[0]

    def shown_credentials(self) -> Headers:
        """The same, with ``{secret:NAME}`` where a secret goes."""
        password = self._settings.password
        cookie = (("Cookie", f"{self._settings.cookie}={{secret:{password}}}"),) if password is not None else ()
        secret = [
            (each.header, each.template.replace("{secret}", f"{{secret:{each.secret}}}"))
            for each in self._settings.secret_headers()
        ]
        return (*cookie, *self._settings.plain_headers(), *secret)

    async def _head(
        self, urgent: bool, refused: _Session | None, fresh: bool
    ) -> tuple[Headers, _Session | None, tuple[str, ...]]:
        try:
            made, versions = credential_headers(self._settings.secret_headers(), b"", self._secrets, fresh)
        except SecretMissing as missing:
            raise Refused(str(missing)) from None
        session = await self._logged_in(urgent, refused)
        cookie = (("Cookie", f"{self._settings.cookie}={session.cookie}"),) if session and session.cookie else ()
        return (*cookie, *self._settings.plain_headers(), *made), session, versions

    async def _logged_in(self, urgent: bool, refused: _Session | None) -> _Session | None:
        """None where no log-in is wanted."""
        password = self._settings.password
        if password is None:
            return None
        async with self._logging_in:
            held = self._session
            try:
                secret = self._secrets.get(password, fresh=refused is not None)
            except SecretMissing as missing:
                raise Refused(str(missing)) from None
            if held is not None and held is not refused and held.version == secret.version:
                return held
            self._session = None
            try:
                cookie = await self._login(secret.reveal(), urgent)
            except Refused:
                newer = self._secrets.get(password, fresh=True)
                if newer.version == secret.version:
                    raise
                secret, cookie = newer, await self._login(newer.reveal(), urgent)
            self._session = _Session(cookie, secret.version)
            return self._session

    async def _login(self, password: str, urgent: bool) -> str:
        settings = self._settings
        try:
            made, _ = credential_headers(settings.secret_headers(), b"", self._secrets, False)
        except SecretMissing as missing:
            raise Refused(str(missing)) from None
        head = (*settings.plain_headers(), *made, *JSON)
        body = msgspec.json.encode({"user": settings.user, "password": password})
        answer = await self._sender.send("POST", self.origin, self.base + LOGIN, head, body, settings.timeout, urgent)
        if answer.status in (401, 403):
            raise Refused(f"Frigate refuses the log-in of {settings.user} ({answer.status}); see its password")
        if answer.status == 404 and message(answer) == "Authentication is disabled":
            return ""
        if answer.status == 404:
            raise Refused("there is no log-in (404); see whether url is right, or leave user and password out")
        if answer.status == 429:
            after = retry_after(answer, SystemClock().now().utc)
            raise Later("Frigate takes no more log-ins for now (429, its failed_login_rate_limit)", after)
        if not 200 <= answer.status < 300:
            raise NotSent(f"Frigate answers the log-in with {answer.status}", busy=answer.status < 500)
        cookie = self._cookie(answer)
        if not cookie:
            raise Refused(f"the log-in brings no cookie {settings.cookie}; see cookie (Frigate's auth.cookie_name)")
        return cookie

    def _cookie(self, answer: Answer) -> str:
        """Its value in this answer, "" when it is not set."""
        for name, value in answer.headers:
            if len(name) == 10 and name.lower() == b"set-cookie" and value.strip().startswith(self._prefix):
                text = value.strip()[len(self._prefix) :].split(b";", 1)[0].strip().strip(b'"')
                if text.isascii() and text.decode().isprintable():
                    return text.decode()
        return ""

    def _heed(self, session: _Session | None, answer: Answer) -> None:
        """Near its end Frigate renews a cookie by itself [1]."""
        if session is not None and 200 <= answer.status < 300:
            renewed = self._cookie(answer)
            if renewed:
                session.cookie = renewed

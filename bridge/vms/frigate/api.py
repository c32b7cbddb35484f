"""Frigate's API: one request, with the cookie of a log-in, which is made when there is none or it is refused [1]."""

from __future__ import annotations

import math

import msgspec

from bridge.clock import SystemClock
from bridge.secret import SecretMissing, SecretRef, Secrets
from bridge.vms.frigate.answers import message
from bridge.vms.frigate.settings import FrigateSettings
from bridge.vms.http import Answer, NotSent, Sender, split_url
from bridge.vms.http.answer import retry_after
from bridge.vms.http.headers import credential_headers
from bridge.vms.tokens import Refused, Tokens, WrongPassword

LOGIN = "/api/login"
JSON = (("Content-Type", "application/json"),)
LARGEST_ANSWER = 16 * 2**20
"""Bytes: a configuration of a hundred cameras, a page of events with long descriptions."""

Headers = tuple[tuple[str, str], ...]


class _LogIn(Tokens):
    """For a cookie, which is used until it is refused; "" where Frigate wants none."""

    def __init__(self, sender: Sender, settings: FrigateSettings, ref: SecretRef, secrets: Secrets) -> None:
        super().__init__(ref, secrets)
        self._sender = sender
        self._settings = settings
        self._origin, path = split_url(settings.url)
        self._path = path.rstrip("/") + LOGIN
        self._prefix = f"{settings.cookie}=".encode()

    async def _fetch(self, password: str, renew: bool) -> tuple[str, float | None]:
        settings = self._settings
        try:
            made, _ = credential_headers(settings.secret_headers(), b"", self._secrets, False)
        except SecretMissing as missing:
            raise Refused(str(missing)) from None
        head = (*settings.plain_headers(), *made, *JSON)
        body = msgspec.json.encode({"user": settings.user, "password": password})
        answer = await self._sender.send("POST", self._origin, self._path, head, body, settings.timeout, True)
        if answer.status in (401, 403):
            raise WrongPassword(f"Frigate refuses the log-in of {settings.user} ({answer.status}); see its password")
        if answer.status == 404 and message(answer) == "Authentication is disabled":
            return "", math.inf
        if answer.status == 404:
            raise Refused("there is no log-in (404); see whether url is right, or leave user and password out")
        if answer.status == 429:
            after = retry_after(answer, SystemClock().now().utc)
            raise NotSent("Frigate takes no more log-ins for now (429, its failed_login_rate_limit)", True, after)
        if not 200 <= answer.status < 300:
            raise NotSent(f"Frigate answers the log-in with {answer.status}", busy=answer.status < 500)
        cookie = self.cookie(answer)
        if not cookie:
            raise Refused(f"the log-in brings no cookie {settings.cookie}; see cookie (Frigate's auth.cookie_name)")
        return cookie, math.inf

    def cookie(self, answer: Answer) -> str:
        """Its value in this answer, "" when it is not set."""
        for name, value in answer.headers:
            if len(name) == 10 and name.lower() == b"set-cookie" and value.strip().startswith(self._prefix):
                text = value.strip()[len(self._prefix) :].split(b";", 1)[0].strip().strip(b'"')
                if text.isascii() and text.decode().isprintable():
                    return text.decode()
        return ""


class Api:
    def __init__(self, sender: Sender, settings: FrigateSettings, secrets: Secrets) -> None:
        self._sender = sender
        self._settings = settings
        self._secrets = secrets
        self.origin, path = split_url(settings.url)
        self.base = path.rstrip("/")
        password = settings.password
        self._log_in = None if password is None else _LogIn(sender, settings, password, secrets)

    async def get(self, path: str, urgent: bool = False) -> Answer:
        """``path`` begins with ``/api``. Raises SendingError, Refused."""
        return await self.ask("GET", path, (), b"", urgent)

    async def ask(self, method: str, path: str, headers: Headers, body: bytes, urgent: bool = False) -> Answer:
        """A log-in that is refused is made anew, once. Sending twice is safe: the first was refused with 401.

        Raises SendingError, Refused.
        """
        seconds = self._settings.timeout
        head, cookie, versions = await self._head()
        answer = await self._sender.send(
            method, self.origin, self.base + path, (*head, *headers), body, seconds, urgent
        )
        if answer.status == 401:
            used = cookie
            head, cookie, fresh = await self._head(used, again=True)
            if cookie != used or fresh != versions:
                answer = await self._sender.send(
                    method, self.origin, self.base + path, (*head, *headers), body, seconds, urgent
                )
        self._heed(cookie, answer)
        return answer

    async def credentials(self) -> Headers:
        """The headers that every request has. Raises SendingError, Refused."""
        return (await self._head())[0]

    def shown_credentials(self) -> Headers:
        """The same, with ``{secret:NAME}`` where a secret goes."""
        password = self._settings.password
        cookie = (("Cookie", f"{self._settings.cookie}={{secret:{password}}}"),) if password is not None else ()
        secret = [
            (each.header, each.template.replace("{secret}", f"{{secret:{each.secret}}}"))
            for each in self._settings.secret_headers()
        ]
        return (*cookie, *self._settings.plain_headers(), *secret)

    async def _head(self, refused: str = "", again: bool = False) -> tuple[Headers, str, tuple[str, ...]]:
        """(the headers that show who we are, the cookie among them, versions of the others' secrets). ``again``: with
        what was made before, and the cookie ``refused``, it was turned away."""
        try:
            made, versions = credential_headers(self._settings.secret_headers(), b"", self._secrets, again)
        except SecretMissing as missing:
            raise Refused(str(missing)) from None
        cookie = ""
        if self._log_in is not None:
            cookie = await self._log_in.current(refused if again else None)
        shown = (("Cookie", f"{self._settings.cookie}={cookie}"),) if cookie else ()
        return (*shown, *self._settings.plain_headers(), *made), cookie, versions

    def _heed(self, used: str, answer: Answer) -> None:
        """Near its end Frigate renews a cookie by itself [1]."""
        if self._log_in is not None and used and 200 <= answer.status < 300:
            renewed = self._log_in.cookie(answer)
            if renewed:
                self._log_in.renewed(used, renewed)

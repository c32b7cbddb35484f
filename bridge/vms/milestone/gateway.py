"""The API Gateway: one request, with a bearer token that is fetched when there is none, when it is about to run out, or
when it is refused [3]."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlencode

import msgspec

from bridge.secret import Secrets
from bridge.vms.http import Answer, NotSent, Sender, split_url
from bridge.vms.milestone.rest import API
from bridge.vms.milestone.settings import MilestoneSettings
from bridge.vms.milestone.steps import JSON
from bridge.vms.tokens import Tokens, WrongPassword

TOKEN = "/API/IDP/connect/token"  # noqa: S105 - a path
_FORM = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
_WORD = re.compile(r"[a-z_]{1,40}")


class _Reply(msgspec.Struct):
    access_token: str
    expires_in: float = 3600.0


class _Error(msgspec.Struct):
    error: str = ""


_reply = msgspec.json.Decoder(_Reply).decode
_error = msgspec.json.Decoder(_Error).decode


class _LogIn(Tokens):
    """As a user, or as a service."""

    def __init__(self, sender: Sender, settings: MilestoneSettings, secrets: Secrets) -> None:
        ref = settings.secret
        assert ref is not None
        super().__init__(ref, secrets)
        self._sender = sender
        self._settings = settings
        self._origin, path = split_url(settings.gateway)
        self._path = path.rstrip("/") + TOKEN

    async def _fetch(self, password: str, renew: bool) -> tuple[str, float | None]:
        settings = self._settings
        answer = await self._sender.send(
            "POST", self._origin, self._path, _FORM, self._form(password), settings.timeout, urgent=True
        )
        if answer.status in (400, 401, 403):
            who, secret = settings.user or settings.client, settings.secret
            raise WrongPassword(
                f"XProtect refuses the log-in of {who} ({answer.status}{_why(answer)}); see secret {secret}"
            )
        if not 200 <= answer.status < 300:
            raise NotSent(
                f"XProtect answers the log-in with {answer.status}", busy=answer.status not in (502, 503, 504)
            )
        told = answer.told(_reply)
        if told is None:
            raise NotSent("the log-in is not answered as XProtect does; see gateway")
        return told.access_token, told.expires_in

    def _form(self, secret: str) -> bytes:
        settings = self._settings
        if settings.password is None:
            told = {"grant_type": "client_credentials", "client_id": settings.client}
            return urlencode({**told, "client_secret": secret}).encode()
        told = {"grant_type": "password", "username": settings.user, "password": secret}
        return urlencode({**told, "client_id": settings.client}).encode()


class Gateway:
    def __init__(self, sender: Sender, settings: MilestoneSettings, secrets: Secrets) -> None:
        self._sender = sender
        self._settings = settings
        self._log_in = _LogIn(sender, settings, secrets)
        self.origin, path = split_url(settings.gateway)
        self.base = path.rstrip("/")

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
        token = await self._in_time(end)
        shown = (("Authorization", f"Bearer {token}"), *headers)
        answer = await self._sender.send(method, self.origin, place, shown, body, end - clock(), urgent)
        if answer.status == 401:
            token = await self._in_time(end, refused=token)
            shown = (("Authorization", f"Bearer {token}"), *headers)
            answer = await self._sender.send(method, self.origin, place, shown, body, end - clock(), urgent)
        return answer

    async def _in_time(self, end: float, refused: str | None = None) -> str:
        """Whatever fails here, what is to be sent was not. Raises NotSent, Unsendable, Refused."""
        try:
            async with asyncio.timeout_at(end):
                return await self._log_in.current(refused)
        except TimeoutError:
            raise NotSent("logging in took too long") from None


def _why(answer: Answer) -> str:
    """The word of OAuth, ``invalid_grant`` say, and nothing else of the answer."""
    told = answer.told(_error)
    return f", {told.error}" if told is not None and _WORD.fullmatch(told.error) else ""

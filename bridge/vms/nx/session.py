"""Logging in to a server for a token [2]."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

import msgspec

from bridge.secret import Secrets
from bridge.vms.http import Answer, NotSent, Sender, SendingError, split_url
from bridge.vms.nx.login import GOODBYE, JSON, Bearer
from bridge.vms.nx.settings import NxSettings
from bridge.vms.tokens import Refused, WrongPassword


class _Session(msgspec.Struct):
    token: str
    expiresInS: float | None = None


_session = msgspec.json.Decoder(_Session).decode


class Session(Bearer):
    def __init__(self, settings: NxSettings, sender: Sender, secrets: Secrets) -> None:
        super().__init__(settings.user, settings.password, secrets)
        self._sender = sender
        self._timeout = settings.timeout
        self._origin, _ = split_url(settings.server())
        self._path = f"/rest/{settings.api}/login/sessions"

    async def _fetch(self, password: str, renew: bool) -> tuple[str, float | None]:
        body = msgspec.json.encode({"username": self._user, "password": password})
        answer = await self._sender.send("POST", self._origin, self._path, JSON, body, self._timeout, urgent=True)
        if 200 <= answer.status < 300:
            told = answer.told(_session)
            if told is None:
                raise NotSent("the log-in is not answered as Nx does; see whether url is right", busy=True)
            return told.token, told.expiresInS or None
        self._judge(answer)
        raise NotSent(f"Nx answers the log-in with {answer.status}", busy=answer.status not in (500, 502, 503, 504))

    def _judge(self, answer: Answer) -> None:
        """Raises Refused, WrongPassword."""
        status = answer.status
        if status == 403 and b"too many attempts" in answer.body.lower():
            raise WrongPassword("Nx takes no log-in for now: too many attempts with a wrong password (403)")
        if status in (400, 401, 403, 422):
            raise WrongPassword(f"Nx refuses the log-in of {self._user} ({status}); see its name and password")
        if status == 404:
            raise Refused(f"there is no {self._path} there (404); write the api of this version, v4 from 6.1 on")
        if 300 <= status < 400:
            raise Refused(f"Nx answers the log-in with {status}, a redirection: set url to where it really is")

    async def _revoke(self, token: str) -> None:
        path = f"{self._path}/{quote(token, safe='')}"
        headers = (("Authorization", f"Bearer {token}"),)
        with suppress(SendingError):
            await self._sender.send("DELETE", self._origin, path, headers, timeout=GOODBYE)

"""A token of the vendor's cloud for one site: without that scope the site refuses it [2]."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

import msgspec

from bridge.secret import Secrets
from bridge.vms.http import NotSent, Sender, SendingError, split_url
from bridge.vms.http.settings import proxy_of
from bridge.vms.nx.login import GOODBYE, JSON, Bearer
from bridge.vms.nx.settings import NxSettings
from bridge.vms.tokens import Refused, WrongPassword

PATH = "/cdb/oauth2/token"
_APP = {"response_type": "token", "client_id": "3rdParty"}


class _Grant(msgspec.Struct):
    access_token: str
    refresh_token: str | None = None
    expires_in: float | str | None = None


_grant = msgspec.json.Decoder(_Grant).decode


class Cloud(Bearer):
    """Has a connection of its own: the certificate that is pinned is the server's, not the cloud's."""

    def __init__(self, settings: NxSettings, secrets: Secrets) -> None:
        super().__init__(settings.user, settings.password, secrets)
        assert settings.cloud is not None
        self._sender = Sender(connections=2, reserved=1, proxy=proxy_of(settings.proxy, secrets))
        self._timeout = settings.timeout
        self._system = settings.cloud.system
        self._origin, _ = split_url(settings.cloud.host)
        self._refresh = ""

    async def _fetch(self, password: str, renew: bool) -> tuple[str, float | None]:
        refresh, self._refresh = self._refresh, ""
        if renew and refresh:
            grant = await self._granted({"grant_type": "refresh_token", **_APP, "refresh_token": refresh})
            if grant is not None:
                return self._kept(grant)
        log_in = {
            "grant_type": "password",
            **_APP,
            "username": self._user,
            "password": password,
            "scope": f"cloudSystemId={self._system}",
        }
        grant = await self._granted(log_in)
        if grant is None:
            raise WrongPassword(
                f"the cloud refuses the log-in of {self._user}; see its password, that it has no second factor, and "
                "that the site is shared with it"
            )
        return self._kept(grant)

    def _kept(self, grant: _Grant) -> tuple[str, float | None]:
        """The refresh token rotates: the newest counts."""
        self._refresh = grant.refresh_token or ""
        try:
            return grant.access_token, float(grant.expires_in or 0.0) or None
        except ValueError:
            return grant.access_token, None

    async def _granted(self, body: dict[str, str]) -> _Grant | None:
        """None when it is refused. Raises NotSent, Refused."""
        log_in = msgspec.json.encode(body)
        answer = await self._sender.send("POST", self._origin, PATH, JSON, log_in, self._timeout, urgent=True)
        if answer.status in (400, 401, 403, 422):
            return None
        if answer.status == 404:
            raise Refused(f"{self._origin} is no cloud of Nx (404); see cloud: host, for brands have their own")
        if not 200 <= answer.status < 300:
            raise NotSent(f"the cloud answers the log-in with {answer.status}")
        grant = answer.told(_grant)
        if grant is None:
            raise NotSent("the cloud does not answer the log-in as Nx does; see cloud: host")
        return grant

    async def _revoke(self, token: str) -> None:
        headers = (("Authorization", f"Bearer {token}"),)
        with suppress(SendingError):
            await self._sender.send("DELETE", self._origin, f"{PATH}/{quote(token, safe='')}", headers, timeout=GOODBYE)

    async def close(self) -> None:
        await super().close()
        await self._sender.close()

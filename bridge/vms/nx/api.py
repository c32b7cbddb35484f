"""One request to Nx: with who we are, once more when that is turned away, and on to the node a relay names [2, 9]."""

from __future__ import annotations

import asyncio
from urllib.parse import urljoin

from bridge.secret import Secrets
from bridge.vms.http import Answer, NotSent, Origin, Sender, split_url
from bridge.vms.nx.cloud import Cloud
from bridge.vms.nx.digest import Digest
from bridge.vms.nx.login import Login
from bridge.vms.nx.session import Session
from bridge.vms.nx.settings import NxSettings
from bridge.vms.nx.steps import JSON
from bridge.vms.tokens import Refused

MOST_HOPS = 5
OLD_TOKEN = b"auth_wrongsessiontoken"


def login_for(settings: NxSettings, sender: Sender, secrets: Secrets) -> Login:
    match settings.login:
        case "session":
            return Session(settings, sender, secrets)
        case "digest":
            return Digest(settings, secrets)
        case "cloud":
            return Cloud(settings, secrets)


class Api:
    def __init__(self, settings: NxSettings, sender: Sender, login: Login) -> None:
        self._settings = settings
        self._sender = sender
        self.login = login
        self.origin, _ = split_url(settings.server())

    async def get(self, path: str, urgent: bool = False) -> Answer:
        """Raises SendingError, Refused."""
        return await self.ask("GET", path, b"", urgent)

    async def ask(self, method: str, path: str, body: bytes = b"", urgent: bool = False) -> Answer:
        """Asking twice is safe: the first was turned away. Raises SendingError, Refused."""
        used = await self.login.header(method, path)
        answer = await self._ask(method, path, used, body, urgent)
        if not turned_away(answer):
            return answer
        async with self.login.again(used, answer, method, path) as used:
            answer = await self._ask(method, path, used, body, urgent)
            if turned_away(answer):
                raise self.login.turned_away(answer.status)
        return answer

    async def _ask(self, method: str, path: str, authorization: str, body: bytes, urgent: bool) -> Answer:
        headers = headed(authorization, bool(body))
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.timeout
        origin = self.origin
        answer = await self._sender.send(method, origin, path, headers, body, self._settings.timeout, urgent)
        hops = 0
        while self._settings.cloud is not None and answer.status in (307, 308):
            hops += 1
            if hops > MOST_HOPS:
                raise NotSent(f"the relay sends on more than {MOST_HOPS} times", busy=True)
            origin, path = self._next(origin, path, answer)
            left = max(0.001, until - loop.time())
            answer = await self._sender.send(method, origin, path, headers, body, left, urgent)
        return answer

    def _next(self, origin: Origin, path: str, answer: Answer) -> tuple[Origin, str]:
        """Where a relay sends on to; the token goes to nobody else. Raises NotSent, Refused: it was not taken."""
        assert self._settings.cloud is not None
        named = (answer.header(b"location") or b"").decode("latin-1").strip()
        try:
            to, place = split_url(urljoin(f"{origin}{path}", named))
        except ValueError:
            raise NotSent("the relay sends on to something that is no address", busy=True) from None
        below = self._settings.cloud.relay.lower()
        host = to.host.lower()
        if to != self.origin and host != below and not host.endswith(f".{below}"):
            raise Refused(f"the relay sends on to {to}, which is not below {below}: see cloud: relay")
        if not to.secure and not self._settings.allow_http:
            raise Refused(f"the relay sends on to {to}, without TLS")
        return to, place


def headed(authorization: str, body: bool) -> tuple[tuple[str, str], ...]:
    told = (("Authorization", authorization),) if authorization else ()
    return (*told, *JSON) if body else told


def turned_away(answer: Answer) -> bool:
    """Because of who we are, not of what we may; an old token is told by 403 and a header [9]."""
    if answer.status == 401:
        return True
    return answer.status == 403 and (answer.header(b"x-auth-result") or b"").strip().lower() == OLD_TOKEN

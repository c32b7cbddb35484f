"""A simulated cloud of Nx: tokens for one site, and a relay that sends on to a node with 307 [2]."""

from __future__ import annotations

import secrets
from types import TracebackType

import msgspec

from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.nx.server import SimulatedNx
from bridge.simulator.nx.users import error, said

SYSTEM = "0f1a2b3c-0000-4000-8000-0123456789ab"


class SimulatedNxCloud:
    """Cloud and relay on one port; ``node`` is the site. ``lifetime``: of tokens. ``hops``: how often the relay sends
    on to itself before it names the node. ``sends_on_to``: another place than the node."""

    def __init__(self, node: SimulatedNx, host: str = "127.0.0.1") -> None:
        self.node = node
        self.server = HttpServer(self._respond, host=host)
        self.user, self.password = "bridge@harbour.example", "cloud pass"
        self.lifetime: object = 3600
        self.hops = 0
        self.sends_on_to = ""
        self.grants: list[dict[str, str]] = []
        self.relayed: list[Asked] = []
        self.revoked: list[str] = []
        self.refresh = ""

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

    async def __aenter__(self) -> SimulatedNxCloud:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.server.stop()

    def _respond(self, asked: Asked, connection: Connection) -> None:
        connection.answer(self._answer(asked))

    def _answer(self, asked: Asked) -> Answer:
        if asked.path == "/cdb/oauth2/token" and asked.method == "POST":
            return self._grant(msgspec.json.decode(asked.body, type=dict[str, str]))
        if asked.path.startswith("/cdb/oauth2/token/"):
            self.revoked.append(asked.path.rpartition("/")[2])
            return said({})
        self.relayed.append(asked)
        place = f"{asked.path}?{asked.query}" if asked.query else asked.path
        passed, _, rest = asked.path.partition("/hop/")[2].partition("/")
        hop = int(passed or 0)
        if hop:
            place = f"/{rest}?{asked.query}" if asked.query else f"/{rest}"
        if hop < self.hops:
            return Answer(307, headers=(("Location", f"/hop/{hop + 1}{place}"),))
        to = self.sends_on_to or f"http://localhost:{self.node.server.port}"
        return Answer(307, headers=(("Location", f"{to}{place}"),))

    def _grant(self, body: dict[str, str]) -> Answer:
        self.grants.append(body)
        if body.get("grant_type") == "refresh_token":
            known = bool(self.refresh) and body.get("refresh_token") == self.refresh
        else:
            known = (body.get("username"), body.get("password")) == (self.user, self.password)
        if not known:
            return error(401, "notAuthorized", "notAuthorized")
        token, self.refresh = f"nxcdb-{secrets.token_urlsafe(12)}", secrets.token_urlsafe(12)
        scoped = body.get("scope") == f"cloudSystemId={SYSTEM}" or body.get("grant_type") == "refresh_token"
        if scoped:
            self.node.users.scoped.add(token)
        return said({"access_token": token, "refresh_token": self.refresh, "expires_in": self.lifetime})

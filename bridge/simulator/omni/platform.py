"""A simulated OMNI Platform 1.18: what happens is said on the WebSocket and to webhooks, and kept for GraphQL.

The WebSocket and HTTP have a port each. What happens while nobody is connected, or is not ``pushed`` (agent and
platform not yet synchronised, reference section 2), is to be had from GraphQL alone.
"""

from __future__ import annotations

import asyncio
import enum
from http import HTTPStatus
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bridge.simulator.http_client import Cut, HttpClient
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.omni import graphql
from bridge.simulator.omni.documents import Happening, identifier, pushed
from bridge.simulator.picture import picture

PATH = "/event-service/ws"
GRAPHQL = "/event-service/graphql"
_IMAGES = ("/event-service/get-image/", "/get-image/")


class Frames(enum.Enum):
    """How an event is put on the WebSocket."""

    TEXT = "text"
    BINARY = "binary"
    FRAGMENTED = "fragmented"


class SimulatedOmni:
    """``async with SimulatedOmni() as omni: … omni.ws_url, omni.endpoint, omni.graphql_url, omni.token``.

    ``happened``: everything, in order. ``said``: how often each event's id was pushed. ``webhooks``: URLs told of each
    event; one try each, as no retry is documented. ``present`` False: upgrades are answered 503.
    """

    def __init__(self, *, host: str = "127.0.0.1", seed: int = 1) -> None:
        self.host = host
        self.endpoint = identifier("endpoint", seed)
        self.token = identifier("token", seed)
        self.frames = Frames.TEXT
        self.present = True
        self.happened: list[Happening] = []
        self.said: dict[str, int] = {}
        self.webhooks: list[str] = []
        self.upgrades: list[str] = []
        """The path and query of each upgrade that was asked for."""
        self.queries = 0
        self.http = HttpServer(self._respond, host=host)
        self._server: Server | None = None
        self._clients: set[ServerConnection] = set()
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> SimulatedOmni:
        await self.http.start()
        self._server = await serve(self._serve, self.host, 0, process_request=self._upgrade, ping_interval=None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await self.http.stop()

    @property
    def ws_url(self) -> str:
        assert self._server is not None
        return f"ws://{self.host}:{next(iter(self._server.sockets)).getsockname()[1]}{PATH}"

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.http.port}"

    @property
    def graphql_url(self) -> str:
        return self.base_url + GRAPHQL

    # --------------------------------------------------------------------------------------------------- what happens

    async def happens(self, event: Happening, *, push: bool = True) -> None:
        """Keep an event, and say it to all who listen; returns when it was said."""
        self.happened.append(event)
        if push:
            await self.say(msgspec.json.encode(pushed(event, f"{self.host}:{self.http.port}")), event)

    async def say(self, body: bytes, event: Happening | None = None) -> None:
        for client in tuple(self._clients):
            try:
                await self._send(client, body)
            except ConnectionClosed:
                continue
            if event is not None:
                self.said[event.id] = self.said.get(event.id, 0) + 1
        for url in self.webhooks:
            await _post(url, body)

    async def _send(self, client: ServerConnection, body: bytes) -> None:
        if self.frames is Frames.BINARY:
            await client.send(body)
        elif self.frames is Frames.FRAGMENTED:
            # Cut anywhere, within letters of several bytes too.
            await client.send([body[at : at + 7] for at in range(0, len(body), 7)], text=True)
        else:
            await client.send(body, text=True)

    async def cut(self) -> None:
        """End every connection without a word."""
        for client in tuple(self._clients):
            client.transport.abort()
        await self.listeners(0)

    async def close(self, code: int = 1001) -> None:
        """End every connection politely."""
        for client in tuple(self._clients):
            await client.close(code)
        await self.listeners(0)

    async def listeners(self, count: int, seconds: float = 10.0) -> None:
        """Wait until so many listen. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self._clients) == count)

    # -------------------------------------------------------------------------------------------------- the WebSocket

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.upgrades.append(request.path)
        parts = urlsplit(request.path)
        if not self.present:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "starting\n")
        if parts.path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such path\n")
        if parse_qs(parts.query).get("endpoint_id") != [self.endpoint]:
            return connection.respond(HTTPStatus.FORBIDDEN, "no such endpoint\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        async with self._changed:
            self._clients.add(connection)
            self._changed.notify_all()
        try:
            async for _ in connection:
                pass  # nothing a client says is documented
        except ConnectionClosed:
            pass
        finally:
            async with self._changed:
                self._clients.discard(connection)
                self._changed.notify_all()

    # ----------------------------------------------------------------------------------------------------------- HTTP

    def _respond(self, asked: Asked, connection: Connection) -> None:
        if not self.present:
            connection.answer(Answer(503))
        elif asked.path.startswith(_IMAGES):
            number = sum(asked.path.encode())
            connection.answer(Answer(200, picture(number), "image/jpeg"))
        elif asked.path != GRAPHQL:
            connection.answer(Answer(404))
        elif self.token.encode() not in (asked.headers.get(b"authorization"), asked.headers.get(b"token")):
            connection.answer(Answer(401))
        else:
            self.queries += 1
            connection.answer(Answer(200, graphql.answer(asked.body, self.happened)))


async def _post(url: str, body: bytes) -> None:
    parts = urlsplit(url)
    client = HttpClient(parts.hostname or "", parts.port or 80)
    head = f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    try:
        await client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    except Cut:
        pass
    finally:
        client.close()

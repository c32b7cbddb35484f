"""One port on which WebSocket endpoints are served, each under its path, and the pictures of their events.

``GET /events`` with an upgrade subscribes; ``GET /events/media/EVENT/PICTURE`` brings a picture's bytes.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bridge.endpoints.settings import WebSocketEndpoint
from bridge.endpoints.websocket import Admitted, Refused, WebSocket
from connectors.listening import bound_to, open_listener

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

log = logging.getLogger("bridge.endpoints")

SPARE = 64
"""Connections beyond the subscribers of all endpoints: such as are being opened, and pictures."""
LARGEST_HEARD = 4096
"""Bytes of a message of a subscriber; nothing is expected of it."""
LARGEST_SENT = 128 * 1024
"""Bytes the operating system holds for one subscriber."""
PATIENCE = 3
"""Pings' intervals in which the answer to one has to come: before it, all that was sent earlier has to be read."""
OPEN_WITHIN = 10.0
CLOSE_WITHIN = 3.0


def _quiet() -> logging.Logger:
    """What the library logs names URLs, and tokens may stand there."""
    quiet = logging.getLogger("bridge.endpoints.wire")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    quiet.setLevel(logging.CRITICAL)
    return quiet


class Port:
    """``settings``: those of its first endpoint; what is the port's own has to be the same in all (``config``).
    ``on_up`` is called each time it listens. ``places``, by path, may be changed at any moment."""

    def __init__(self, settings: WebSocketEndpoint, on_up: Callable[[], None]) -> None:
        self.places: dict[str, WebSocket] = {}
        self.bound = ""
        self._on_up = on_up
        self._bind = settings.bind
        self._tls = settings.tls
        self._ping = settings.ping
        self._connections: set[ServerConnection] = set()
        self._admitted: dict[ServerConnection, tuple[WebSocket, Admitted]] = {}

    async def run(self) -> None:
        """Listen until cancelled. Raises OSError when the port or the certificate cannot be had."""
        try:
            from websockets.asyncio.server import serve
        except ImportError:
            raise OSError("websocket endpoints need the library websockets: install vms-bridge[websocket]") from None
        context = _certificate(self._tls.certificate, self._tls.key) if self._tls is not None else None
        listener = open_listener(self._bind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST_SENT)  # or the kernel would hold megabytes
        try:
            server = await serve(
                self._serve,
                sock=listener,
                ssl=context,
                process_request=self._judge,
                create_connection=_bounded(self),
                compression=None,
                server_header=None,
                max_size=LARGEST_HEARD,
                max_queue=4,
                open_timeout=OPEN_WITHIN,
                close_timeout=CLOSE_WITHIN,
                ping_interval=self._ping,
                ping_timeout=PATIENCE * self._ping,
                logger=_quiet(),
            )
        except BaseException:
            listener.close()
            raise
        self.bound = bound_to(listener)
        self._say(True, "")
        self._on_up()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.down("not listening")
            await self._end(server)

    def down(self, why: str) -> None:
        """It does not listen."""
        self.bound = ""
        self._say(False, why)

    def _say(self, up: bool, why: str) -> None:
        for each in self.places.values():
            each.status.up, each.status.why, each.status.bound = up, why, self.bound

    def add(self, endpoint: WebSocket) -> None:
        self.places[endpoint.path] = endpoint
        if self.bound:
            endpoint.status.up, endpoint.status.why, endpoint.status.bound = True, "", self.bound

    # ------------------------------------------------------------------------------------------------------ requests

    async def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        path, _, query = request.path.partition("?")
        try:
            endpoint = self.places.get(path.rstrip("/") or "/")
            if endpoint is not None:
                self._admitted[connection] = endpoint, endpoint.admit(query, request.headers)
                return None
            return await self._picture(path, query, request)
        except Refused as refused:
            return _response(refused.status, refused.why)
        except ValueError:
            return _response(HTTPStatus.BAD_REQUEST, "this request cannot be read")

    async def _picture(self, path: str, query: str, request: Request) -> Response:
        place, found, rest = path.rpartition("/media/")
        endpoint = self.places.get(place or "/") if found else None
        event, _, media = rest.partition("/")
        if endpoint is None or not media:
            return _response(HTTPStatus.NOT_FOUND, "there is no endpoint here")
        picture = await endpoint.picture(unquote(event), unquote(media), query, request.headers)
        more = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
        origin = request.headers.get("Origin")
        if origin is not None:  # judged with the token
            more |= {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        return _response(HTTPStatus.OK, picture.data, picture.content_type, more)

    async def _serve(self, connection: ServerConnection) -> None:
        place = self._admitted.pop(connection, None)
        if place is not None:
            await place[0].serve(connection, place[1])

    def came(self, connection: ServerConnection) -> bool:
        """Whether one more connection may be."""
        self._connections.add(connection)
        return len(self._connections) <= sum(each.settings.subscribers for each in self.places.values()) + SPARE

    def went(self, connection: ServerConnection) -> None:
        """It has gone, perhaps before it was served."""
        self._connections.discard(connection)
        self._admitted.pop(connection, None)

    async def _end(self, server: Server) -> None:
        """Subscribers are sent away; who has not even said what it wants is hung up on."""
        server.close()
        for connection in tuple(self._connections):
            if connection.request is None:
                connection.transport.abort()
        try:
            async with asyncio.timeout(2 * CLOSE_WITHIN):
                await server.wait_closed()
        except TimeoutError:
            log.warning("subscribers on %s did not leave in time", self._bind)


def _response(
    status: HTTPStatus, content: str | bytes, content_type: str = "text/plain; charset=utf-8",
    more: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    data = f"{content}\n".encode() if isinstance(content, str) else content
    headers = Headers(
        {"Content-Type": content_type, "Content-Length": str(len(data)), "Connection": "close", **(more or {})}
    )
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status.value, status.phrase, headers, data)


def _bounded(port: Port) -> Any:
    """A connection class that hangs up on those beyond the port's bound, and says when one has gone."""
    from websockets.asyncio.server import ServerConnection

    class Bounded(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if not port.came(self):
                self.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            port.went(self)
            super().connection_lost(exc)

    return Bounded


def _certificate(certificate: object, key: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(str(certificate), str(key), password=lambda: b"")
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(error.errno, f"cannot serve wss:// with {certificate} and {key}: {why}") from error
    return context

"""A small HTTP/1.1 server for simulators: what was asked word for word, and power over the connection.

Not ASGI: a simulator must keep the request as it stood on the wire (names of headers in their own case), and must be
able to cut a connection or close its port. Parsing is httptools, as in ``bridge.asgi``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast

import httptools
import msgspec

REASONS = {
    200: b"OK", 201: b"Created", 204: b"No Content", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden",
    404: b"Not Found", 405: b"Method Not Allowed", 409: b"Conflict", 413: b"Content Too Large",
    429: b"Too Many Requests", 500: b"Internal Server Error", 502: b"Bad Gateway", 503: b"Service Unavailable",
}  # fmt: skip
JSON = "application/json"


class Asked(msgspec.Struct):
    """A request. ``head``: its bytes up to and with the empty line, only when the server keeps them.

    ``path`` and ``query`` are as sent, not decoded; header names are in lower case, the last of equals counts.
    """

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes
    head: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        more = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        kind = f"Content-Type: {self.content_type}\r\n" if self.body else ""
        reason = REASONS.get(self.status, b"Status").decode()
        head = f"HTTP/1.1 {self.status} {reason}\r\n{kind}Content-Length: {len(self.body)}\r\n{more}\r\n"
        return head.encode("latin-1") + self.body


Respond: TypeAlias = Callable[[Asked, "Connection"], None]
"""Called once per request; answers (or cuts) the connection now or later."""


class Connection(asyncio.Protocol):
    """One client. Requests are handed on one at a time, in order, also when they come pipelined."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._raw = bytearray()
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._complete: list[Asked] = []
        self._waiting: deque[Asked] = deque()
        self._busy = False

    @property
    def open(self) -> bool:
        """Whether the client is still there."""
        return self._transport is not None and not self._transport.is_closing()

    def answer(self, answer: Answer) -> None:
        self.write(answer.encode())

    def write(self, answer: bytes) -> None:
        """Send a whole answer, encoded, and turn to the next request."""
        if self._transport is not None:
            self._transport.write(answer)
        self._busy = False
        while self._waiting and not self._busy:
            self._respond(self._waiting.popleft())

    def cut(self) -> None:
        """End the connection without a word; whatever was asked on it stays unanswered."""
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()

    def _respond(self, asked: Asked) -> None:
        self._busy = True
        self._server.requests += 1
        self._server.respond(asked, self)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._server.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()
        self._server.disconnected(self)

    def data_received(self, data: bytes) -> None:
        if self._server.keep_heads:
            self._raw += data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.answer(Answer(400, b'{"status":400,"errorType":"bad_request","errorDetail":"no upgrade here"}'))
        except httptools.HttpParserError:
            self.answer(Answer(400, b'{"status":400,"errorType":"bad_request","errorDetail":"not HTTP"}'))
            if self._transport is not None:
                self._transport.close()
        # Not from within the parser: it would take any fault of ours for bad HTTP.
        complete, self._complete = self._complete, []
        for asked in complete:
            if self._busy:
                self._waiting.append(asked)
            else:
                self._respond(asked)

    # httptools

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = {}
        self._body = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        asked = Asked(self._parser.get_method().decode(), path, query, self._headers, body)
        if self._server.keep_heads:
            end = self._raw.find(b"\r\n\r\n") + 4
            asked.head = bytes(self._raw[:end])
            chunked = b"transfer-encoding" in self._headers
            # What follows a chunked body in the same read would be lost for the record: no client here pipelines so.
            self._raw = bytearray() if chunked else self._raw[end + len(body) :]
        self._complete.append(asked)


class HttpServer:
    """Listens while it is ``present``; going away refuses connections, and cuts those there are, but keeps the port."""

    def __init__(self, respond: Respond, *, host: str = "127.0.0.1", port: int = 0, keep_heads: bool = False) -> None:
        self.respond = respond
        self.host = host
        self.port = port
        self.keep_heads = keep_heads
        self.contacts = 0
        """Connections taken so far."""
        self.requests = 0
        """Requests handed on so far."""
        self._connections: set[Connection] = set()
        self._reserve: socket.socket | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Take the port (0: any free one; ``port`` then says which) and listen. Raises OSError when it is taken."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        if self.port and not await self._is_free(family):
            raise OSError(f"port {self.port} of {self.host} is taken: choose another, or 0 for any free one")
        # A second socket, bound and never listening, keeps the port ours while we are away.
        if hasattr(socket, "SO_REUSEPORT"):
            self._reserve = socket.socket(family, socket.SOCK_STREAM)
            self._reserve.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._reserve.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reserve.bind((self.host, self.port))
            self.port = self._reserve.getsockname()[1]
        await self.come_back()

    async def _is_free(self, family: int) -> bool:
        """SO_REUSEPORT would share the port with another process of ours without a word."""
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((self.host, self.port))
            except OSError:
                return False
        return True

    async def come_back(self) -> None:
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self),
            self.host,
            self.port,
            reuse_port=self._reserve is not None or None,
            reuse_address=True,
            backlog=2048,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def go_away(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in tuple(self._connections):
            connection.cut()
        await asyncio.sleep(0)  # aborted transports say goodbye in the next turn of the loop

    async def stop(self) -> None:
        await self.go_away()
        with contextlib.suppress(OSError):
            if self._reserve is not None:
                self._reserve.close()

    @property
    def present(self) -> bool:
        return self._server is not None

    def connected(self, connection: Connection) -> None:
        self.contacts += 1
        self._connections.add(connection)

    def disconnected(self, connection: Connection) -> None:
        self._connections.discard(connection)

"""One port that hears HTTP and plain TCP alike: what a connection begins with says which.

Nothing is taken from a sender unless ``accept``: it is told to try again, and the message stays its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from bridge.asgi import Limits, Server
from bridge.asgi.connection import Connection
from bridge.clock import Clock
from bridge.learning.speakers import Heard
from bridge.model import ConnectorId, Message, Origin, Part
from connectors.listening import bound_to, open_listener
from connectors.multipart import looks_multipart, split
from connectors.sources import plain

CONNECTOR = ConnectorId("learned")
LONGEST = 8 * 2**20
"""Bytes of a body, or of what one TCP connection says, that are looked at."""
CONNECTIONS = 64
QUIET = 2.0
"""Seconds of silence after which what a TCP connection has said so far is looked at."""

_METHOD = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) ")
_TLS = 0x16
"""What every TLS connection begins with: a handshake record (RFC 8446 section 5.1)."""

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Hearing:
    """``told`` is called with each thing that was heard. ``bound``: the address it really listens on."""

    def __init__(self, bind: str, told: Callable[[Heard], None], clock: Clock, accept: bool = False) -> None:
        self.bound = ""
        self._bind = bind
        self._told = told
        self._clock = clock
        self._accept = accept
        self._http = Server(self._answer, Limits(connections=CONNECTIONS, slow=30.0, idle=30.0, unread=30.0))
        self.open = 0
        """Connections now."""

    async def run(self, started: asyncio.Event | None = None) -> None:
        """Listen until cancelled. Raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        listener = open_listener(self._bind)
        self._http.loop = loop
        server = await loop.create_server(lambda: _Connection(self, self._http), sock=listener, backlog=CONNECTIONS)
        self.bound = bound_to(listener)
        if started is not None:
            started.set()
        try:
            await loop.create_future()
        finally:
            server.close()
            await self._http.finish(1.0)

    def heard_stream(self, peer: str, data: bytes, secure: bool) -> None:
        origin = Origin(plain(peer))
        message = Message(connector=CONNECTOR, origin=origin, body=data, arrived=self._clock.now())
        self._told(Heard(way="tls" if secure else "tcp", message=message))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        more = True
        while more and len(body) <= LONGEST:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body += event.get("body", b"")
            more = bool(event.get("more_body", False))
        if len(body) <= LONGEST:
            self._told(self._heard(scope, bytes(body)))
        await _say(send, 200, b"taken\n") if self._accept else await _say(send, 503, b"only listening\n")

    def _heard(self, scope: Scope, body: bytes) -> Heard:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        kind = headers.get("content-type")
        query = scope["query_string"]
        from_query = scope["method"] == "GET" and not body and bool(query)
        if from_query:
            body, kind = bytes(query), "application/x-www-form-urlencoded"
        parts: tuple[Part, ...] = ()
        if (kind or "").lower().startswith("multipart/") or looks_multipart(body):
            parts = split(body, kind or "")
        peer = scope["client"][0] if scope["client"] else ""
        message = Message(
            connector=CONNECTOR, origin=Origin(plain(peer), scope["path"]), body=b"" if parts else body,
            content_type=kind, parts=parts, arrived=self._clock.now(),
        )  # fmt: skip
        shown = headers.get("authorization", "")
        raw = b"" if from_query else body
        return Heard(
            way="http", message=message, method=scope["method"], shows=shown.partition(" ")[0].lower(),
            from_query=from_query, raw=raw,
        )  # fmt: skip


async def _say(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body)), (b"retry-after", b"30")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Connection(asyncio.Protocol):
    """Waits for the first bytes, then is what they say."""

    def __init__(self, hearing: Hearing, http: Server) -> None:
        self._hearing = hearing
        self._http = http
        self._inner: Connection | None = None
        self._transport: asyncio.Transport | None = None
        self._said = bytearray()
        self._pause: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._hearing.open += 1
        if self._hearing.open > CONNECTIONS:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)
            return
        self._said += data
        if _METHOD.match(self._said):
            assert self._transport is not None
            self._inner = Connection(self._http)
            self._inner.connection_made(self._transport)
            self._inner.data_received(bytes(self._said))
            return
        if self._pause is not None:
            self._pause.cancel()
        if len(self._said) > LONGEST:
            self._look()
            if self._transport is not None:
                self._transport.close()
            return
        self._pause = asyncio.get_running_loop().call_later(QUIET, self._look)

    def _look(self) -> None:
        said, self._said = bytes(self._said), bytearray()
        if said and self._transport is not None:
            peer = self._transport.get_extra_info("peername")
            self._hearing.heard_stream(str(peer[0]) if peer else "", said, said[0] == _TLS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._hearing.open -= 1
        if self._pause is not None:
            self._pause.cancel()
        if self._inner is not None:
            self._inner.connection_lost(exc)
        else:
            self._look()
        self._transport = None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def eof_received(self) -> bool | None:
        with contextlib.suppress(AttributeError):
            return self._inner.eof_received() if self._inner is not None else None
        return None

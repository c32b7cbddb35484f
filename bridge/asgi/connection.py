"""One client's connection: requests are parsed as they come and answered one after the other, in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

import httptools

from bridge.asgi.exchange import Exchange, Scope

if TYPE_CHECKING:
    from bridge.asgi.server import Server

log = logging.getLogger("bridge.asgi")

MOST_AHEAD = 16
"""Requests that may wait on one connection for those before them; then it is not read."""

MOST_HEADERS = 1000
"""Lines of one head: many short ones take thirty times their bytes."""

AT_ONCE = 16 * 1024
"""Bytes that are parsed at once: a read may bring 256 KiB, and fifteen thousand requests in them."""

_NOT_HTTP = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 12\r\nconnection: close\r\n\r\nnot HTTP/1.1"
_HEAD_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 13\r\nconnection: close\r\n\r\nhead too long"
)
_FAULT = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(asyncio.Protocol):
    """``since``: when what it does now began (loop time): to rest, to read a head, to write what is not read or to hang
    up."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser = self._new_parser()
        self._client: tuple[str, int] | None = None
        self._secure = False
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = False
        self._goes_on = False  # the body comes by another parser
        self._head_length = 0  # or bytes that belong to a body and bring none of it
        self._in_head = True
        self._parsing: Exchange | None = None
        self._working: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._answered = False
        self._last = False
        self._paused = False
        self._unparsed: bytes | memoryview = b""
        self._drained: asyncio.Event | None = None
        self.handshake: asyncio.Task[None] | None = None
        self.since = server.loop.time()

    # ---------------------------------------------------------------------------------------------- from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self.handshake is not None:
            self._secure = True
            self.since = self._server.loop.time()
            return
        self.comes_from(transport.get_extra_info("peername"))
        if not self._server.welcome(self):
            self._transport.write(self._server.crowded)
            self.close()

    def comes_from(self, source: object) -> None:
        """``source``: as the socket gives it."""
        self._client = (str(source[0]), int(source[1])) if isinstance(source, tuple) else None

    @property
    def peer(self) -> str:
        """Who is at the other end, without the port; "" on a socket that has no addresses."""
        return self._client[0] if self._client is not None else ""

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.farewell(self)
        self._transport = None
        if self._drained is not None:
            self._drained.set()
        for exchange in (self._parsing, self._working, *self._waiting):
            if exchange is not None:
                exchange.disconnected()
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        if self._unparsed:
            self._unparsed = bytes(self._unparsed) + data  # once: nothing is read meanwhile
        elif len(data) <= AT_ONCE:
            self._parse(data)
        else:
            self._unparsed = memoryview(data)
            self._parse_on()

    def _parse_on(self) -> None:
        """As much of what was read as may wait for those before it."""
        while self._unparsed and not self._last and not self._is_ahead:
            piece, self._unparsed = self._unparsed[:AT_ONCE], self._unparsed[AT_ONCE:]
            self._parse(piece)
        if self._last:
            self._unparsed = b""
        elif self._unparsed:
            self.stop_reading()

    def _parse(self, data: bytes | memoryview) -> None:
        if self._last:
            return
        if self._in_head and not self._head_length and not self.at_work:
            self.since = self._server.loop.time()
        self._head_length += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._parsing is not None:
                self._go_on_with_the_body()
                self._parse(data[upgrade.args[0] :])
                return
            self._last = True  # what comes after is of another protocol
        except httptools.HttpParserError:
            if self._head_length <= self._server.limits.head:
                self._broken(_NOT_HTTP, "not http")
                return
        if self._head_length > self._server.limits.head:
            self._broken(_HEAD_TOO_LONG, "head too long")
            return
        if self._working is None:
            self._next()
        elif self._is_ahead:
            self.stop_reading()

    def eof_received(self) -> bool:
        """It asks nothing more, and may wait for its answers: some senders end what they say before they listen."""
        self._last = True
        if self._parsing is not None:
            self._parsing.disconnected()
        for exchange in (self._working, *self._waiting):
            if exchange is not None:
                exchange.no_more()
        return self.at_work and not self._secure  # with TLS there is no end of one direction alone

    def pause_writing(self) -> None:
        self.since = self._server.loop.time()
        self._drained = asyncio.Event()

    def resume_writing(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    # -------------------------------------------------------------------------------------------- from the parser

    def on_message_begin(self) -> None:
        if self._parsing is not None:
            return  # see _go_on_with_the_body
        self._url = b""
        self._headers = []
        self._expects = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._parsing is not None:
            return  # behind the body: trailers are no headers (RFC 9110 section 6.5.1)
        if len(self._headers) == MOST_HEADERS:
            self._head_length = self._server.limits.head + 1
            raise ValueError("too many headers")  # the parser's to catch
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._parsing is not None:
            return
        parser = self._parser
        version = parser.get_http_version()
        url = httptools.parse_url(self._url)
        path = (url.path or b"").decode("latin-1")
        scope: Scope = {
            "type": "http",
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "scheme": "https" if self._secure else "http",
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path or b"",
            "query_string": url.query or b"",
            "headers": self._headers,
            "client": self._client,
        }
        upgrade = parser.should_upgrade()
        self._goes_on = upgrade and scope["method"] != "CONNECT" and bool(self._framing())
        keep = version != "1.0" and parser.should_keep_alive() and (self._goes_on or not upgrade)
        self._parsing = Exchange(self, scope, keep, self._expects)
        self._waiting.append(self._parsing)
        self._in_head = False
        self._head_length = 0

    def on_body(self, body: bytes) -> None:
        self._head_length = 0
        if self._parsing is not None:
            self._parsing.body(body)

    def on_message_complete(self) -> None:
        if self._goes_on:
            return
        if self._parsing is not None:
            self._parsing.end_of_body()
            self._parsing = None
        self._in_head = True
        self._head_length = 0

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        if hasattr(parser, "set_dangerous_leniencies"):
            # What follows a request that says "Connection: close" is ignored instead of spoiling its answer.
            parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _framing(self) -> list[tuple[bytes, bytes]]:
        return [each for each in self._headers if each[0].lower() in (b"content-length", b"transfer-encoding")]

    def _go_on_with_the_body(self) -> None:
        """Behind a head that offers another protocol (Java's HTTP client and curl offer HTTP/2) the parser reads no
        body. The offer may be ignored (RFC 9110 section 7.8): another parser is told how the body comes, and reads on.
        """
        self._goes_on = False
        self._parser = self._new_parser()
        framing = b"".join([b"%b: %b\r\n" % each for each in self._framing()])
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % framing)

    # ---------------------------------------------------------------------------------------------- the exchanges

    @property
    def at_work(self) -> bool:
        """Whether a request is being answered: then the application bounds its time."""
        return self._working is not None or bool(self._waiting)

    @property
    def resting(self) -> bool:
        """Whether nothing has come since the last answer."""
        return self._in_head and not self._head_length and not self.at_work and self._answered

    @property
    def unread(self) -> bool:
        """Whether it has so many answers not read that none can be written, or is to be hung up on and has some."""
        return self._drained is not None or (self._transport is not None and self._transport.is_closing())

    @property
    def gives_way(self) -> bool:
        """Whether nothing of it would be lost that may be kept already: a body that has not come whole is not."""
        return not self.at_work or (self._working is not None and self._working is self._parsing)

    @property
    def _is_ahead(self) -> bool:
        """Whether as much waits for the request before it as may."""
        return len(self._waiting) > MOST_AHEAD or (bool(self._waiting) and self._waiting[-1].is_ahead)

    def _next(self) -> None:
        if self._waiting:
            exchange = self._working = self._waiting.popleft()
            self._server.answer(self, exchange)

    async def answered(self, exchange: Exchange) -> None:
        """Have the application answer, and close what it left open."""
        try:
            await self._server.application(exchange.scope, exchange.receive, exchange.send)
        except Exception:
            log.exception("a request could not be answered")
            if not exchange.started and not exchange.gone:
                self.write(_FAULT)
            exchange.keep = False
        finally:
            self._working = None
            self._answered = True
            if self._transport is not None:
                if not exchange.complete or not exchange.keep or self._server.closing:
                    self._last = True
                    self.close()
                elif self._last and not self._waiting:
                    self.close()
                else:
                    self.since = self._server.loop.time()
                    self._next()
                    self.read_on()

    def _broken(self, answer: bytes, why: str) -> None:
        """Nothing more can be read here. Those before it are still answered."""
        self._server.counts[why] += 1
        self._last = True
        if self._parsing is not None:
            self._parsing.disconnected()
        if self._working is None and not self._waiting:
            self.write(answer)
            self.close()
        elif self._working is None:
            self._next()

    def end(self) -> None:
        """Take no further request: closed now, or when the answer that is under way is written."""
        if self._working is not None:
            self._working.keep = False
        elif not self._waiting:
            self.close()

    def close(self) -> None:
        if self._transport is None:
            if self.handshake is not None:
                self.handshake.cancel()
        elif not self._transport.is_closing():
            self.since = self._server.loop.time()
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------------------------------- for the exchanges

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    async def writable(self) -> None:
        if self._drained is not None:
            await self._drained.wait()

    def stop_reading(self) -> None:
        if not self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def read_on(self) -> None:
        if self._unparsed:
            self._parse_on()
        if self._unparsed or self._is_ahead:
            return
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

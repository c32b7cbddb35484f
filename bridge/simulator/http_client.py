"""A lean HTTP/1.1 client for simulated senders: bytes built beforehand, one connection kept alive, no library.

It reads what answers it must (a status, headers, a body by length, by chunks or none) and nothing more.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools
import msgspec


class Cut(Exception):
    """No answer came: refused, cut, or late. Whether the request was taken is not known."""


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def taken(self) -> bool:
        """Whether the sender may forget what it sent."""
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float:
        text = self.headers.get(b"retry-after", b"")
        return float(text) if text.isdigit() else 0.0


class HttpClient:
    """One connection to one place; opened when it is needed, again after it was lost. One request at a time."""

    def __init__(self, host: str, port: int, *, timeout: float = 10.0) -> None:
        self._host = host
        self._port = port
        self._timeout = timeout
        self._link: _Link | None = None
        self.connects = 0

    async def send(self, request: bytes) -> Reply:
        """Send a whole request (head and body) and wait for its answer. Raises Cut."""
        try:
            async with asyncio.timeout(self._timeout):
                link = self._link
                if link is None or not link.usable:
                    link = await self._connect()
                return await link.ask(request)
        except (OSError, TimeoutError) as error:
            self.close()
            raise Cut(str(error) or type(error).__name__) from None
        except asyncio.CancelledError:
            self.close()  # an answer to come would be taken for the next request's
            raise

    async def _connect(self) -> _Link:
        _, link = await asyncio.get_running_loop().create_connection(_Link, self._host, self._port)
        self._link = link
        self.connects += 1
        return link

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()


class _Link(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Reply] | None = None
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._last = False

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and not self._last

    async def ask(self, request: bytes) -> Reply:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail("the connection was cut")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("the answer is not HTTP")
            self.close()

    def on_message_begin(self) -> None:
        self._headers = {}
        self._body = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        self._last = not self._parser.should_keep_alive()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(Reply(status, self._headers, b"".join(self._body)))

    def _fail(self, why: str) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(ConnectionError(why))

"""One large answer, piece by piece, over a connection of its own: what is not taken yet is not read on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import cast

import httptools

from bridge.vms.http.answer import AnswerLost, NotSent

MOST_HELD = 2**20
"""Bytes held for a slow reader; beyond it the connection is not read."""
LARGEST_HEAD = 64 * 1024


class Download(asyncio.Protocol):
    """``start`` writes the request and brings the status; ``pieces`` the body; ``close`` at the end, always."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: deque[bytes] = deque()
        self._held = self._received = 0
        self._head_done = self._complete = self._paused = False
        self._failed = ""
        self._more = asyncio.Event()

    async def start(self, request: bytes, seconds: float) -> None:
        """Raises NotSent, AnswerLost."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise NotSent("the connection was closed before anything was written")
        transport.write(request)
        while not self._head_done:
            await self._heard(seconds)
        self.status = self._parser.get_status_code()

    async def pieces(self, seconds: float) -> AsyncIterator[bytes]:
        """The body; ``seconds`` is how long each piece may take to come. Raises AnswerLost when it is not whole."""
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._held -= len(piece)
                if self._paused and self._held <= MOST_HELD // 2 and self._transport is not None:
                    self._paused = False
                    self._transport.resume_reading()
                yield piece
            if self._complete:
                return
            await self._heard(seconds)

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name (given in lower case)."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _heard(self, seconds: float) -> None:
        if self._failed:
            raise AnswerLost(self._failed)
        self._more.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._more.wait()
        except TimeoutError:
            raise AnswerLost(f"nothing more came for {round(seconds, 1):g} s", silent=True) from None

    # ------------------------------------------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._complete:
                self._fail("the answer is not HTTP")
        if not self._head_done and self._received > LARGEST_HEAD:
            self._fail("the answer's head has no end")
        if self._held > MOST_HELD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._more.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._complete and not self._failed:
            if exc is None and self._head_done and self._ends_with_connection():
                self._complete = True
            else:
                self._failed = "the connection was cut in the middle"
        self._more.set()

    def _fail(self, why: str) -> None:
        self._failed = why
        self.close()

    def _ends_with_connection(self) -> bool:
        """Whether it has neither length nor chunks, so that its end is the connection's (RFC 9112, 6.3)."""
        return self.header(b"content-length") is None and b"chunked" not in (self.header(b"transfer-encoding") or b"")

    # --------------------------------------------------------------------------------------------- httptools' callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() >= 200:  # 100 Continue, 103 Early Hints: the answer is yet to come
            self._head_done = True

    def on_body(self, data: bytes) -> None:
        if not self._complete:
            self._pieces.append(data)
            self._held += len(data)

    def on_message_complete(self) -> None:
        if self._head_done:
            self._complete = True
        else:
            self.headers = []

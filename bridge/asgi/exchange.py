"""One request and its answer, as an ASGI application sees them: a scope, ``receive`` and ``send``.

https://asgi.readthedocs.io/en/latest/specs/www.html; of a scope only the keys below are there.
"""

from __future__ import annotations

import asyncio
import http
import time
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any, Protocol, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""``await application(scope, receive, send)``; each application has its own types for what passes."""

READ_AHEAD = 64 * 1024
"""Bytes of a body that are kept before the application asks for them; then the connection is not read."""

_GONE: Event = {"type": "http.disconnect"}
_STATUS = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in http.HTTPStatus}


class Wire(Protocol):
    """What an exchange needs of its connection."""

    def write(self, data: bytes) -> None: ...

    async def writable(self) -> None: ...

    def read_on(self) -> None: ...

    def stop_reading(self) -> None: ...


class Exchange:
    """``more_body``: whether some of the request's body has not come yet. ``complete``: the whole answer is written.
    ``keep``: whether another request may follow on the connection. ``gone``: nobody is there to answer."""

    __slots__ = (
        "_ahead", "_chunked", "_expects", "_head", "_left", "_no_more", "_pieces", "_told_end", "_waiter", "_wire",
        "complete", "gone", "keep", "more_body", "scope", "started",
    )  # fmt: skip

    def __init__(self, wire: Wire, scope: Scope, keep: bool, expects_continue: bool) -> None:
        self.scope = scope
        self.keep = keep
        self.more_body = True
        self.started = self.complete = self.gone = False
        self._wire = wire
        self._expects = expects_continue
        self._pieces: list[bytes] = []
        self._ahead = 0
        self._told_end = self._no_more = False
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""
        self._chunked = False
        self._left = 0

    # ------------------------------------------------------------------------------------------ from the connection

    def body(self, data: bytes) -> None:
        if self.complete:
            return
        self._pieces.append(data)
        self._ahead += len(data)
        if self.is_ahead:
            self._wire.stop_reading()
        self._wake()

    def end_of_body(self) -> None:
        self.more_body = False
        self._wake()

    @property
    def is_ahead(self) -> bool:
        """Whether as much of its body is kept as may be before it is asked for."""
        return self._ahead > READ_AHEAD

    def no_more(self) -> None:
        """The client has ended its direction of the connection; whether it still listens is not known."""
        self._no_more = True
        self._wake()

    def disconnected(self) -> None:
        self.gone = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ----------------------------------------------------------------------------------------- for the application

    async def receive(self) -> Event:
        """The body that has come since, or the end of the exchange."""
        while not (
            self.gone or self.complete or self._pieces or self._no_more or (not self.more_body and not self._told_end)
        ):
            if self._expects and self.more_body:
                self._expects = False
                self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._wire.read_on()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        if self.gone or self.complete or (self._no_more and self._told_end):
            return _GONE
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self._ahead = 0
        self._told_end = not self.more_body
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, event: Event) -> None:
        """Write the answer: its start, then its body in one piece or several. Raises RuntimeError for any other use."""
        if self.gone:
            return
        if event["type"] == "http.response.start":
            if self.started:
                raise RuntimeError("an answer begins once")
            self.started = True
            self._expects = False
            self._head = self._begin(event)
            return
        if not self.started or self.complete or event["type"] != "http.response.body":
            raise RuntimeError(f"{event['type']} is not what comes next in an answer")
        await self._wire.writable()
        self._write(event.get("body", b""), bool(event.get("more_body", False)))

    def _begin(self, event: Event) -> bytes:
        status = event["status"]
        lines = [_STATUS.get(status) or f"HTTP/1.1 {status} \r\n".encode(), _date()]
        self._left = -1
        closing = False
        for name, value in event.get("headers", ()):
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection" and b"close" in value.lower():
                self.keep, closing = False, True
            lines.append(b"%s: %s\r\n" % (name, value))
        if not self.keep and not closing:
            lines.append(b"connection: close\r\n")
        if self._left < 0:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _write(self, body: bytes, more: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            body = b""
        elif self._chunked:
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            self._left -= len(body)
            if self._left < 0 or (self._left > 0 and not more):
                self.keep = False
                raise RuntimeError("the answer is not as long as its content-length says")
        if not more:
            self.complete = True
        if head or body:
            self._wire.write(head + body)
        if not more:
            self._wake()


_dated = (0, b"")


def _date() -> bytes:
    """The ``Date`` line, made once a second (RFC 9110 section 6.6.1)."""
    global _dated
    now = int(time.time())
    if _dated[0] != now:
        _dated = (now, f"date: {formatdate(now, usegmt=True)}\r\n".encode())
    return _dated[1]

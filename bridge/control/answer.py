"""The little of HTTP that the control API needs over raw ASGI: a bounded body in, JSON or JSON lines out.

A call is ``Asked`` and gives an ``Answer``: what calls do knows nothing of ASGI.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias
from urllib.parse import parse_qsl

import msgspec

Scope: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, object]]]
Send: TypeAlias = Callable[[MutableMapping[str, object]], Awaitable[None]]

LARGEST_BODY = 64 * 1024
LINES = "application/x-ndjson"


class Refused(Exception):
    """Not done, and why in words for the one who asked; ``status`` is the HTTP status."""

    def __init__(self, why: str, status: int = 422) -> None:
        super().__init__(why)
        self.status = status


class Asked:
    """What is wanted, by whoever calls."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        query = scope.get("query_string", b"")
        assert isinstance(query, bytes)
        self.parameters = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        self._receive = receive

    async def body(self) -> bytes:
        """The whole request body. Raises Refused beyond 64 KiB."""
        return await body(self._receive)


class Answer(Protocol):
    """What a call comes to."""

    async def give(self, receive: Receive, send: Send) -> None: ...


Call: TypeAlias = Callable[[Asked], Awaitable[Answer]]
"""Raises Refused, and what ``Control`` makes answers of."""


class Json(msgspec.Struct):
    value: object
    status: int = 200

    async def give(self, receive: Receive, send: Send) -> None:
        await json(send, self.value, self.status)


class Whole(msgspec.Struct):
    content: bytes
    content_type: str

    async def give(self, receive: Receive, send: Send) -> None:
        await whole(send, self.content, self.content_type)


class Lines(msgspec.Struct):
    """Found one after the other, and then it ends."""

    found: AsyncIterator[bytes]

    async def give(self, receive: Receive, send: Send) -> None:
        await lines(send, self.found)


class Stream(msgspec.Struct):
    """What comes, until it ends or the one who listens leaves. ``told`` is entered before anything is answered: what
    raises there is a refusal."""

    told: AbstractAsyncContextManager[AsyncIterator[bytes]]
    content_type: str = LINES

    async def give(self, receive: Receive, send: Send) -> None:
        async with self.told as told, asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(lines(send, told, self.content_type))
            leaving = tasks.create_task(_gone(receive))
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            telling.cancel()
            leaving.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def header(scope: Scope, name: bytes) -> str:
    headers = scope["headers"]
    assert isinstance(headers, list)
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


async def body(receive: Receive) -> bytes:
    """The whole request body; raises Refused beyond 64 KiB."""
    gathered = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("the caller went away", 400)
        chunk = message.get("body", b"")
        assert isinstance(chunk, bytes)
        gathered += chunk
        if len(gathered) > LARGEST_BODY:
            raise Refused(f"the request is larger than {LARGEST_BODY} bytes", 413)
        if not message.get("more_body"):
            return bytes(gathered)


async def json(send: Send, answer: object, status: int = 200) -> None:
    await whole(send, msgspec.json.encode(answer), "application/json", status)


async def whole(send: Send, content: bytes, content_type: str, status: int = 200) -> None:
    await _start(send, status, content_type.encode(), (b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.body", "body": content})


async def lines(send: Send, told: AsyncIterator[bytes], kind: str = LINES) -> None:
    """JSON lines (or pieces of something else) as they come; an empty chunk first, so that the caller knows it is
    listening."""
    await _start(send, 200, kind.encode())
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    async for line in told:
        await send({"type": "http.response.body", "body": line, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def error(send: Send, why: str, status: int) -> None:
    answer: Mapping[str, str] = {"error": why}
    await json(send, answer, status)


async def _start(send: Send, status: int, content_type: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", content_type), (b"cache-control", b"no-store"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})

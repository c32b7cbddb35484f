"""What one client may take of the server under our listening connectors: memory, places and time; over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest

from bridge.asgi import Limits, Server, connection
from bridge.asgi.exchange import READ_AHEAD

BOUND = 30.0
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Line: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

LARGE = 16 * 2**20
"""Bytes: more than the system takes off our hands."""
CHUNKED = b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class App:
    """Answers ``/large`` with 16 MiB, ``/slow`` after twenty turns of the loop, others with the length of their body.
    ``headers``: of each request when its body was read. Of one connection at most: ``most`` requests waited, of the
    bodies of which there were ``ahead`` bytes, and ``unparsed`` ones. While ``open`` is clear nobody is answered."""

    def __init__(self) -> None:
        self.server: Server
        self.begun = self.answered = self.gone = self.most = self.ahead = self.unparsed = 0
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.begun += 1
        for each in self.server._connections:
            self.most = max(self.most, len(each._waiting))
            self.ahead = max(self.ahead, sum(waiting._ahead for waiting in each._waiting))
            self.unparsed = max(self.unparsed, len(each._unparsed))
        length, more = 0, True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.gone += 1
                return
            length += len(event["body"])
            more = event["more_body"]
        for _ in range(20 if scope["path"].startswith("/slow") else 0):
            await asyncio.sleep(0)
        await self.open.wait()
        self.headers.append(list(scope["headers"]))
        said = b"x" * LARGE if scope["path"] == "/large" else b"%d" % length
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
        await send({"type": "http.response.body", "body": said})
        self.answered += 1


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[tuple[App, Callable[[], Awaitable[Line]]]]:
    """The application, and how one connects to it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.setblocking(False)
    app, lines = App(), []
    app.server = Server(app, Limits(**limits))
    await app.server.start(listener)

    async def connect() -> Line:
        line = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1], limit=2**22)
        lines.append(line)
        return line

    try:
        yield app, connect
    finally:
        app.open.set()
        for _, writer in lines:
            writer.close()
        await app.server.finish(BOUND)


async def heard(reader: asyncio.StreamReader) -> bytes:
    """All until the server hangs up."""
    async with asyncio.timeout(BOUND):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND):
        while not happened():
            await asyncio.sleep(0.01)


async def test_of_requests_sent_without_end_few_are_held_and_each_is_answered() -> None:
    request = b"GET /slow%s HTTP/1.1\r\n\r\n" % (b"a" * 4000)
    count = 500
    async with serving() as (app, connect):
        reader, writer = await connect()
        writer.write(request * count + b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
        answers = await heard(reader)
    assert app.answered == count + 1
    assert answers.count(b"HTTP/1.1 200") == count + 1
    assert app.most <= connection.MOST_AHEAD + connection.AT_ONCE // len(request) + 1
    assert app.unparsed <= 2**20


async def test_of_a_body_that_waits_for_the_request_before_it_a_part_is_held_and_all_is_read() -> None:
    body = b"b" * 3_000_000
    async with serving() as (app, connect):
        reader, writer = await connect()
        writer.write(b"GET /slow HTTP/1.1\r\n\r\n" * 9)
        writer.write(b"POST /read HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answers = await heard(reader)
    assert answers.endswith(b"3000000")
    assert app.ahead <= READ_AHEAD + connection.AT_ONCE


@pytest.mark.parametrize(
    "endless",
    [b"0\r\n" + b"x-more: and more\r\n" * 4000, b"0\r\nx-more: " + b"a" * 70_000, b"1;more=" + b"a" * 70_000],
    ids=["trailers", "a trailer", "a chunk's extension"],
)
async def test_what_belongs_to_a_body_and_brings_none_of_it_has_an_end(endless: bytes) -> None:
    async with serving(head=4096) as (app, connect):
        reader, writer = await connect()
        writer.write(CHUNKED + endless)
        assert b"200" not in await heard(reader)
        await until(lambda: app.gone == 1)
        assert app.answered == 0


async def test_a_head_of_very_many_lines_is_too_long() -> None:
    async with serving() as (app, connect):
        reader, writer = await connect()
        writer.write(b"POST /read HTTP/1.1\r\nContent-Length: 0\r\n" + b"a:b\r\n" * 1000 + b"\r\n")
        assert (await heard(reader)).startswith(b"HTTP/1.1 431")
    assert app.begun == 0


async def test_chunks_however_small_are_a_body_and_trailers_behind_it_are_no_headers() -> None:
    async with serving(head=128) as (app, connect):
        reader, writer = await connect()
        writer.write(CHUNKED)
        for _ in range(300):
            writer.write(b"1\r\na\r\n")
            await asyncio.sleep(0)
        writer.write(b"0\r\nAuthorization: Basic eDp4\r\n\r\n")
        async with asyncio.timeout(BOUND):
            assert (await reader.readuntil(b"300")).startswith(b"HTTP/1.1 200")
    assert [name for name, _ in app.headers[0]] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"], ids=["stays", "is hung up on"])
async def test_a_client_that_does_not_read_its_answers_loses_its_place(
    more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.asgi.server.LOOK_EVERY", 0.02)
    async with serving(unread=0.1) as (app, connect):
        reader, writer = await connect()
        deaf = writer.transport
        deaf.pause_reading()  # type: ignore[attr-defined]
        deaf.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        writer.write(b"GET /large HTTP/1.1\r\n%s\r\n" % more)
        await until(lambda: app.server.counts["unread"] == 1 and not app.server._connections)
        reader, writer = await connect()
        writer.write(b"GET /small HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await heard(reader)).startswith(b"HTTP/1.1 200")


async def test_who_ends_what_it_says_before_it_listens_has_all_its_answers() -> None:
    async with serving() as (app, connect):
        app.open.clear()
        reader, writer = await connect()
        for n in (1, 2, 3):
            writer.write(b"POST /read HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % n + b"x" * n)
        writer.write_eof()
        await until(lambda: app.begun == 1)
        other, asking = await connect()  # what comes later is answered: the end of the first has been seen
        asking.write(b"no HTTP\r\n\r\n")
        assert (await heard(other)).startswith(b"HTTP/1.1 400")
        app.open.set()
        answers = await heard(reader)
    assert [each[-1:] for each in answers.split(b"HTTP/1.1 200 OK")[1:]] == [b"1", b"2", b"3"]


async def test_a_body_that_is_cut_off_by_the_end_is_not_answered() -> None:
    async with serving() as (app, connect):
        reader, writer = await connect()
        writer.write(b"POST /read HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
        writer.write_eof()
        assert await heard(reader) == b""
        await until(lambda: app.gone == 1)

"""The HTTP server under our listening connectors, spoken to byte by byte over real sockets."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httptools
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.asgi import Limits, Server
from bridge.asgi.exchange import READ_AHEAD

BOUND = 30.0


class App:
    """Echoes method, path and body. ``begun``: paths asked for; while ``open`` is clear nobody is answered."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.scopes: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.begun.append(scope["path"])
        self.scopes.append(scope)
        await self.open.wait()
        if scope["path"] == "/fails":
            raise ValueError("a fault of ours")
        if scope["path"] == "/streams":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"one", b"two"):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["path"] == "/refuses":
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"no", "more_body": True})
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.body", "body": b""})
            return
        if scope["path"] == "/waits":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone.set()
            return
        body = b""
        if scope["path"] != "/unread":
            more = True
            while more:
                event = await receive()
                if event["type"] == "http.disconnect":
                    self.gone.set()
                    return
                body += event["body"]
                more = event["more_body"]
        said = f"{scope['method']} {scope['path']} {len(body)}".encode()
        length = len(said) + (1 if scope["path"] == "/lies" else 0)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % length)]})
        await send({"type": "http.response.body", "body": said})


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(BOUND):
            await self.writer.drain()

    async def hears(self, wanted: bytes) -> bytes:
        """All that was read up to and with ``wanted``."""
        async with asyncio.timeout(BOUND):
            return await self._reader.readuntil(wanted)

    async def rest(self) -> bytes:
        """All that comes until the server hangs up."""
        async with asyncio.timeout(BOUND):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""


class World:
    def __init__(self, app: App, server: Server, port: int) -> None:
        self.app = app
        self.server = server
        self.port = port

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[World]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.setblocking(False)
    app = App()
    server = Server(app, Limits(**limits), Counter(), b"HTTP/1.1 503 Full\r\ncontent-length: 0\r\n\r\n")
    await server.start(listener)
    try:
        yield World(app, server, listener.getsockname()[1])
    finally:
        app.open.set()
        await server.finish(BOUND)


def post(path: str, body: bytes = b"", *headers: bytes) -> bytes:
    lines = [b"POST %s HTTP/1.1" % path.encode(), b"Host: x", b"Content-Length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


async def test_requests_sent_at_once_are_answered_one_after_the_other_in_their_order() -> None:
    async with serving() as world, world.line() as line:
        await line.say(b"".join(post(f"/{number}", b"x" * number) for number in range(40)))
        for number in range(40):
            assert (await line.hears(b"POST /%d %d" % (number, number))).startswith(b"HTTP/1.1 200 OK\r\ndate: ")


async def test_while_one_is_answered_the_next_on_its_connection_has_not_begun() -> None:
    async with serving() as world, world.line() as line:
        world.app.open.clear()
        await line.say(post("/first") + post("/second"))
        async with world.line() as other:
            await other.say(post("/other"))
            async with asyncio.timeout(BOUND):
                while "/other" not in world.app.begun:
                    await asyncio.sleep(0)
            assert sorted(world.app.begun) == ["/first", "/other"]
        world.app.open.set()
        await line.hears(b"POST /second 0")


async def test_a_body_nobody_asks_for_is_not_read_without_end() -> None:
    async with serving() as world, world.line() as line:
        world.app.open.clear()
        length = 32 * 2**20
        line.writer.write(b"POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
        sent = 0
        piece = b"x" * 2**20
        try:
            async with asyncio.timeout(1.0):
                while sent < length:
                    line.writer.write(piece)
                    await line.writer.drain()
                    sent += len(piece)
        except TimeoutError:
            pass
        assert READ_AHEAD < sent < length // 2, "the server read on"
        world.app.open.set()
        await line.say(b"x" * (length - sent - len(piece)))
        await line.hears(b"POST /big %d" % length)


async def test_an_answer_without_a_length_comes_in_chunks() -> None:
    async with serving() as world, world.line() as line:
        await line.say(post("/streams"))
        answer = await line.hears(b"0\r\n\r\n")
        assert b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" in answer


async def test_a_head_request_gets_the_head_alone() -> None:
    async with serving() as world, world.line() as line:
        await line.say(b"HEAD /gate HTTP/1.1\r\nHost: x\r\n\r\n" + post("/next"))
        answer = await line.hears(b"POST /next 0")
        assert b"content-length: 12\r\n\r\nHTTP/1.1 200" in answer


async def test_100_continue_is_said_only_when_the_body_is_asked_for() -> None:
    async with serving() as world, world.line() as line:
        await line.say(b"POST /asked HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert await line.hears(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await line.say(b"abc")
        await line.hears(b"POST /asked 3")
    async with serving() as world, world.line() as line:
        await line.say(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert b"100 Continue" not in await line.hears(b"POST /unread 0")


async def test_nobody_is_told_to_continue_who_has_his_answer() -> None:
    async with serving() as world, world.line() as line:
        await line.say(b"POST /refuses HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        await line.hears(b"\r\n\r\nno")
        await line.say(b"abc" + post("/next"))
        assert b"100 Continue" not in await line.hears(b"POST /next 0")


async def test_a_fault_of_the_application_is_a_500_and_logged_and_others_are_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "bridge.asgi"):
        async with serving() as world, world.line() as line, world.line() as other:
            await line.say(post("/fails"))
            assert b"HTTP/1.1 500 " in await line.rest()
            await other.say(post("/well"))
            await other.hears(b"POST /well 0")
    assert "a fault of ours" in caplog.text


async def test_an_answer_of_another_length_than_it_says_ends_the_connection() -> None:
    async with serving() as world, world.line() as line:
        await line.say(post("/lies") + post("/after"))
        assert b"/after" not in await line.rest()


async def test_the_application_is_told_when_the_client_has_gone() -> None:
    async with serving() as world:
        async with world.line() as line:
            await line.say(post("/waits"))
            async with asyncio.timeout(BOUND):
                while not world.app.begun:
                    await asyncio.sleep(0)
        async with asyncio.timeout(BOUND):
            await world.app.gone.wait()


async def test_what_came_whole_before_the_rubbish_is_answered_first() -> None:
    async with serving() as world, world.line() as line:
        await line.say(post("/good", b"abc") + b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert b"POST /good 3" in await line.rest()
        assert world.server.counts == Counter({"not http": 1})


@pytest.mark.parametrize("piece", [b"X-Long: ", b"GET /"])
async def test_a_head_without_an_end_is_refused_once_it_is_too_long(piece: bytes) -> None:
    async with serving(head=8192) as world, world.line() as line:
        await line.say((b"" if piece.startswith(b"GET") else b"GET / HTTP/1.1\r\n") + piece + b"a" * 9000)
        assert b"HTTP/1.1 431 " in await line.rest()
        assert world.server.counts["head too long"] == 1


async def test_a_body_is_no_head_however_long_it_is() -> None:
    async with serving(head=8192) as world, world.line() as line:
        await line.say(post("/one", b"a" * 100_000) + post("/two", b"a" * 100_000))
        await line.hears(b"POST /two 100000")


async def test_a_client_that_rests_or_never_asks_is_hung_up_on_and_one_that_waits_is_not() -> None:
    async with serving(slow=0.3, idle=0.3) as world, world.line() as waits, world.line() as silent:
        async with world.line() as rests, world.line() as halfway:
            world.app.open.clear()
            await waits.say(post("/slow"))
            await halfway.say(b"POST /never HTTP/1.1\r\nHo")
            assert await silent.rest() == b""
            assert await halfway.rest() == b""
            world.app.open.set()
            await waits.hears(b"POST /slow 0")
            await rests.rest()
            assert await waits.rest() == b""
        assert world.server.counts["too slow"] == 3


async def test_a_connection_rests_from_its_last_answer_on() -> None:
    async with serving(slow=60.0, idle=1.0) as world, world.line() as line:
        await line.say(post("/one"))
        await line.hears(b"POST /one 0")
        world.app.open.clear()
        await line.say(post("/two"))
        loop = asyncio.get_running_loop()
        await asyncio.sleep(1.5)
        opened = loop.time()  # the answer comes later: its connection does not rest before
        world.app.open.set()
        await line.hears(b"POST /two 0")
        await line.rest()
        assert loop.time() - opened >= 1.0, "it was counted from an earlier request"


async def test_one_connection_too_many_is_told_so_and_room_is_room_again() -> None:
    async with serving(connections=1) as world:
        async with world.line() as line, world.line() as other:
            await line.say(post("/in"))
            await line.hears(b"POST /in 0")
            assert await other.rest() == b"HTTP/1.1 503 Full\r\ncontent-length: 0\r\n\r\n"
            line.writer.close()
            await line.rest()
        async with world.line() as line:
            await line.say(post("/again", b"", b"Connection: close"))
            assert (await line.rest()).endswith(b"POST /again 0")


async def test_to_finish_is_to_answer_what_is_under_way_and_to_end_what_takes_too_long() -> None:
    async with serving() as world, world.line() as line, world.line() as waiting:
        world.app.open.clear()
        await line.say(post("/under-way"))
        await waiting.say(post("/waits"))
        async with asyncio.timeout(BOUND):
            while len(world.app.begun) < 2:
                await asyncio.sleep(0)
        finishing = asyncio.create_task(world.server.finish(0.5))
        await asyncio.sleep(0)
        world.app.open.set()
        answer = await line.rest()
        assert b"connection: close\r\n" in answer
        assert answer.endswith(b"POST /under-way 0")
        assert await waiting.rest() == b""
        async with asyncio.timeout(BOUND):
            await finishing


async def test_the_scope_says_what_was_asked() -> None:
    async with serving() as world, world.line() as line:
        await line.say(b"POST /a%20b/c?x=%2F HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 0\r\n\r\n")
        await line.hears(b"POST /a b/c 0")
        (scope,) = world.app.scopes
        assert (scope["raw_path"], scope["query_string"], scope["scheme"]) == (b"/a%20b/c", b"x=%2F", "http")
        assert [value for name, value in scope["headers"] if name == b"x-two"] == [b"1", b"2"]
        assert scope["client"][0] == "127.0.0.1"


# Requests a smuggler tries (RFC 9112 section 11.2): two lengths, a length beside chunks, spaces before the colon.
@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 3",
        b"Content-Length : 3",
        b"Content-Length: +3",
    ],
)
async def test_a_head_that_can_be_read_in_two_ways_is_refused(head: bytes) -> None:
    async with serving() as world, world.line() as line:
        await line.say(b"POST /smuggled HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\nabc")
        assert b"/smuggled 3" not in await line.rest()


class _Answers:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._body = b""

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        self.bodies.append(self._body)
        self._body = b""


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(0, 3000), min_size=1, max_size=8), cuts=st.lists(st.integers(1, 700), max_size=12))
def test_any_split_of_the_stream_gives_the_same_answers(lengths: list[int], cuts: list[int]) -> None:
    async def play() -> None:
        async with serving() as world, world.line() as line:
            stream = b"".join(post(f"/{number}", b"x" * length) for number, length in enumerate(lengths))
            stream += post("/last", b"", b"Connection: close")
            place = 0
            for cut in cuts:
                await line.say(stream[place : place + cut])
                await asyncio.sleep(0)
                place += cut
            await line.say(stream[place:])
            heard = await line.rest()
            answers = _Answers()
            httptools.HttpResponseParser(answers).feed_data(heard)
            expected = [b"POST /%d %d" % (number, length) for number, length in enumerate(lengths)]
            assert answers.bodies == [*expected, b"POST /last 0"]
            assert len(re.findall(rb"^date: ", heard, re.MULTILINE)) == len(lengths) + 1

    asyncio.run(play())


@pytest.mark.parametrize("turns", range(6))
async def test_who_comes_just_when_the_server_ends_is_answered_or_told_so_by_the_end_of_the_connection(
    turns: int,
) -> None:
    """After so many turns of the loop: in one of them the connection is accepted, and is nobody's yet."""
    listener = socket.socket()
    listener.setblocking(False)
    listener.bind(("127.0.0.1", 0))
    server = Server(App(), Limits())
    await server.start(listener)
    loop = asyncio.get_running_loop()
    with socket.create_connection(listener.getsockname(), timeout=BOUND) as sender:
        sender.sendall(b"GET /late HTTP/1.1\r\nhost: bridge\r\n\r\n")
        sender.setblocking(False)
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.finish(BOUND)
        async with asyncio.timeout(BOUND):
            try:
                answered = await loop.sock_recv(sender, 100)
            except ConnectionError:
                answered = b""
    assert answered == b"" or answered.startswith(b"HTTP/1.1 200")

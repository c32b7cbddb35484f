"""Beside senders that are slow, without end or mad, every message of a healthy one is taken by the same port; what the
bad may have is bounded, and they shut out nobody but themselves."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from connectors.snmp import SnmpConnector, SnmpSettings
from tests.connectors.conftest import BOUND, Inbox, Vault, http, running, tcp
from tests.connectors.http_client import request
from tests.connectors.outgoing import at_work, until
from tests.connectors.snmp_sender import datagram
from tests.connectors.test_http_tls import TLS
from tests.connectors.test_udp import udp

MESSAGES = 30
GOOD, BAD = "127.0.1.1", "127.0.2.1"


@asynccontextmanager
async def connected(port: int, source: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def gone(reader: asyncio.StreamReader) -> None:
    """Until the other side has hung up."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(4096):
            pass


async def dripping(writer: asyncio.StreamWriter, begin: bytes) -> None:
    """Byte by byte until it is hung up on."""
    writer.write(begin)
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.02)


# ------------------------------------------------------------------------------------------------------------- TCP


@pytest.mark.shows("connector:tcp", "isolation")
@pytest.mark.parametrize("begin", [b'{"a":"', b"", b'{"a":"' + b"A" * 40_000], ids=["slow", "mute", "long"])
async def test_a_sender_with_all_places_gives_one_to_each_other_sender(
    begin: bytes, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tcp(max_connections=8), inbox) as way, AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        slow = [await stack.enter_async_context(connected(way.port, BAD)) for _ in range(8)]
        tasks = [group.create_task(dripping(writer, begin)) for _, writer in slow if begin]
        port = way.connector._port
        await until(lambda: len(port.connections) == 8)
        async with connected(way.port, GOOD) as (_, good):
            for number in range(MESSAGES):
                good.write(b'{"n":%d}' % number)
                await inbox.hold(number + 1)
            async with connected(way.port, BAD) as (again, _):
                await gone(again)
            assert Counter(each.peer for each in port.connections) == {BAD: 7, GOOD: 1}
            good.write(b'{"n":"and on"}')
            await until(lambda: b'{"n":"and on"}' in inbox.bodies)
        for each in tasks:
            each.cancel()
        assert way.connector.counts["crowded"] == 2
    assert [each.body for each in inbox.messages if each.origin.peer == GOOD][:MESSAGES] == [
        b'{"n":%d}' % number for number in range(MESSAGES)
    ]
    assert len([each for each in caplog.records if "most of the 8 connections" in each.getMessage()]) == 1


@pytest.mark.shows("connector:tcp", "isolation")
async def test_who_holds_most_pays_for_what_is_too_much(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.framing.connection.MOST_HELD", 300_000)
    async with (
        running(tcp(), inbox) as way,
        connected(way.port, BAD) as (ended, endless),
        connected(way.port, GOOD) as (_, good),
    ):
        port = way.connector._port
        endless.write(b'{"a":"' + b"A" * 290_000)
        await until(lambda: port.held > 280_000)
        good.write(b'{"picture":"' + b"A" * 40_000)
        await gone(ended)
        good.write(b'"}')
        await until(lambda: any(body.startswith(b'{"picture"') and body.endswith(b'"}') for body in inbox.bodies))
        assert way.connector.counts["overloaded"] == 1
        assert port.held == 0


@pytest.mark.shows("connector:tcp", "isolation")
async def test_beside_garbage_every_message_is_taken_in_order(inbox: Inbox) -> None:
    chance = random.Random(3)
    async with (
        running(tcp(), inbox) as way,
        connected(way.port, BAD) as (_, mad),
        connected(way.port, GOOD) as (_, good),
    ):
        for number in range(MESSAGES):
            mad.write(chance.randbytes(5_000))
            good.write(b'{"n":%d}' % number)
            await until(lambda number=number: b'{"n":%d}' % number in inbox.bodies)  # type: ignore[misc]
    good_ones = [each.body for each in inbox.messages if each.origin.peer == GOOD]
    assert good_ones == [b'{"n":%d}' % number for number in range(MESSAGES)]


# ------------------------------------------------------------------------------------------------------------ HTTP


@pytest.mark.shows("connector:http", "isolation")
@pytest.mark.parametrize(
    "begin", [b"POST /bad HTTP/1.1\r\nX-Slow: ", request("/bad", b"", Content_Length="100000")], ids=["head", "body"]
)
async def test_slow_senders_have_so_many_connections_and_a_healthy_one_is_served_all_the_while(
    begin: bytes, inbox: Inbox
) -> None:
    connector = http({"path": "/good"}, {"path": "/bad"}, max_connections=8, body_timeout="1 h")
    async with running(connector, inbox) as way, AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        reader, good = await stack.enter_async_context(connected(way.port, GOOD))
        slow = [await stack.enter_async_context(connected(way.port, BAD)) for _ in range(12)]
        tasks = [group.create_task(dripping(writer, begin)) for _, writer in slow]
        await until(lambda: way.connector.counts["crowded"] >= 5)
        for number in range(MESSAGES):
            good.write(request("/good", b'{"n":%d}' % number))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        for each in tasks:
            each.cancel()
        assert way.connector.counts["crowded"] == 5
    assert inbox.bodies == [b'{"n":%d}' % number for number in range(MESSAGES)]


# ------------------------------------------------------------------------------------------------------- datagrams


def _sender(source: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((source, 0))
    made.connect(("127.0.0.1", port))
    return made


@pytest.mark.shows("connector:udp", "isolation")
async def test_beside_datagrams_of_no_kind_every_message_is_taken(inbox: Inbox) -> None:
    chance, connector = random.Random(4), udp()
    async with at_work(connector, inbox) as (link, _):
        await link.hear("up")
        port = int(connector.bound.rpartition(":")[2])
        with _sender(BAD, port) as mad, _sender(GOOD, port) as good:
            for number in range(MESSAGES):
                for _ in range(20):
                    mad.send(chance.randbytes(chance.randrange(1400)))
                good.send(b'{"n":%d}' % number)
                await until(lambda number=number: b'{"n":%d}' % number in inbox.bodies)  # type: ignore[misc]
    good_ones = [each.body for each in inbox.messages if each.origin.peer == GOOD]
    assert good_ones == [b'{"n":%d}' % number for number in range(MESSAGES)]


@pytest.mark.shows("connector:snmp", "isolation")
async def test_beside_datagrams_of_no_kind_every_trap_is_taken(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(5)
    settings = SnmpSettings.model_validate({"bind": "127.0.0.1:0", "communities": ["secret:traps"]})
    connector = SnmpConnector("traps", settings, [], Vault(traps="public-not"))  # type: ignore[arg-type]
    async with at_work(connector, inbox) as (link, _):
        await link.hear("up")
        port = int(connector.bound.rpartition(":")[2])
        with _sender(BAD, port) as mad, _sender(GOOD, port) as good:
            for number in range(MESSAGES):
                whole = datagram(number)
                for _ in range(5):
                    mad.send(chance.randbytes(200))
                    mad.send(whole[: chance.randrange(len(whole))] or b"\x30")
                    mad.send(bytes(255 - octet if chance.random() < 0.05 else octet for octet in whole))
                good.send(whole)
                wanted = b'"n-%d"' % number
                await until(
                    lambda wanted=wanted: any(  # type: ignore[misc]
                        wanted in each.body for each in inbox.messages if each.origin.peer == GOOD
                    )
                )
    assert len([each for each in inbox.messages if each.origin.peer == GOOD]) == MESSAGES
    assert len(caplog.records) < 10


@pytest.mark.shows("connector:http", "isolation")
@pytest.mark.parametrize(
    "begin",
    [b"", b"POST /bad HTTP/1.1\r\nX-Slow: ", request("/good", b"{", Content_Length="100000")],
    ids=["rests", "slow head", "slow body"],
)
async def test_a_client_with_all_places_gives_one_to_each_other_client(begin: bytes, inbox: Inbox) -> None:
    connector = http({"path": "/good"}, max_connections=8, body_timeout="1 h")
    async with running(connector, inbox) as way, AsyncExitStack() as stack:
        for _ in range(8):
            _, writer = await stack.enter_async_context(connected(way.port, BAD))
            writer.write(begin)
        refused, _ = await stack.enter_async_context(connected(way.port, BAD))
        assert (await refused.read(100)).startswith(b"HTTP/1.1 503")
        reader, good = await stack.enter_async_context(connected(way.port, GOOD))
        good.write(request("/good", b"{}"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        again, _ = await stack.enter_async_context(connected(way.port, BAD))
        assert (await again.read(100)).startswith(b"HTTP/1.1 503")
        assert way.connector.counts["crowded"] == 3
    assert inbox.bodies == [b"{}"]


@pytest.mark.shows("connector:http", "isolation")
async def test_who_waits_for_a_commit_gives_no_place_up_and_is_answered(inbox: Inbox) -> None:
    """What is kept would come again from a sender that was told nothing."""
    inbox.open.clear()
    connector = http({"path": "/good"}, max_connections=4)
    async with running(connector, inbox) as way, AsyncExitStack() as stack:
        many = [await stack.enter_async_context(connected(way.port, BAD)) for _ in range(4)]
        for _, writer in many:
            writer.write(request("/good", b"{}"))
        await inbox.hold(4)
        refused, _ = await stack.enter_async_context(connected(way.port, GOOD))
        assert (await refused.read(100)).startswith(b"HTTP/1.1 503")
        inbox.open.set()
        for reader, _ in many:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.shows("connector:http", "isolation")
async def test_handshakes_that_do_not_end_have_places_like_others_and_give_way(inbox: Inbox) -> None:
    connector = http({"path": "/good"}, tls=TLS, max_connections=4, body_timeout="1 h")
    trust = ssl.create_default_context(cafile=TLS["certificate"])
    async with running(connector, inbox) as way, AsyncExitStack() as stack:
        mute = [await stack.enter_async_context(connected(way.port, BAD)) for _ in range(8)]
        async with asyncio.timeout(BOUND):
            for reader, _ in mute[4:]:
                await gone(reader)
            reader, good = await asyncio.open_connection("127.0.0.1", way.port, local_addr=(GOOD, 0), ssl=trust)
        good.write(request("/good", b"{}"))
        async with asyncio.timeout(BOUND):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        waiting = [asyncio.create_task(gone(each)) for each, _ in mute[:4]]
        done, others = await asyncio.wait(waiting, timeout=BOUND, return_when=asyncio.FIRST_COMPLETED)
        assert done, "one of them made room"
        for each in others:
            each.cancel()
        good.close()


@pytest.mark.shows("connector:http", "isolation")
async def test_of_bodies_that_do_not_end_the_largest_gives_way_to_others(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http.bodies.MOST_HELD", 300_000)
    connector = http({"path": "/good"}, body_timeout="1 h")
    async with running(connector, inbox) as way, AsyncExitStack() as stack:
        bodies = connector._app._bodies
        slow = [await stack.enter_async_context(connected(way.port, BAD)) for _ in range(2)]
        for (_, writer), size in zip(slow, (100_000, 150_000), strict=True):
            writer.write(request("/good", b"a" * size, Content_Length="1000000"))
        await until(lambda: bodies.held == 250_000)
        reader, good = await stack.enter_async_context(connected(way.port, GOOD))
        good.write(request("/good", b"b" * 80_000))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(BOUND):
            assert (await slow[1][0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503")
        assert bodies.held == 100_000
        slow[0][1].write(b"a" * 100_000)
        await until(lambda: bodies.held == 200_000)
        slow[0][1].write(b"a" * 150_000)
        async with asyncio.timeout(BOUND):
            assert (await slow[0][0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503")
        await until(lambda: bodies.held == 0)
    assert inbox.bodies == [b"b" * 80_000]

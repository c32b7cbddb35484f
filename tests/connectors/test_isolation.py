"""Beside dead, mute, slow and mad devices every message of a healthy one is taken, by a connector of the same kind on
the same loop; the bad are a fault each, with few connections, no task left behind and no line in the log beyond it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeAlias

import pytest
from websockets.asyncio.server import ServerConnection, serve

from connectors.base import Connector
from tests.benchmarks.isolation.bad import DEVICES, Deaf, hole
from tests.benchmarks.isolation.healthy import Panel
from tests.connectors.conftest import Bookshelf, Inbox
from tests.connectors.modbus_devices import modbus
from tests.connectors.mosquitto import mosquitto, mqtt
from tests.connectors.outgoing import at_work, http_poll, http_stream, tcp_client, until, websocket
from tests.connectors.snmp_agent import OUTPUT_SOURCE, answering, number
from tests.connectors.stream_server import Viewer, playing
from tests.connectors.test_snmp_poll import poller

BAD = 3
MESSAGES = 6
Say: TypeAlias = Callable[[int], Awaitable[None]]


# ------------------------------------------------------------------------------------------------------- healthy ones


class Healthy(Protocol):
    def __call__(self, folder: Path) -> contextlib.AbstractAsyncContextManager[tuple[Connector, Say]]: ...


@asynccontextmanager
async def scale(folder: Path) -> AsyncIterator[tuple[Connector, Say]]:
    here: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def serve_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.set_result(writer)

    async def say(value: int) -> None:
        (await here).write(b'{"n":%d}' % value)

    async with await asyncio.start_server(serve_it, "127.0.0.1", 0) as server:
        yield tcp_client(server.sockets[0].getsockname()[1]), say
        (await here).close()


@asynccontextmanager
async def camera(folder: Path) -> AsyncIterator[tuple[Connector, Say]]:
    here: asyncio.Future[Viewer] = asyncio.get_running_loop().create_future()

    async def play(viewer: Viewer) -> None:
        await viewer.begin("application/x-ndjson")
        here.set_result(viewer)
        await viewer.gone()

    async def say(value: int) -> None:
        await (await here).say(b'{"n":%d}\n' % value)

    async with playing(play) as device:
        yield http_stream(device.url), say


@asynccontextmanager
async def reader(folder: Path) -> AsyncIterator[tuple[Connector, Say]]:
    told = b"{}"

    async def play(viewer: Viewer) -> None:
        await viewer.answer("200 OK", "Content-Type: application/json", body=told)

    async def say(value: int) -> None:
        nonlocal told
        told = b'{"n":%d}' % value

    async with playing(play) as device:
        yield http_poll(device.url), say


@asynccontextmanager
async def platform(folder: Path) -> AsyncIterator[tuple[Connector, Say]]:
    here: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def handler(connection: ServerConnection) -> None:
        here.set_result(connection)
        await connection.wait_closed()

    async def say(value: int) -> None:
        await (await here).send(b'{"n":%d}' % value)

    async with serve(handler, "127.0.0.1", 0, ping_interval=None) as server:
        yield websocket(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/x"), say


@asynccontextmanager
async def panel(folder: Path) -> AsyncIterator[tuple[Connector, Say]]:
    device = Panel()

    async def say(value: int) -> None:
        device.inputs ^= 1

    server = await asyncio.get_running_loop().create_server(lambda: device, "127.0.0.1", 0)
    async with server:
        yield modbus({"discrete_input": 0}, port=server.sockets[0].getsockname()[1], timeout="10 s"), say


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[tuple[Connector, Say]]:
    async with mosquitto(folder) as well:

        async def say(value: int) -> None:
            await well.publish("plant/leak", str(value))

        yield mqtt(well.url, "plant/leak"), say


@asynccontextmanager
async def ups(folder: Path) -> AsyncIterator[tuple[Connector, Say]]:
    async with answering({OUTPUT_SOURCE: number(0)}) as agent:

        async def say(value: int) -> None:
            agent.tell(OUTPUT_SOURCE, number(value))

        yield poller(agent.port, timeout="10 s", walk=[]), say


HEALTHY: dict[str, Healthy] = {
    "tcp-client": scale,
    "http-stream": camera,
    "http-poll": reader,
    "websocket": platform,
    "modbus": panel,
    "mqtt": broker,
    "snmp-poll": ups,
}


# ------------------------------------------------------------------------------------------------------------ bad ones


@asynccontextmanager
async def bad_devices(what: str, way: str) -> AsyncIterator[list[int]]:
    """Their ports."""
    async with AsyncExitStack() as stack:
        ports = []
        for _ in range(BAD):
            if what == "hole":
                ports.append(stack.enter_context(hole(0)))
            elif way == "snmp-poll":
                loop = asyncio.get_running_loop()
                transport, _ = await loop.create_datagram_endpoint(lambda: Deaf(what), ("127.0.0.1", 0))
                stack.callback(transport.close)
                ports.append(transport.get_extra_info("sockname")[1])
            else:
                ports.append(await stack.enter_async_context(_device(what, way)))
        yield ports


@asynccontextmanager
async def _device(what: str, way: str) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await DEVICES[what](way, reader, writer)
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=2**22)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in tuple(tasks):
            each.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks))


def connections_to(ports: Collection[int]) -> int:
    """The most that are open from here to one of them, as the kernel has it (proc(5): state 01 is established)."""
    found: Counter[int] = Counter()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, state, *_ = line.split()
        if state == "01":
            found[int(remote.rpartition(":")[2], 16)] += 1
    return max(found[port] for port in ports)


def asking(way: str, port: int) -> Connector:
    """A connector that is to find out soon what its device is."""
    if way == "tcp-client":
        return tcp_client(port, connect_timeout="200 ms", silence="200 ms", max_object="100 kB")
    if way == "http-stream":
        url = f"http://127.0.0.1:{port}/x"
        return http_stream(url, connect_timeout="200 ms", heartbeat="200 ms", max_message="100 kB")
    if way == "http-poll":
        return http_poll(f"http://127.0.0.1:{port}/x", timeout="200 ms", max_body="100 kB")
    if way == "websocket":
        return websocket(f"ws://127.0.0.1:{port}/x", connect_timeout="200 ms", ping="100 ms", max_message="100 kB")
    if way == "mqtt":
        return mqtt(f"mqtt://127.0.0.1:{port}", "bad", connect_timeout="200 ms", max_message="100 kB")
    if way == "snmp-poll":
        return poller(port, timeout="200 ms")
    return modbus({"coil": 0}, port=port, timeout="200 ms")


# --------------------------------------------------------------------------------------------------------------- tests

NO_FAULT = {("tcp-client", "dribbles"), ("tcp-client", "endless")}
"""A device may speak slowly, and what it says be no message: that is quarantined, and its length is bounded."""


def _kinds(way: str) -> list[str]:
    return ["mute", "babbles"] if way == "snmp-poll" else ["hole", "mute", "vanishes", "dribbles", "babbles", "endless"]


def _cases() -> list[object]:
    return [
        pytest.param(
            way,
            what,
            marks=[
                pytest.mark.shows(f"connector:{way}", "isolation"),
                *([pytest.mark.needs("mosquitto", "mosquitto_pub")] if way == "mqtt" else []),
            ],
        )
        for way in HEALTHY
        for what in _kinds(way)
    ]


@pytest.mark.parametrize(("way", "what"), _cases())
async def test_beside_bad_devices_every_message_of_a_healthy_one_is_taken(
    way: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connectors.websocket.session._CLOSING", 0.05)
    inbox, before = Bookshelf(), len(asyncio.all_tasks())
    async with HEALTHY[way](tmp_path) as (healthy, say), bad_devices(what, way) as ports, AsyncExitStack() as stack:
        links = [(await stack.enter_async_context(at_work(asking(way, port), Inbox())))[0] for port in ports]
        link, _ = await stack.enter_async_context(at_work(healthy, inbox))
        await link.hear("up")
        first = 1 if way in ("modbus", "snmp-poll", "http-poll") else 0  # how it is when it is asked for the first time
        await inbox.hold(first)
        for value in range(1, MESSAGES + 1):
            await say(value)
            await inbox.hold(first + value)
        if (way, what) not in NO_FAULT:
            for each in links:
                await each.hear("down")
        await say(MESSAGES + 1)
        await inbox.hold(first + MESSAGES + 1)
        assert len(inbox.messages) == first + MESSAGES + 1
        # Where the machine is slow several are being given up at once; what is kept for good grows with each try.
        await until(lambda: what == "hole" or connections_to(ports) <= 1)
    await until(lambda: len(asyncio.all_tasks()) <= before)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []

"""Bytes over a kept TCP connection: what is surely not written, what may have been, and what is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.vms.http import AnswerLost, NotSent
from bridge.vms.plain import LONGEST_LINE, PlainSocket, address
from tests.vms.conftest import BOUND


class Listener:
    """``got``: all that came. ``reads`` False: it takes connections and reads nothing."""

    def __init__(self) -> None:
        self.got = b""
        self.connections = 0
        self.reads = True
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.news = asyncio.Event()
        self.server: asyncio.Server | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        self.news.set()
        try:
            while self.reads and (data := await reader.read(65536)):
                self.got += data
                self.news.set()
        except ConnectionError:
            pass

    async def open(self) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def until(self, bytes_: int) -> None:
        async with asyncio.timeout(BOUND):
            while len(self.got) < bytes_:
                self.news.clear()
                await self.news.wait()

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    await listener.open()
    try:
        yield listener
    finally:
        listener.cut()
        assert listener.server is not None
        listener.server.close()


@asynccontextmanager
async def socket(port: int, heard: list[bytes] | None = None) -> AsyncIterator[PlainSocket]:
    made = PlainSocket(f"tcp://127.0.0.1:{port}", (heard if heard is not None else []).append)
    try:
        yield made
    finally:
        await made.close()


async def test_what_is_written_is_what_comes_over_one_connection() -> None:
    async with listening() as there, socket(there.port) as ours:
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(ours.write(b"line %d\n" % number, BOUND))
        await there.until(35)
        assert sorted(there.got.splitlines()) == [b"line %d" % number for number in range(5)]
        assert there.connections == 1


async def test_nobody_there_is_surely_not_written() -> None:
    async with listening() as there:
        port = there.port
    async with socket(port) as ours:
        with pytest.raises(NotSent) as error:
            await ours.write(b"x", BOUND)
        assert not error.value.busy
        with pytest.raises(NotSent):
            await ours.reach(BOUND)


async def test_a_name_nobody_knows_is_surely_not_written() -> None:
    ours = PlainSocket("tcp://no.such.host.invalid:6802", lambda line: None)
    with pytest.raises(NotSent):
        await ours.write(b"x", BOUND)


async def test_who_does_not_read_is_given_up_and_may_have_it() -> None:
    async with listening() as there, socket(there.port) as ours:
        there.reads = False
        await ours.reach(BOUND)
        with pytest.raises(AnswerLost) as error:
            await ours.write(bytes(64 * 2**20), 0.2)
        assert error.value.silent


async def test_a_connection_that_was_cut_is_noticed_and_made_anew() -> None:
    async with listening() as there, socket(there.port) as ours:
        await ours.write(b"one\n", BOUND)
        await there.until(4)
        there.cut()
        async with asyncio.timeout(BOUND):
            while there.connections < 2:
                await ours.reach(BOUND)
                await asyncio.sleep(0)
        await ours.write(b"two\n", BOUND)
        await there.until(8)
        assert there.got == b"one\ntwo\n"


async def test_what_the_other_side_says_is_heard_line_by_line_and_never_kept_without_end() -> None:
    heard: list[bytes] = []
    async with listening() as there, socket(there.port, heard) as ours:
        await ours.write(b"x", BOUND)
        await there.until(1)
        for piece in (b"3|on|17", b"48|9\r\n3|off|1748|9\n" + b"y" * 3 * LONGEST_LINE, b"\nlast\n"):
            there.writers[0].write(piece)
            await there.writers[0].drain()
        async with asyncio.timeout(BOUND):
            while b"last" not in heard:
                await asyncio.sleep(0)
    assert heard[:2] == [b"3|on|1748|9", b"3|off|1748|9"]


async def test_what_is_closed_stays_closed() -> None:
    async with listening() as there, socket(there.port) as ours:
        await ours.close()
        with pytest.raises(NotSent) as error:
            await ours.write(b"x", BOUND)
        assert error.value.busy
        assert there.connections == 0


@pytest.mark.parametrize(
    ("url", "where"),
    [("tcp://10.0.0.5:6802", ("10.0.0.5", 6802)), ("udp://[::1]:9", ("::1", 9)), ("tcp://zm:1", ("zm", 1))],
)
def test_an_address_is_taken_apart(url: str, where: tuple[str, int]) -> None:
    assert address(url) == where


@pytest.mark.parametrize("url", ["http://zm:1", "tcp://zm", "tcp://:1", "zm:1", "tcp://zm:x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="tcp://host:port"):
        address(url)


def test_a_name_that_no_network_has_is_refused() -> None:
    with pytest.raises(ValueError, match="network name"):
        address("tcp://zm..harbour.example:6802")

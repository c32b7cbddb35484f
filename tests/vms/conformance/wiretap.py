"""What stands between a target and its simulator: keeps every byte that is sent, and misbehaves as told.

It knows nothing of any VMS, so that each fault is the same for all of them.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from enum import Enum

from tests.vms.conftest import nobody_there
from tests.vms.time_passes import pass_time


class Fate(Enum):
    """Of a request: whether it reaches the VMS, and what the target hears of it."""

    CUT_BEFORE = "the connection is cut, the VMS has not got it"
    CUT_AFTER = "the connection is cut, the VMS has it"
    SILENT_BEFORE = "no answer until the time is over, the VMS has not got it"
    SILENT_AFTER = "no answer until the time is over, the VMS has it"


def status(code: int, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {code} Whatever", "Content-Length: 0", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Wiretap:
    """HTTP. ``wire``: each request as it came."""

    def __init__(self, upstream: int, wire: list[bytes], context: ssl.SSLContext | None = None) -> None:
        self._upstream = upstream
        self._context = context
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.kept = ExitStack()
        """The port, when nobody listens there any more: nobody else shall."""
        self.wire = wire
        self.port = 0
        self.rules: list[tuple[re.Pattern[bytes], Fate | bytes, list[int]]] = []
        self._refused: list[tuple[re.Pattern[bytes], bytes]] = []

    def meets(self, pattern: bytes, fate: Fate | bytes, times: int = 1) -> None:
        """The next so many requests whose first line has this pattern."""
        self.rules.append((re.compile(pattern), fate, [times]))

    def refuses(self, pattern: bytes, answer: bytes) -> None:
        """Every request that has this pattern anywhere."""
        self._refused.append((re.compile(pattern), answer))

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "localhost", self.port, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections, and cut those there are."""
        if self._server is not None:
            where = self._server.sockets[0].getsockname()
            self._server.close()
            self._server = None
            await asyncio.sleep(0)
            self.kept.enter_context(nobody_there(where[1], where[0]))
        for writer in tuple(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                request = await _message(reader)
                self.wire.append(request)
                fate = self._fate(request)
                if isinstance(fate, bytes):
                    writer.write(fate)
                    continue
                answer = b"" if fate in (Fate.CUT_BEFORE, Fate.SILENT_BEFORE) else await self._passed_on(request)
                if fate in (Fate.SILENT_BEFORE, Fate.SILENT_AFTER):
                    pass_time()
                    await reader.read()
                if fate is not None:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    def _fate(self, request: bytes) -> Fate | bytes | None:
        for pattern, answer in self._refused:
            if pattern.search(request):
                return answer
        line = request.split(b"\r\n", 1)[0]
        for pattern, fate, left in self.rules:
            if left[0] and pattern.search(line):
                left[0] -= 1
                return fate
        return None

    async def _passed_on(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            writer.write(request)
            return await _message(reader)
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + await reader.readexactly(length)


class Linetap:
    """Plain TCP, one way and back. ``swallow``: of so many pieces the VMS hears nothing. ``fates``: what the next
    pieces meet, where the VMS answers each."""

    def __init__(self, upstream: int, wire: list[bytes]) -> None:
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.kept = ExitStack()
        """The port, when nobody listens there any more: nobody else shall."""
        self.wire = wire
        self.port = 0
        self.swallow = 0
        self.fates: list[Fate] = []

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "localhost", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            where = self._server.sockets[0].getsockname()
            self._server.close()
            self._server = None
            await asyncio.sleep(0)
            self.kept.enter_context(nobody_there(where[1], where[0]))
        for writer in tuple(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._writers |= {writer, up_writer}
        back = asyncio.create_task(_copied(up_reader, writer))
        try:
            while data := await reader.read(65536):
                self.wire.append(data)
                if self.swallow:
                    self.swallow -= 1
                    continue
                if self.fates:
                    back.cancel()
                    await self._meet(self.fates.pop(0), data, reader, up_reader, up_writer)
                    return
                up_writer.write(data)
        except ConnectionError:
            pass
        finally:
            back.cancel()
            self._writers -= {writer, up_writer}
            up_writer.transport.abort()
            writer.transport.abort()

    async def _meet(
        self,
        fate: Fate,
        data: bytes,
        reader: asyncio.StreamReader,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        if fate in (Fate.CUT_AFTER, Fate.SILENT_AFTER):
            up_writer.write(data)
            await up_reader.read(65536)
        if fate in (Fate.SILENT_BEFORE, Fate.SILENT_AFTER):
            pass_time()
            await reader.read()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except ConnectionError:
        return


class Datagramtap(asyncio.DatagramProtocol):
    """Datagrams, one way, to ``take``. What was handed over may not have come yet: see ``all_here``."""

    _LAST = b"the last of them"

    def __init__(self, take: Callable[[bytes], object], wire: list[bytes]) -> None:
        self._take = take
        self._last = asyncio.Event()
        self.wire = wire
        self.port = 0
        self.transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", self.port))
        self.port = self.transport.get_extra_info("sockname")[1]

    async def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
        await asyncio.sleep(0)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data == self._LAST:
            self._last.set()
        else:
            self.wire.append(data)
            self._take(data)

    async def all_here(self) -> None:
        """Returns when all that was handed over before has come: on this machine they come in order."""
        self._last.clear()
        with socket.socket(type=socket.SOCK_DGRAM) as ours:
            ours.sendto(self._LAST, ("127.0.0.1", self.port))
        await self._last.wait()


@asynccontextmanager
async def datagrams_tapped(take: Callable[[bytes], object], wire: list[bytes]) -> AsyncIterator[Datagramtap]:
    tap = Datagramtap(take, wire)
    await tap.open()
    try:
        yield tap
    finally:
        await tap.close()


@asynccontextmanager
async def tapped(upstream: int, wire: list[bytes], context: ssl.SSLContext | None = None) -> AsyncIterator[Wiretap]:
    tap = Wiretap(upstream, wire, context)
    await tap.open()
    try:
        yield tap
    finally:
        await tap.close()
        tap.kept.close()


@asynccontextmanager
async def lines_tapped(upstream: int, wire: list[bytes]) -> AsyncIterator[Linetap]:
    tap = Linetap(upstream, wire)
    await tap.open()
    try:
        yield tap
    finally:
        await tap.close()
        tap.kept.close()

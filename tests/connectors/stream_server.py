"""A device whose HTTP answer does not end, played byte by byte: nothing of the bridge's own is in it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.connectors.conftest import BOUND


@dataclass
class Viewer:
    """One connection to it. ``head``: what was asked, as it stood on the wire."""

    head: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def begin(self, content_type: str, *headers: str, status: str = "200 OK", body: bytes = b"") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", "Connection: close", *headers]
        await self.say("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def answer(self, status: str, *headers: str, body: bytes = b"") -> None:
        """An answer that ends."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        await self.say("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def gone(self) -> None:
        """Until the other side has hung up."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass

    def cut(self, reset: bool = False) -> None:
        """Break off, without a word, or with a reset."""
        if reset:
            connection = self.writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def header(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


Play = Callable[[Viewer], Awaitable[None]]


@dataclass
class Device:
    """``heads``: of every request. ``play`` may be changed between two connections."""

    play: Play
    port: int = 0
    heads: list[str] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            viewer = Viewer(head, reader, writer)
            self.heads.append(head)
            await self.play(viewer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # it ends either way, and its server would complain of a task that was cancelled
        finally:
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=BOUND)


@asynccontextmanager
async def playing(play: Play, tls: ssl.SSLContext | None = None) -> AsyncIterator[Device]:
    device = Device(play)
    server = await asyncio.start_server(device._serve, "127.0.0.1", 0, ssl=tls)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()
        await device.stop()


def saying(content_type: str, *pieces: bytes) -> Play:
    """An answer of these pieces, that does not end."""

    async def play(viewer: Viewer) -> None:
        await viewer.begin(content_type)
        for piece in pieces:
            await viewer.say(piece)
        await viewer.gone()

    return play


def part(body: bytes, kind: str = "text/plain", boundary: str = "myboundary", end: bytes = b"\r\n") -> bytes:
    """As cameras write them."""
    head = [f"--{boundary}".encode(), f"Content-Type: {kind}".encode(), f"Content-Length:{len(body)}".encode()]
    return end.join([*head, b"", body, b""])

"""Devices with which something is wrong, in a process of their own: ``WHAT WAY COUNT [PORT ...]``.

Those that are asked listen, on the ports that are given or on free ones, and ``ready`` and their ports are printed;
those that send are given the port to send to. They go on until they are killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

from tests.benchmarks.isolation import senders
from tests.benchmarks.isolation.speech import begun, garbage

Device: TypeAlias = Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PACE = 1_000_000
"""Bytes a second of an answer without end: a device on a line of 10 Mbit/s."""

_chance = random.Random(1)


async def mute(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and never says a thing."""
    await asyncio.Event().wait()


async def vanishes(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins to answer, then is gone without a word: nothing is read any more, nothing is closed."""
    writer.write(begun(way, await _asked(way, reader)))
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


async def dribbles(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says all it says byte by byte, fifty a second."""
    for octet in begun(way, await _asked(way, reader)):
        writer.write(bytes([octet]))
        await asyncio.sleep(0.02)
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def babbles(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each question with what is no answer, ten times at most."""
    for _ in range(10):
        writer.write(garbage(way, await _asked(way, reader), _chance))
        await writer.drain()


async def endless(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins to answer, and does not end, at ``PACE``."""
    writer.write(begun(way, await _asked(way, reader)))
    while not writer.is_closing():
        writer.write(b"x" * (PACE // 20))
        await writer.drain()
        await asyncio.sleep(0.05)


async def torrent(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The same, as fast as it is read."""
    writer.write(begun(way, await _asked(way, reader)))
    while not writer.is_closing():
        writer.write(b"x" * 65_536)
        await writer.drain()


async def well(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A VMS that takes what it is sent."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0] if b"ength:" in head else b"0"
        await reader.readexactly(int(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


DEVICES: dict[str, Device] = {
    each.__name__: each for each in (mute, vanishes, dribbles, babbles, endless, torrent, well)
}


async def _asked(way: str, reader: asyncio.StreamReader) -> bytes:
    """A question; a device of the kind that speaks first is not asked."""
    if way == "tcp-client":
        return b""
    asked = await reader.read(4096)
    if not asked:
        raise ConnectionResetError
    return asked


@contextlib.contextmanager
def hole(port: int) -> Iterator[int]:
    """A port that answers no SYN: nobody accepts, and the queue is full."""
    with contextlib.ExitStack() as open_ones:
        listener = open_ones.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(4):
            filler = open_ones.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


class Deaf(asyncio.DatagramProtocol):
    """Answers a datagram with nothing, or with some that are no answer."""

    def __init__(self, what: str) -> None:
        self._what = what

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str | int, ...]) -> None:
        if self._what == "babbles":
            for answer in (_chance.randbytes(1400), data, data[: len(data) // 2], b"", data[:-20] + bytes(20)):
                self._transport.sendto(answer, address)


async def _listen(what: str, way: str, ports: list[int], until: contextlib.ExitStack) -> list[int]:
    loop = asyncio.get_running_loop()
    if what == "hole":
        return [until.enter_context(hole(port)) for port in ports]
    if way == "snmp-poll":
        made = [await loop.create_datagram_endpoint(lambda: Deaf(what), ("127.0.0.1", port)) for port in ports]
        return [transport.get_extra_info("sockname")[1] for transport, _ in made]

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            await DEVICES[what](way, reader, writer)
        writer.close()

    servers = [await asyncio.start_server(converse, "127.0.0.1", port, limit=2**22) for port in ports]
    return [server.sockets[0].getsockname()[1] for server in servers]


async def main() -> None:
    what, way, count, *ports = sys.argv[1:]
    with contextlib.ExitStack() as until:
        if what in senders.SENDERS:
            print("ready", flush=True)
            await asyncio.gather(*(senders.SENDERS[what](way, int(ports[0]), each) for each in range(int(count))))
        else:
            wanted = [int(port) for port in ports] or [0] * int(count)
            print("ready", *await _listen(what, way, wanted, until), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # what is measured with shares the core, and is first
    asyncio.run(main())

"""Senders with which something is wrong; each goes on until it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tests.benchmarks.mqtt import field

Sender: TypeAlias = Callable[[str, int, int], Awaitable[None]]

AT_ONCE = 50
"""Connections of one sender that is slow: slow-loris lives of having many."""

RATE = 100
"""Things a second of one that sends nonsense."""

_HEADS = {
    "heads": b"POST /bad HTTP/1.1\r\nHost: bridge\r\nX-Slow: ",
    "bodies": b'POST /bad HTTP/1.1\r\nHost: bridge\r\nContent-Length: 100000\r\n\r\n{"a":"',
    "dribbling": b'{"a":"',
}


def source(number: int) -> str:
    """The address of this bad sender."""
    return f"127.0.2.{number % 250 + 1}"


async def _connected(port: int, number: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source(number), 0))
    return writer


def _slowly(what: str) -> Sender:
    async def one(port: int, number: int) -> None:
        while True:
            with contextlib.suppress(OSError):
                writer = await _connected(port, number)
                writer.write(_HEADS[what])
                while not writer.is_closing():
                    await asyncio.sleep(1)
                    writer.write(b"x")
            await asyncio.sleep(1)

    async def send(way: str, port: int, number: int) -> None:
        await asyncio.gather(*(one(port, number) for _ in range(AT_ONCE)))

    return send


async def _endlessly(way: str, port: int, number: int) -> None:
    """An object that does not end, 1 MB a second."""
    while True:
        with contextlib.suppress(OSError):
            writer = await _connected(port, number)
            writer.write(b'{"a":"')
            while not writer.is_closing():
                writer.write(b"x" * 50_000)
                await writer.drain()
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)


async def _nonsense(way: str, port: int, number: int) -> None:
    await {"http": _requests, "tcp": _lines, "mqtt": _publications}.get(way, _datagrams)(port, number)


async def _requests(port: int, number: int) -> None:
    """A connection each."""
    chance = random.Random(number)
    while True:
        with contextlib.suppress(OSError):
            writer = await _connected(port, number)
            body = chance.randbytes(300)
            writer.write(
                chance.choice(
                    (
                        chance.randbytes(500),
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500),
                        b"POST /bad HTTP/9.9\r\n\r\n",
                        b"POST /bad HTTP/1.1\r\nHost: bridge\r\nContent-Length: x\r\n\r\n" + body,
                        b"POST /bad HTTP/1.1\r\nHost: bridge\r\nContent-Length: 9\r\n\r\n" + body,
                        b"POST /bad HTTP/1.1\r\nHost: bridge\r\nContent-Length: 300\r\n\r\n" + body,
                    )
                )
            )
            await asyncio.sleep(1 / RATE)
            writer.close()


async def _lines(port: int, number: int) -> None:
    chance = random.Random(number)
    while True:
        with contextlib.suppress(OSError):
            writer = await _connected(port, number)
            while not writer.is_closing():
                writer.write(chance.randbytes(200) + b'{"a":}\r\n')
                await asyncio.sleep(1 / RATE)
        await asyncio.sleep(0.1)


async def _publications(port: int, number: int) -> None:
    """What nobody can read, in sound packets of QoS 0 on a topic that is listened for."""
    chance = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = field(b"MQTT") + b"\x04\x02\x00\x00" + field(b"bad-%d" % number)
    writer.write(b"\x10" + bytes([len(body)]) + body)
    await reader.readexactly(4)
    while True:
        body = field(b"zigbee2mqtt/bad") + chance.randbytes(80)
        writer.write(b"\x30" + bytes([len(body)]) + body)
        await asyncio.sleep(1 / RATE)


async def _datagrams(port: int, number: int) -> None:
    chance = random.Random(number)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.bind((source(number), 0))
        sender.connect(("127.0.0.1", port))
        while True:
            with contextlib.suppress(OSError):
                sender.send(chance.choice((b"", b"0\x82", b"\x30\x29\x02\x01\x01")) + chance.randbytes(200))
            await asyncio.sleep(1 / RATE)


SENDERS: dict[str, Sender] = {
    **{what: _slowly(what) for what in _HEADS},
    "endless-object": _endlessly,
    "nonsense": _nonsense,
}

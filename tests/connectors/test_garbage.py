"""Bytes nobody thought of, over the wire of connectors whose protocol is read by a library or not at all: what comes
right after them is read as if they had never been."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import socket
from typing import Any

import pytest

from tests.connectors.conftest import Inbox
from tests.connectors.outgoing import at_work, until, websocket
from tests.connectors.snmp_agent import OUTPUT_SOURCE, answering
from tests.connectors.snmp_peer import document
from tests.connectors.test_snmp_poll import WELL, asking, poller
from tests.connectors.test_tcp_client import device
from tests.connectors.test_udp import hearing, udp

OFTEN = 40
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


@pytest.mark.shows("connector:udp", "fuzzed")
async def test_any_datagrams_are_messages_as_they_came(inbox: Inbox) -> None:
    chance = random.Random(11)
    bodies = [chance.randbytes(chance.choice((1, 2, 60, 1400, 9000))) for _ in range(200)]
    async with hearing(udp(), inbox) as (_, _, sender):
        for number, body in enumerate(bodies):
            sender.send(body)
            await inbox.hold(number + 1)
    assert inbox.bodies == bodies


def frames(chance: random.Random) -> bytes:
    """Of a server: some right in their first bytes, some damaged, some nothing of the kind."""
    made = b""
    for _ in range(chance.randrange(1, 5)):
        body = chance.randbytes(chance.choice((0, 1, 5, 125)))
        head = bytes([chance.choice((0x81, 0x82, 0x01, 0x80, 0x88, 0x89, 0x8A, 0x83, 0xC1, 0xFF)), len(body)])
        frame = bytearray(head + body)
        for _ in range(chance.randrange(3)):
            frame[chance.randrange(len(frame))] = chance.randrange(256)
        made += bytes(frame)
    return made


@pytest.mark.shows("connector:websocket", "fuzzed")
async def test_any_bytes_of_a_websocket_are_messages_or_end_the_connection(inbox: Inbox) -> None:
    chance = random.Random(12)
    connections = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        said = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n"))}
        accept = base64.b64encode(hashlib.sha1(said["sec-websocket-key"].encode() + WEBSOCKET).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        if connections <= OFTEN:
            writer.write(frames(chance))
            await writer.drain()
            return
        writer.write(b"\x81\x04fine")
        await reader.read()

    async with device(play) as port, at_work(websocket(f"ws://127.0.0.1:{port}/ws"), inbox):
        await until(lambda: b"fine" in inbox.bodies, 60)
    assert connections == OFTEN + 1


class Between(asyncio.DatagramProtocol):
    """Stands between a poller and its agent. While there are ``damages`` left, a damaged answer goes before each right
    one, so that nothing has to wait for a time-out."""

    def __init__(self, agent: int) -> None:
        self.damages = 0
        self._chance = random.Random(13)
        self._agent = ("127.0.0.1", agent)
        self._poller: Any = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        if address != self._agent:
            self._poller = address
            self._transport.sendto(data, self._agent)
            return
        if self.damages:
            self.damages -= 1
            self._transport.sendto(self._damaged(data), self._poller)
        self._transport.sendto(data, self._poller)

    def _damaged(self, data: bytes) -> bytes:
        made = bytearray(data)
        for _ in range(self._chance.randrange(1, 4)):
            place = self._chance.randrange(len(made)) if made else 0
            if self._chance.random() < 0.8 and made:
                made[place] = self._chance.randrange(256)
            else:
                del made[place:]
        return bytes(made)


@pytest.mark.shows("connector:snmp-poll", "fuzzed")
@pytest.mark.parametrize("version", ["2c", "3"])
async def test_damaged_answers_are_answers_or_none_and_the_next_right_one_is_read(version: str) -> None:
    async with answering(dict(WELL)) as agent:
        transport, between = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Between(agent.port), local_addr=("127.0.0.1", 0), family=socket.AF_INET
        )
        connector = poller(transport.get_extra_info("sockname")[1], version=version, timeout="5 s", every="1 ms")
        connector.backoff.longest = 0.001
        try:
            async with asking(connector) as (box, link):
                await box.hold(1)
                between.damages = OFTEN
                await until(lambda: not between.damages and link.said[-1].startswith("up"), 60)
                agent.tell(OUTPUT_SOURCE, WELL[OUTPUT_SOURCE].clone(5))
                await until(lambda: any(_source(told) == 5 for told in map(document, box.kept)), 60)
        finally:
            transport.close()


def _source(told: dict[str, Any]) -> object:
    return told["values"].get(OUTPUT_SOURCE.removesuffix(".0"))

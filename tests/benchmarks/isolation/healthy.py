"""The healthy devices: each in turn says something, by five ways and at a steady rate, and points of others change."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from dataclasses import dataclass

from tests.benchmarks.isolation.board import Board
from tests.benchmarks.isolation.canary import EVERY, Canary
from tests.benchmarks.mqtt import field
from tests.benchmarks.peers import MESSAGE, Exchange, request
from tests.connectors.snmp_sender import datagram

DEVICES = 5
"""Of each way."""
POINTS = 10
"""Of each that is polled."""
RATE = 250.0
"""Events a second of all that push."""
CHANGES = 50.0
"""A second, of all points together."""


@dataclass
class Ports:
    """Of the bridge, and of the broker."""

    http: int
    tcp: int
    udp: int
    snmp: int
    broker: int


def address(device: int) -> str:
    return f"127.0.1.{device + 1}"


def spoken(number: int) -> bytes:
    """A plate reader's message."""
    plate = b"P%07d" % number
    return MESSAGE % (int(time.time() * 1000), plate, plate, plate, plate, number, number % DEVICES, number % DEVICES)


class _Answers(Exchange):
    def message(self, head: bytes, body: bytes) -> None:
        assert b" 200" in head[:14], head


class Panel(asyncio.Protocol):
    """A Modbus device of discrete inputs: it answers every question for them (function 2) from ``inputs``."""

    def __init__(self) -> None:
        self.inputs = 0
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for at in range(0, len(data) - 11, 12):
            first, count = struct.unpack(">HH", data[at + 8 : at + 12])
            octets = (count + 7) // 8
            values = (self.inputs >> first & (1 << count) - 1).to_bytes(octets, "little")
            head = data[at : at + 4] + struct.pack(">H", octets + 3) + data[at + 6 : at + 8]
            self._transport.write(head + bytes([octets]) + values)  # type: ignore[attr-defined]


class Healthy:
    """``left``: number of a message → monotonic seconds at which it was sent; ``changed``: (device, point) → the
    monotonic seconds of a change that was not told yet; ``took``: (when, seconds) of each change that was."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.left: dict[int, float] = {}
        self.changed: dict[tuple[int, int], float] = {}
        self.took: list[tuple[float, float]] = []
        self.panels = [Panel() for _ in range(DEVICES)]
        self._number = self._turn = 0
        self._http: list[asyncio.WriteTransport] = []
        self._tcp: list[asyncio.WriteTransport] = []
        self._udp: list[socket.socket] = []
        self._traps: list[socket.socket] = []

    async def open(self) -> None:
        """The polled ones, before the bridge."""
        loop = asyncio.get_running_loop()
        for each in self.panels:
            server = await loop.create_server(lambda panel=each: panel, "127.0.0.1", 0)  # type: ignore[misc]
            each.port = server.sockets[0].getsockname()[1]
        self.board.on_point = self._told

    async def connect(self, ports: Ports) -> None:
        loop = asyncio.get_running_loop()
        for device in range(DEVICES):
            here = (address(device), 0)
            made = await loop.create_connection(_Answers, "127.0.0.1", ports.http, local_addr=here)
            self._http.append(made[0])
            line = await loop.create_connection(asyncio.Protocol, "127.0.0.1", ports.tcp, local_addr=here)
            self._tcp.append(line[0])
            for kept, port in ((self._udp, ports.udp), (self._traps, ports.snmp)):
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sender.bind(here)
                sender.connect(("127.0.0.1", port))
                kept.append(sender)
        reader, self._broker = await asyncio.open_connection("127.0.0.1", ports.broker)
        body = field(b"MQTT") + b"\x04\x02\x00\x00" + field(b"healthy")
        self._broker.write(b"\x10" + bytes([len(body)]) + body)
        await reader.readexactly(4)
        self._acknowledged = asyncio.create_task(_read(reader))

    def close(self) -> None:
        for each in (*self._udp, *self._traps):
            each.close()
        for line in (*self._http, *self._tcp):
            line.close()
        self._acknowledged.cancel()
        self._broker.close()

    async def speak(self, canary: Canary) -> None:
        """Until cancelled."""
        began, said, changed, sung = time.monotonic(), 0, 0, 0
        while True:
            passed = time.monotonic() - began
            while said < passed * RATE:
                self._say()
                said += 1
            while changed < passed * CHANGES:
                self._change()
                changed += 1
            if sung < passed / EVERY:
                canary.sing()
                sung = int(passed / EVERY) + 1
            await asyncio.sleep(0.001)

    def _say(self) -> None:
        number, device = self._number, self._number // 5 % DEVICES
        self._number += 1
        way = number % 5
        if way == 0:
            data = request(number, device)
        elif way in (1, 2):
            data = spoken(number)
        elif way == 3:
            body = field(b"zigbee2mqtt/d%d" % device) + struct.pack(">H", number % 65_535 + 1)
            body += b'{"action":"P%07d","battery":93,"linkquality":120,"voltage":2995}' % number
            data = b"\x32" + bytes([len(body)]) + body
        else:
            data = datagram(number)
        self.left[number] = time.monotonic()
        if way == 0:
            self._http[device].write(data)
        elif way == 1:
            self._tcp[device].write(data)
        elif way == 2:
            self._udp[device].send(data)
        elif way == 3:
            self._broker.write(data)
        else:
            self._traps[device].send(data)

    def _change(self) -> None:
        device, point = self._turn % DEVICES, self._turn // DEVICES % POINTS
        self._turn += 1
        if (device, point) not in self.changed:  # else the last change of it was not told yet
            self.changed[device, point] = time.monotonic()
            self.panels[device].inputs ^= 1 << point

    def _told(self, device: int, point: int) -> None:
        began = self.changed.pop((device, point), None)
        if began is not None:
            self.took.append((began, time.monotonic() - began))


async def _read(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass

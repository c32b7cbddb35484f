"""Listens between a device and the bridge, and writes down what they say to each other as a conversation."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.cases.conversation import written

_MOST = 1 << 20


_DATE = re.compile(r"< date: .* GMT\\r\\n")
"""Of our answers; it differs with the day."""


@dataclass
class Heard:
    """``lines`` of the conversation so far. ``mqtt``: these bytes are packets, a piece for each."""

    lines: list[str] = field(default_factory=list)
    _last: str = ""

    def begins(self, connector: str, by_device: bool) -> None:
        self.lines += ["", f"{'device' if by_device else 'bridge'} connects to {connector}"]
        self._last = ""

    def said(self, by_device: bool, data: bytes, datagram: bool, mqtt: bool) -> None:
        mark = ">" if by_device else "<"
        if self._last and (mark != self._last or datagram):
            self.lines.append("")
        self._last = mark
        for packet, name in packets(data) if mqtt else [(data, "")]:
            self.lines += [f"# {name}"] if name else []
            for part in parts(packet) if name == "PUBLISH" else [packet]:
                self.lines += (_DATE.sub(r"< date: \\*\\r\\n", line) for line in written(mark, part))

    def ended(self, by_device: bool) -> None:
        self.lines += ["", f"{'device' if by_device else 'bridge'} hangs up"]


_PACKETS = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
    "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)  # fmt: skip


def packets(data: bytes) -> Iterator[tuple[bytes, str]]:
    """MQTT's control packets and their names (MQTT 3.1.1, 2.2); what is no whole packet comes last, nameless."""
    while data:
        length, shift, head = 0, 0, 1
        while head < min(len(data), 5):
            length |= (data[head] & 0x7F) << shift
            shift += 7
            head += 1
            if not data[head - 1] & 0x80:
                break
        end = head + length
        yield data[:end], _PACKETS[data[0] >> 4] if end <= len(data) else ""
        data = data[end:]


def parts(packet: bytes) -> list[bytes]:
    """Of a PUBLISH what stands before its topic, the topic, and the rest."""
    head = next(place for place in range(1, 5) if not packet[place] & 0x80) + 3
    end = head + int.from_bytes(packet[head - 2 : head], "big")
    return [packet[:head], packet[head:end], packet[end:]]


class TcpBetween:
    """``by_device``: the device comes to its port, and ``target`` is the bridge; else the other way round."""

    def __init__(self, heard: Heard, connector: str, by_device: bool, mqtt: bool) -> None:
        self._heard = heard
        self._connector = connector
        self._by_device = by_device
        self._mqtt = mqtt
        self.target = ("127.0.0.1", 0)
        self.over = False
        """Nothing is written down any more."""

    async def listen(self, group: asyncio.TaskGroup) -> int:
        """The port, of 127.0.0.1, at which it listens."""

        def comes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            group.create_task(self._pass_on(reader, writer))

        self._server = await asyncio.start_server(comes, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        self._server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:  # gone by now
            writer.close()
            return
        if not self.over:
            self._heard.begins(self._connector, self._by_device)
        ended: list[bool] = []

        async def one_way(source: asyncio.StreamReader, to: asyncio.StreamWriter, by_device: bool) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(_MOST):
                    if not self.over:
                        self._heard.said(by_device, data, datagram=False, mqtt=self._mqtt)
                    to.write(data)
                    await to.drain()
            ended.append(by_device)
            to.close()

        async with asyncio.TaskGroup() as both:
            both.create_task(one_way(reader, far_writer, self._by_device))
            both.create_task(one_way(far_reader, writer, not self._by_device))
        if not self.over:
            self._heard.ended(ended[0])


class UdpBetween(asyncio.DatagramProtocol):
    """The same for datagrams: what came to its port goes to ``target``, and its answers to whoever spoke last."""

    def __init__(self, heard: Heard, connector: str, by_device: bool) -> None:
        self._heard = heard
        self._connector = connector
        self._by_device = by_device
        self._speaker: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport
        self.target = ("127.0.0.1", 0)
        self.over = False

    async def listen(self, group: asyncio.TaskGroup) -> int:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0), family=socket.AF_INET)
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = addr == self.target
        if not self.over:
            if self._speaker is None:
                self._heard.begins(self._connector, self._by_device)
            self._heard.said(self._by_device is not answer, data, datagram=True, mqtt=False)
        if not answer:
            self._speaker = addr
        self._transport.sendto(data, self._speaker if answer else self.target)

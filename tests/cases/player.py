"""Plays the device's side of a conversation to a running site, byte for byte over real sockets of this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Sequence
from typing import Protocol

from tests.cases.conversation import Connect, Conversation, HangUp, Hear, Kept, Say, Step, Wait
from tests.cases.house import WITHIN, House
from tests.cases.ports import own_port

_MOST = 1 << 20


class NotAsRecorded(AssertionError):
    """The bridge said something else. The message shows both."""


class Line(Protocol):
    """One connection, or one end that datagrams go to and come from."""

    async def say(self, data: bytes) -> None: ...

    async def more(self) -> bytes:
        """What came; empty when the bridge has ended it."""

    async def hang_up(self) -> None: ...


class TcpLine:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def more(self) -> bytes:
        try:
            return await self._reader.read(_MOST)
        except ConnectionResetError:
            return b""

    async def hang_up(self) -> None:
        self._writer.close()


class UdpLine(asyncio.DatagramProtocol):
    """``peer``: where datagrams go, once known: for a device that is asked, whoever asked."""

    def __init__(self, peer: tuple[str, int] | None) -> None:
        self._peer = peer
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._peer = addr
        self._came.put_nowait(data)

    async def say(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(data, self._peer)

    async def more(self) -> bytes:
        return await self._came.get()

    async def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Player:
    """``devices``: the connectors that connect to the device, or ask it. ``datagrams``: those over UDP.
    ``ports``: where the device is for each, once its doors are open."""

    def __init__(self, devices: Collection[str], datagrams: Collection[str]) -> None:
        self._house: House
        self._devices = devices
        self.ports: dict[str, int] = {}
        self._held: list[socket.socket] = []
        self._datagrams = datagrams
        self._doors: dict[str, asyncio.Server] = {}
        self._came: dict[str, asyncio.Queue[TcpLine]] = {}
        self._lines: list[Line] = []
        self._heard = bytearray()

    async def open_doors(self) -> None:
        """Before the site begins: its connectors find the device there."""
        for name in self._devices:
            if name in self._datagrams:
                loop = asyncio.get_running_loop()
                transport, line = await loop.create_datagram_endpoint(
                    lambda: UdpLine(None), local_addr=("127.0.0.1", own_port())
                )
                self._lines.append(line)
                self.ports[name] = transport.get_extra_info("sockname")[1]
            else:
                door = self._doors[name] = await self._door(name)
                self.ports[name] = door.sockets[0].getsockname()[1]

    async def _door(self, name: str) -> asyncio.Server:
        waiting = self._came[name] = asyncio.Queue()

        def comes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            waiting.put_nowait(TcpLine(reader, writer))

        return await asyncio.start_server(comes, "127.0.0.1", own_port())

    def _shut(self, name: str) -> None:
        """Whoever connects is refused: nobody else gets the port either."""
        self._doors.pop(name).close()
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", self.ports[name]))
        self._held.append(held)

    async def play(self, conversation: Conversation, house: House) -> None:
        """Raises NotAsRecorded, also when the bridge says nothing."""
        self._house = house
        for place, step in enumerate(conversation.steps):
            await self._take(step, conversation.steps[place + 1 :])

    async def close(self) -> None:
        for line in self._lines:
            await line.hang_up()
        for door in self._doors.values():
            door.close()
        for held in self._held:
            held.close()
        for waiting in self._came.values():
            while not waiting.empty():
                await waiting.get_nowait().hang_up()

    async def _take(self, step: Step, later: Sequence[Step]) -> None:
        match step:
            case Connect(by_device=True):
                await self._connect(step)
            case Connect():
                await self._be_connected(step.connector)
            case Say():
                await self._lines[-1].say(step.data)
            case Hear():
                await self._hear(step)
            case Kept():
                try:
                    await self._house.keep(step.messages)
                except TimeoutError:
                    raise NotAsRecorded(f"the bridge kept {self._house.kept} messages, not {step.messages}") from None
            case Wait():
                await self._house.wait(step.seconds)
            case HangUp(by_device=True):
                await self._lines[-1].hang_up()
                again = {each.connector for each in later if isinstance(each, Connect)}
                for name in self._doors.keys() - again:  # so that it is the same however soon the bridge tries
                    self._shut(name)
            case HangUp():
                await self._be_left()

    async def _connect(self, step: Connect) -> None:
        host, port = await self._house.bound(step.connector)
        self._heard.clear()
        if step.connector in self._datagrams:
            loop = asyncio.get_running_loop()
            _, line = await loop.create_datagram_endpoint(
                lambda: UdpLine((host, port)), local_addr=(step.source, 0), family=socket.AF_INET
            )
            self._lines.append(line)
        else:
            opened = await asyncio.open_connection(host, port, local_addr=(step.source, 0))
            self._lines.append(TcpLine(*opened))

    async def _be_connected(self, name: str) -> None:
        if name in self._datagrams:
            return
        self._heard.clear()
        try:
            async with asyncio.timeout(WITHIN):
                self._lines.append(await self._came[name].get())
        except TimeoutError:
            raise NotAsRecorded(f"connector {name} does not connect to the device") from None

    async def _hear(self, step: Hear) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                while not (found := step.pattern.match(self._heard)):
                    if self._heard[: len(step.begins)] != step.begins[: len(self._heard)]:
                        raise self._other(step, "says something else")
                    more = await self._lines[-1].more()
                    if not more:
                        raise self._other(step, "has hung up")
                    self._heard += more
                del self._heard[: found.end()]
        except TimeoutError:
            raise self._other(step, "says nothing more") from None

    async def _be_left(self) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                more = await self._lines[-1].more()
        except TimeoutError:
            raise NotAsRecorded("the bridge does not hang up") from None
        if more or self._heard:
            raise NotAsRecorded(f"the bridge says more: {bytes(self._heard + more)!r}")

    def _other(self, step: Hear, what: str) -> NotAsRecorded:
        heard = bytes(self._heard)
        from_here = [f"the bridge {what} than line {step.line} of the conversation. Recorded:", step.text, "Heard:"]
        if "x" in step.text[:2]:
            return NotAsRecorded("\n".join([*from_here, heard.hex(" ")]))
        return NotAsRecorded("\n".join([*from_here, repr(heard)]))

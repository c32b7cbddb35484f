"""A broker that sends again what it has no acknowledgement for: each message is taken once, and none is left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.connectors.conftest import BOUND, Inbox
from tests.connectors.mosquitto import addresses, mqtt
from tests.connectors.outgoing import at_work, until

CONNECT, PUBACK, SUBSCRIBE = 0x10, 0x40, 0x80


class Insisting:
    """Speaks MQTT 5 and keeps its one client's session. ``waiting``: bodies by packet id, all of them sent on each
    connection until they are acknowledged, as many as there are; ``acknowledged``: packet ids in order."""

    def __init__(self, *bodies: bytes) -> None:
        self.port = 0
        self.waiting = dict(enumerate(bodies, 1))
        self.acknowledged: list[int] = []
        self.connections = 0
        self._writer: asyncio.StreamWriter | None = None
        self._gone = asyncio.Event()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def end(self) -> None:
        """Close our side, and wait until the client has closed its own."""
        assert self._writer is not None
        self._writer.write_eof()
        async with asyncio.timeout(BOUND):
            await self._gone.wait()

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writer = writer
        self._gone.clear()
        try:
            while True:
                head, length = await reader.readexactly(2)
                body = await reader.readexactly(length)
                if head & 0xF0 == CONNECT:
                    writer.write(bytes([0x20, 3, self.connections > 1, 0, 0]))
                elif head & 0xF0 == SUBSCRIBE:
                    writer.write(b"\x90\x04" + body[:2] + b"\x00\x01" + b"".join(map(self._publish, self.waiting)))
                elif head == PUBACK:
                    mid = int.from_bytes(body[:2], "big")
                    self.acknowledged.append(mid)
                    del self.waiting[mid]
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._gone.set()

    def _publish(self, mid: int) -> bytes:
        body = b"\x00\x07plant/a" + mid.to_bytes(2, "big") + b"\x00" + self.waiting[mid]
        return bytes([0x32 | (self.connections > 1) << 3, len(body)]) + body


@asynccontextmanager
async def insisting(*bodies: bytes) -> AsyncIterator[Insisting]:
    broker = Insisting(*bodies)
    server = await asyncio.start_server(broker.speak, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    async with server:
        yield broker


async def test_what_was_received_before_the_connection_ended_and_is_kept_after_it_is_taken_once(inbox: Inbox) -> None:
    inbox.open.clear()
    async with insisting(b"1", b"2", b"3") as broker:
        connector = mqtt(broker.url, "plant/a", in_flight=1)
        async with at_work(connector, inbox):
            await inbox.hold(1)
            await broker.end()
            inbox.open.set()
            await until(lambda: not broker.waiting)
            assert broker.acknowledged == [1, 2, 3]
            assert inbox.bodies == [b"1", b"2", b"3"]


async def test_what_waited_for_its_turn_when_the_topics_changed_is_taken_when_it_is_sent_again(inbox: Inbox) -> None:
    inbox.open.clear()
    async with insisting(b"1", b"2", b"3") as broker:
        connector = mqtt(broker.url, "plant/a", in_flight=1)
        async with at_work(connector, inbox):
            await inbox.hold(1)
            connector.readdress(addresses("plant/a", "plant/b"))
            await until(lambda: connector.counts["connections"] > 1)
            inbox.open.set()
            await until(lambda: not broker.waiting)
            assert broker.acknowledged == [1, 2, 3]
            assert inbox.bodies == [b"1", b"2", b"3"]

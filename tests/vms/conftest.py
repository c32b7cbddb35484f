"""A VMS that plays back: raw bytes out for raw bytes in, built by nobody's HTTP code."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.delivery.attempt import Attempt
from bridge.model import (
    Clock,
    Delivery,
    EventId,
    MessageId,
    Outcome,
    SensorEvent,
    SensorId,
    SiteId,
)
from bridge.secret import Secret, SecretMissing, SecretRef
from bridge.vms.base import VmsTarget
from tests.vms.time_passes import pass_time


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def said(status: int, value: object, *headers: str) -> bytes:
    return answer(status, json.dumps(value).encode(), "Content-Type: application/json", *headers)


CUT = "cut"
"""Close the connection instead of answering."""
SILENCE = "silence"
"""Never answer."""
OUTWAITED = "outwaited"
"""Never answer, and let the time pass in which one waits for an answer."""
BOUND = 30.0
"""Seconds of a wait that is over at once unless something is broken."""


class Played:
    """``requests``: each as it came, head and body. ``script``: what is answered, in order; then ``otherwise``."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.script: list[bytes | str] = []
        self.otherwise: bytes | str | Callable[[bytes], bytes | str] = answer(200)
        self.connections = 0
        self.ended = 0
        self.greeting = b""
        self.close_after = False
        self.port = 0
        self.arrived = asyncio.Condition()
        self.hold = asyncio.Event()
        self.hold.set()
        self.writers: list[asyncio.StreamWriter] = []

    @property
    def heads(self) -> list[bytes]:
        return [request.split(b"\r\n", 1)[0] for request in self.requests]

    @property
    def bodies(self) -> list[bytes]:
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    async def until(self, requests: int) -> None:
        async with asyncio.timeout(BOUND), self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= requests)

    async def until_ended(self, connections: int) -> None:
        async with asyncio.timeout(BOUND), self.arrived:
            await self.arrived.wait_for(lambda: self.ended >= connections)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                request = head + await reader.readexactly(length)
                async with self.arrived:
                    self.requests.append(request)
                    self.arrived.notify_all()
                await self.hold.wait()
                reply = self.script.pop(0) if self.script else self.otherwise
                if callable(reply):
                    reply = reply(request)
                if reply in (SILENCE, OUTWAITED):
                    if reply == OUTWAITED:
                        pass_time()
                    await reader.read()
                    break
                if isinstance(reply, str):
                    break
                writer.write(reply)
                await writer.drain()
                if self.close_after:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            async with self.arrived:
                self.ended += 1
                self.arrived.notify_all()
            writer.close()


@asynccontextmanager
async def playing(context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Played]:
    played = Played()
    server = await asyncio.start_server(played.serve, host, 0, ssl=context)
    played.port = server.sockets[0].getsockname()[1]
    try:
        yield played
    finally:
        server.close()
        played.hold.set()
        for writer in played.writers:
            writer.close()
        await asyncio.sleep(0)


@contextmanager
def nobody_there(port: int = 0, host: str = "127.0.0.1") -> Iterator[int]:
    """A port at which nobody listens, and nobody else can meanwhile: it is taken. Connections are refused."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        yield taken.getsockname()[1]


@pytest.fixture
async def vms() -> AsyncIterator[Played]:
    async with playing() as played:
        yield played


class Vault:
    """Secrets that a test holds in its hand; ``reads`` counts those from the store."""

    def __init__(self, **values: str) -> None:
        self.values = {name.replace("_", "-"): value for name, value in values.items()}
        self.kept = dict(self.values)
        self.reads = 0

    def get(self, ref: SecretRef, fresh: bool = False) -> Secret:
        if fresh:
            self.reads += 1
            self.kept = dict(self.values)
        if ref not in self.kept:
            raise SecretMissing(f"there is no secret {ref}")
        return Secret(self.kept[ref], str(hash(self.kept[ref])))


INNER = "share.eyJzaSI6IDd9.6960a000tbc1fab00.abcdefghijklmnopqrstuvwxyz0"


def token(camera: int = 4711, inner: str = INNER, **more: object) -> str:
    outer: dict[str, Any] = {"camid": camera, "cmngrid": camera + 1, "access": "all", "token": inner, **more}
    return base64.b64encode(json.dumps(outer).encode()).decode()


def event(**more: Any) -> SensorEvent:
    """The access-denied event of the reference's section 12.3, with what the bridge adds."""
    told: dict[str, Any] = {
        "id": EventId("0197c3-1.0"),
        "site": SiteId("harbour"),
        "sensor": SensorId("door-17"),
        "sensor_name": "Door 17",
        "kind": "door",
        "message": MessageId("0197c3-1"),
        "type": "access.denied",
        "title": "Access denied",
        "occurred_at": datetime(2026, 2, 3, 10, 15, 30, 250000, UTC),
        "arrived_at": datetime(2026, 2, 3, 10, 15, 30, 500000, UTC),
        "clock": Clock.DEVICE,
        "clock_offset": -0.25,
        "fields": {"vendor": "acme", "card": "00931", "reason": "expired"},
        "detail": b'{"vendor":"acme","card":"00931","reason":"expired"}',
        **more,
    }
    return SensorEvent(**told)


async def sent(to: VmsTarget, what: Delivery, urgent: bool = False) -> Outcome:
    """All requests of a delivery in order, and what the delivery room takes their outcome for."""
    requests = to.render(what)
    assert requests
    return await Attempt().deliver(to, requests, urgent)

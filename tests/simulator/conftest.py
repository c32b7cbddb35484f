"""A raw client: what goes over the wire is written out in the tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from bridge.simulator.vxg import SimulatedVxg


class Answered(msgspec.Struct):
    status: int
    head: str
    body: bytes

    @property
    def json(self) -> object:
        return msgspec.json.decode(self.body)


async def ask_raw(port: int, request: bytes, bound: float = 10.0) -> Answered:
    """Send these bytes on a connection of their own; the first answer. Raises ConnectionError when it is cut."""
    async with asyncio.timeout(bound):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                raise ConnectionResetError("cut without an answer") from None
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            return Answered(int(head.split(b" ", 2)[1]), head.decode(), await reader.readexactly(length))
        finally:
            writer.close()


async def ask(
    vms: SimulatedVxg, line: str, body: str = "", token: str | None = None, scheme: str = "Acc", bound: float = 10.0
) -> Answered:
    """``line``: method and target; ``token`` None: that of camera 4711."""
    credential = vms.tokens[4711] if token is None else token
    sign = f"Authorization: {scheme} {credential}\r\n" if credential else ""
    head = (
        f"{line} HTTP/1.1\r\nHost: vms\r\n{sign}Content-Type: application/json\r\nContent-Length: {len(body.encode())}"
    )
    return await ask_raw(vms.server.port, f"{head}\r\n\r\n{body}".encode(), bound)


@pytest.fixture
async def vms() -> AsyncIterator[SimulatedVxg]:
    async with SimulatedVxg(cameras=2, declared=["access_denied"]) as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that try again sooner than real ones, so that tests need not wait."""
    monkeypatch.setattr("bridge.simulator.uplink.AGAIN", 0.02)

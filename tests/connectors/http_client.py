"""A sender that writes its own bytes and reads what it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

BOUND = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str
    all: dict[str, list[str]]
    """Of each header every value, in order."""


class Sender:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(BOUND):
            await self.writer.drain()

    async def answer(self, head: bool = False) -> Answer:
        """The next whole answer; ``head``: it has no body whatever its length says. Raises EOFError at the end."""
        async with asyncio.timeout(BOUND):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines[1:] if line)]
            headers = dict(pairs)
            length = 0 if head else int(headers.get("content-length", 0))
            body = await self.reader.readexactly(length)
        every: dict[str, list[str]] = {}
        for name, value in pairs:
            every.setdefault(name, []).append(value)
        return Answer(int(lines[0].split()[1]), headers, body.decode().strip(), every)

    async def closed(self) -> bool:
        """Whether the other side hangs up without a further word."""
        async with asyncio.timeout(BOUND):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    def heard_nothing(self) -> bool:
        return not self.reader._buffer  # type: ignore[attr-defined]


@asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1") -> AsyncIterator[Sender]:
    async with asyncio.timeout(BOUND):
        reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Sender(reader, writer)
    finally:
        writer.close()


def request(path: str = "/gate", body: bytes = b"{}", method: str = "POST", **headers: str) -> bytes:
    """The bytes of a request; header names with underscores for hyphens, an empty value leaves a header out."""
    fields = {"Host": "bridge", "Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def post(port: int, path: str = "/gate", body: bytes = b"{}", **headers: str) -> Answer:
    async with connected(port) as sender:
        await sender.write(request(path, body, **headers))
        return await sender.answer()

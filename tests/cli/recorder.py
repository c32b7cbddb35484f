"""A VMS for tests that keeps every byte it is sent, and takes everything."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EMPTY = b'{"meta":{"total_count":0},"objects":[]}'
_MADE = b'{"id":81,"objects":[{"status":201,"id":"d1"}]}'


class Recorder:
    """``requests``: head and body of each, as they came over the wire."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = _LENGTH.search(head)
                body = await reader.readexactly(int(found[1])) if found else b""
                self.requests.append(head + body)
                answer, status = (_EMPTY, b"200 OK") if head.startswith(b"GET") else (_MADE, b"201 Created")
                writer.write(b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n" % status)
                writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer))
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    server = await asyncio.start_server(recorder._serve, "127.0.0.1", 0)
    recorder.port = server.sockets[0].getsockname()[1]
    async with server:
        yield recorder

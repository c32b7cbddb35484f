"""A data source of generic events: a line in, and the echo that it is set to give [10]."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bridge.simulator.milestone.state import State

_TRIES = 20


class DataSource:
    """``echo``: statistics, all or none. ``silent``: what comes is taken, and no echo given."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.echo = "statistics"
        self.silent = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._requests = 0
        self.arrived = asyncio.Event()
        self.on_line: Callable[[bytes], None] | None = None

    async def listen(self, host: str = "127.0.0.1") -> None:
        """TCP and UDP at the same port; of those that are free for the one, one that is free for both. Raises OSError
        when a port that was asked for is taken."""
        loop = asyncio.get_running_loop()
        asked = self.port
        for attempt in range(1, _TRIES + 1):
            server = await asyncio.start_server(self._serve, host, asked)
            port: int = server.sockets[0].getsockname()[1]
            try:
                self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), (host, port))
            except OSError:
                server.close()
                if asked or attempt == _TRIES:
                    raise
            else:
                self._server, self.port = server, port
                return

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._datagrams is not None:
            self._datagrams.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                echo = self.take(line)
                if echo:
                    writer.write(echo)
        except (ConnectionError, ValueError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def take(self, line: bytes) -> bytes:
        self._state.lines.append(line)
        self.arrived.set()
        if self.on_line is not None:
            self.on_line(line)
        self._requests += 1
        if self.silent or self.echo == "none":
            return b""
        if self.echo == "all":
            return line
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        matched = sorted(name for name in self._state.generic_events if name in text)
        told = f"{self._requests},{len(text)},{len(matched)},{','.join(matched)}"
        return f"{told}\r\n".encode()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, source: DataSource) -> None:
        self._source = source

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._source.take(data)

"""Bytes written to a TCP socket as they are, over a connection that is kept: for protocols that are no HTTP.

What the other side says of itself, line by line, is handed on; it answers no particular request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bridge.vms.http.answer import AnswerLost, NotSent
from bridge.vms.http.origin import network_name, origin

LONGEST_LINE = 4096
"""Bytes of a line that is listened to; of a longer one the end is listened to as if it were one."""


def address(url: str) -> tuple[str, int]:
    """``tcp://host:port`` taken apart. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    if scheme not in ("tcp", "udp") or not host or not port.isdecimal():
        raise ValueError("write the address as tcp://host:port")
    return network_name(host.strip("[]")), int(port)


class PlainSocket:
    """One kept connection to ``url``. ``heard`` is told each line (without its end) that comes over it. Belongs to
    the loop it first writes on."""

    def __init__(self, url: str, heard: Callable[[bytes], None]) -> None:
        self._host, self._port = address(url)
        self._heard = heard
        self._open: _Wire | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def write(self, data: bytes, seconds: float) -> None:
        """Write it whole, ``seconds`` at most. Returns when the system has taken it, which does not say that the
        other side has read it. Raises NotSent (no byte was written), AnswerLost (some may have been)."""
        wire = await self._connected(seconds)
        transport = wire.transport
        assert transport is not None
        transport.write(data)
        try:
            async with asyncio.timeout(seconds):
                await wire.writable.wait()
        except TimeoutError:
            transport.abort()
            raise AnswerLost(f"{self.where} does not read what it is sent", silent=True) from None
        if wire.lost:
            raise AnswerLost(f"the connection to {self.where} was cut while it was written to")

    async def reach(self, seconds: float) -> None:
        """Connect, and write nothing. Raises NotSent."""
        await self._connected(seconds)

    @property
    def where(self) -> str:
        return origin(False, self._host, self._port).authority

    async def close(self) -> None:
        self._closed = True
        if self._open is not None and self._open.transport is not None:
            self._open.transport.close()
        self._open = None
        await asyncio.sleep(0)

    async def _connected(self, seconds: float) -> _Wire:
        try:
            async with asyncio.timeout(seconds), self._opening:
                if self._closed:
                    raise NotSent("the connection was closed", busy=True)
                wire = self._open
                if wire is None or wire.lost:
                    wire = self._open = await self._connect()
                return wire
        except TimeoutError:
            raise NotSent(f"no connection to {self.where} within {round(seconds, 1):g} s") from None

    async def _connect(self) -> _Wire:
        loop = asyncio.get_running_loop()
        try:
            _, wire = await loop.create_connection(lambda: _Wire(self._heard), self._host, self._port)
        except OSError as error:
            raise NotSent(f"{self.where}: {error.strerror or 'the name is not known'}") from None
        return wire


class _Wire(asyncio.Protocol):
    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._rest = b""
        self.transport: asyncio.Transport | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is none by inheritance
        with suppress(AttributeError):
            transport.set_write_buffer_limits(0)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-LONGEST_LINE:]
        for line in lines:
            self._heard(line.rstrip(b"\r"))

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.transport = None
        self.writable.set()

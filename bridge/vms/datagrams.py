"""Bytes handed to the system as one UDP datagram each: for a VMS that listens to them and answers nothing.

That the system took it is all that can be known. Where a machine is there and nobody listens, it may say so (ICMP, port
unreachable); the system tells that to whoever writes next, so it is heard one datagram late, or never.
"""

from __future__ import annotations

import asyncio
import errno
import socket

from bridge.vms.http.answer import NotSent, Unsendable
from bridge.vms.http.origin import origin
from bridge.vms.plain import address

LOOKED_UP_EVERY = 60.0
"""Seconds an address is kept for. A connection to one that has moved breaks; datagrams to it are lost in silence."""


class Datagrams:
    """One socket to ``url`` (``udp://host:port``), kept. Belongs to the loop it first writes on."""

    def __init__(self, url: str) -> None:
        self._host, self._port = address(url)
        self._socket: socket.socket | None = None
        self._looked_up = 0.0
        self._opening = asyncio.Lock()
        self._closed = False

    async def write(self, data: bytes, seconds: float) -> None:
        """Hand it over as one datagram; ``seconds`` at most to find the address. Raises NotSent (the system did not
        take it; where that says ``unreachable``, the one before is lost too), Unsendable (longer than a datagram)."""
        ours = await self._opened(seconds)
        try:
            ours.send(data)
        except BlockingIOError:
            raise NotSent(f"{self.where}: the system has no room for more datagrams", busy=True) from None
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise Unsendable(f"{len(data)} bytes are more than a datagram holds; see text_limit") from None
            self._drop()
            if error.errno == errno.ECONNREFUSED:
                raise NotSent(f"{self.where} is unreachable: nobody took the datagram before this one") from None
            raise NotSent(f"{self.where}: {error.strerror or 'it cannot be sent to'}") from None

    async def reach(self, seconds: float) -> None:
        """Find the address, and write nothing. Raises NotSent."""
        await self._opened(seconds)

    @property
    def where(self) -> str:
        return origin(False, self._host, self._port).authority

    def close(self) -> None:
        self._closed = True
        self._drop()

    async def _opened(self, seconds: float) -> socket.socket:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds), self._opening:
                if self._closed:
                    raise NotSent("the socket was closed", busy=True)
                if self._socket is None or loop.time() - self._looked_up >= LOOKED_UP_EVERY:
                    self._drop()
                    found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
                    # Of a name with both, IPv4: who listens to datagrams may know no other (XProtect [10]).
                    family, _, _, _, to = min(found, key=lambda each: each[0] != socket.AF_INET)
                    self._socket = self._connect(family, to)
                    self._looked_up = loop.time()
                return self._socket
        except TimeoutError:
            raise NotSent(f"{self.where} is not found within {round(seconds, 1):g} s") from None
        except OSError as error:
            raise NotSent(f"{self.where}: {error.strerror or 'the name is not known'}") from None

    @staticmethod
    def _connect(family: int, to: tuple[object, ...]) -> socket.socket:
        """Raises OSError: no way there."""
        ours = socket.socket(family, socket.SOCK_DGRAM)
        try:
            ours.setblocking(False)
            ours.connect(to)
        except OSError:
            ours.close()
            raise
        return ours

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

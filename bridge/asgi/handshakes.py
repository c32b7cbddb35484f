"""Accepts for TLS. A connection has its place before its handshake, so that handshakes that do not end take no more
than there are places, and give way to others; asyncio's own server knows of a connection only when that is over."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import TYPE_CHECKING

from bridge.asgi.connection import Connection

if TYPE_CHECKING:
    from bridge.asgi.server import Server

log = logging.getLogger("bridge.asgi")

PAUSE = 1.0
"""Seconds until it is tried again when nothing can be accepted: there is no descriptor left."""


class Handshakes:
    """Accepts on ``listener`` from ``start`` until ``close``."""

    def __init__(self, server: Server, listener: socket.socket, context: ssl.SSLContext) -> None:
        self._server = server
        self._listener = listener
        self._context = context
        self._accepting: asyncio.Task[None] | None = None

    def start(self, backlog: int) -> None:
        self._listener.listen(backlog)
        self._accepting = self._server.own(self._accept())

    async def close(self) -> None:
        """Accept nothing more. Handshakes under way are their connections' to end."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait({self._accepting}, timeout=1.0)

    async def _accept(self) -> None:
        loop, said = asyncio.get_running_loop(), False
        with self._listener:
            while True:
                try:
                    accepted, source = await loop.sock_accept(self._listener)
                except ConnectionError:
                    continue  # gone before it was accepted
                except OSError as error:
                    if not said:
                        log.warning("no connection can be accepted: %s", error)
                    said = True
                    await asyncio.sleep(PAUSE)
                else:
                    said = False
                    self._welcome(accepted, source)

    def _welcome(self, accepted: socket.socket, source: object) -> None:
        connection = Connection(self._server)
        connection.comes_from(source)
        if self._server.welcome(connection):
            connection.handshake = self._server.own(self._shake_hands(connection, accepted))
        else:
            self._server.farewell(connection)
            accepted.close()

    async def _shake_hands(self, connection: Connection, accepted: socket.socket) -> None:
        """Ends with ``connection_made``, or with the connection. Its server bounds it: see ``Limits.slow``."""
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: connection, accepted, ssl=self._context)
        except BaseException as error:
            self._server.farewell(connection)
            accepted.close()
            if not isinstance(error, OSError):  # what a client does wrong is not logged
                raise

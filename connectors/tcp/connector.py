"""The TCP connector as the service sees it."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from bridge.model import ConnectorId, Findings, Reach
from bridge.secret import Secrets
from bridge.units import said_size
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.framing.connection import Connection, Port, keep_alive
from connectors.listening import bound_to, find_port, open_listener
from connectors.reaching import listens
from connectors.tcp.settings import TcpAddress, TcpSettings

FINISH_WITHIN = 5.0
"""Seconds that what was read gets to be kept when the connector is stopped."""


class TcpConnector:
    """Implements ``connectors.base.Connector``.

    ``bound``: the address it really listens on ("127.0.0.1:9000"), "" before. ``counts``: see ``Port``. ``taken``:
    messages taken by a dry run; TCP has no acknowledgement, so there is no way to leave them with their sender.
    """

    Settings: ClassVar[type[ConnectorSettings]] = TcpSettings
    Address: ClassVar[type[Address]] = TcpAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, TcpSettings):
            raise TypeError(f"a tcp connector has settings of its own kind, not {type(settings).__name__}")
        self.bound = ""
        self.counts: Counter[str] = Counter()
        self._observing = False
        self._name = name
        self._settings = settings

    @property
    def taken(self) -> int:
        return self.counts["messages"] if self._observing else 0

    def readdress(self, addresses: Addresses) -> None:
        """Nothing to do: who a peer is, is the intake's to know."""

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, TcpSettings)
        return listens(
            settings.bind,
            addresses,
            speaks="messages over plain TCP",
            how_often=f"always connected; {settings.max_connections} connections at once at most",
            how_large=f"{said_size(settings.max_object)} a message at most",
            why="devices send their messages",
        )

    async def probe(self) -> Findings:
        return (find_port(self._settings.bind, f"connectors.{self._name}"),)

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the port cannot be had."""
        self._observing = mode is Mode.OBSERVE
        port = self._port = Port(
            self._name, self._settings, intake, self.counts, self._settings.idle_timeout, self._settings.max_connections
        )
        socket = open_listener(self._settings.bind)
        if sys.platform == "linux":  # inherited there; on uvloop each option set later costs 10 µs a connection
            keep_alive(socket)
            port.kept_alive = True
        tasks: set[asyncio.Task[None]] = set()
        try:
            async with asyncio.TaskGroup() as group:

                def begin(connection: Connection) -> None:
                    task = group.create_task(connection.converse())
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)

                loop = asyncio.get_running_loop()
                server = await loop.create_server(lambda: Connection(port, begin), sock=socket)
                try:
                    self.bound = bound_to(socket)
                    link.up(f"listening on {self.bound}")
                    await loop.create_future()  # until cancelled
                except asyncio.CancelledError:
                    pass  # to stop is to finish what is in flight, and then to return
                finally:
                    server.close()
                    await _finish(port, tasks)
        finally:
            self.bound = ""
            socket.close()


async def _finish(port: Port, tasks: set[asyncio.Task[None]]) -> None:
    """Read nothing more, let what was read be kept within the bound, then end the rest."""
    for connection in tuple(port.connections):
        connection.stop()
    try:
        if tasks:
            await asyncio.wait(tuple(tasks), timeout=FINISH_WITHIN)
    finally:
        for task in tuple(tasks):
            task.cancel()

"""The TCP client as the service sees it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from bridge.model import ConnectorId, Finding, Findings, Reach
from bridge.secret import Secrets
from bridge.units import said_seconds, said_size
from connectors.backoff import Backoff
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.framing.connection import Connection, Port
from connectors.outbound import find_secrets
from connectors.staying import STEADY, Alive, Away, Ended, Staying
from connectors.tcp_client.settings import TcpClientAddress, TcpClientSettings

AProtocol = TypeVar("AProtocol", bound=asyncio.Protocol)

FINISH_WITHIN = 5.0
"""Seconds that what was read gets to be kept when the connector is stopped."""


class TcpClientConnector:
    """Implements ``connectors.base.Connector``.

    ``counts``: see ``framing.connection.Port`` and ``Staying``. ``away``: seconds of all gaps. ``taken``: messages
    taken by a dry run; they cannot be given back.
    """

    Settings: ClassVar[type[ConnectorSettings]] = TcpClientSettings
    Address: ClassVar[type[Address]] = TcpClientAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, TcpClientSettings):
            raise TypeError(f"a tcp-client connector has settings of its own kind, not {type(settings).__name__}")
        self.counts: Counter[str] = Counter()
        self.backoff = Backoff()
        self.steady = STEADY
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._observing = False
        self._staying: Staying | None = None
        self._tls: ssl.SSLContext | None = None

    @property
    def taken(self) -> int:
        return self.counts["messages"] if self._observing else 0

    @property
    def away(self) -> float:
        return 0.0 if self._staying is None else self._staying.away

    def readdress(self, addresses: Addresses) -> None:
        """Nothing to do: which sensor a message is of, is the intake's to know."""

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, TcpClientSettings)
        found = Reach(
            inbound=False,
            peer=settings.host,
            port=settings.port,
            speaks="messages over plain TCP" if settings.tls is None else "messages over TCP with TLS",
            how_often="always connected",
            how_large=f"{said_size(settings.max_object)} a message at most",
            why="the device tells its messages to who connects",
        )
        return (found,)

    async def probe(self) -> Findings:
        """Whether the device takes connections, only with ``observe: connect``: many have but one to give, and the
        running bridge would lose its own."""
        where = f"connectors.{self._name}"
        found = find_secrets(self._settings.secrets(), self._secrets, where)
        if found:
            return tuple(found)
        name = self._settings.where
        if self._settings.observe == "wait":
            return (Finding(True, f"{name} is not tried: a second connection may end the first; see observe", where),)
        try:
            transport, _ = await self._connected_to(asyncio.Protocol)
        except (Away, OSError) as error:
            why = str(error) if isinstance(error, Away) else f"{name} cannot be reached: {error.strerror or error}"
            return (Finding(False, why, where, "see whether the device runs and host and port are right"),)
        transport.abort()
        return (Finding(True, f"{name} takes connections", where),)

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the CA file cannot be read."""
        self._observing = mode is Mode.OBSERVE
        if self._observing and self._settings.observe != "connect":
            link.down("a dry run does not connect: the device may have but one connection to give; see observe")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return
        silence = None if self._settings.silence == "off" else self._settings.silence
        port = Port(self._name, self._settings, intake, self.counts, silence)
        staying = self._staying = Staying(self._name, link, self.counts, self.backoff, lasting_is_alive=silence is None)
        staying.steady = self.steady
        async with asyncio.TaskGroup() as group:

            async def converse(connection: Connection, alive: Alive) -> Ended:
                port.heard = alive
                return await _converse(group, connection)

            async def open() -> Connection:
                return await self._open(port)

            with contextlib.suppress(asyncio.CancelledError):  # to stop is to finish what is in flight, then to return
                await staying.keep(open, converse, self._connected)

    def _connected(self, gap: float | None) -> str:
        if gap is None:
            return f"connected to {self._settings.where}"
        return f"back after {gap:.1f} s; what was sent meanwhile is not repeated over TCP"

    async def _open(self, port: Port) -> Connection:
        """Raises Away, or OSError for a secret or a CA file that cannot be read."""
        greeting = self._settings.greeted_with(self._secrets, fresh=self.counts["connections"] > 0)
        transport, connection = await self._connected_to(lambda: Connection(port, lambda _: None))
        if greeting:
            transport.write(greeting)
        return connection

    async def _connected_to(self, protocol: Callable[[], AProtocol]) -> tuple[asyncio.Transport, AProtocol]:
        """Raises Away, or OSError for a CA file that cannot be read."""
        settings = self._settings
        if settings.tls is not None and self._tls is None:
            self._tls = await asyncio.to_thread(settings.tls.context)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(settings.connect_timeout):
                return await loop.create_connection(protocol, settings.host, settings.port, ssl=self._tls)
        except TimeoutError:
            within = said_seconds(settings.connect_timeout)
            raise Away(f"{settings.where} does not answer within {within}") from None
        except OSError as error:
            raise Away(f"{settings.where} cannot be reached: {_reason(error)}") from None


async def _converse(group: asyncio.TaskGroup, connection: Connection) -> Ended:
    """Until the device ends it, and all it said is kept."""
    task = group.create_task(connection.converse())
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        connection.stop()
        try:
            await asyncio.wait({task}, timeout=FINISH_WITHIN)
        finally:
            task.cancel()
        raise
    return Ended(connection.ended or "the connection ended", connection.deaf)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message if getattr(error, "verify_message", "") else str(error.args[-1])
    return error.strerror or str(error) or type(error).__name__

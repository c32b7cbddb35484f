"""The UDP connector as the service sees it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from bridge.model import ConnectorId, Findings, Message, Origin, Reach
from bridge.secret import Secrets
from bridge.units import said_size
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.datagrams.port import find_port, open_port
from connectors.datagrams.receiving import deepen
from connectors.datagrams.waiting import Datagram
from connectors.datagrams.way import Way
from connectors.listening import bound_to
from connectors.reaching import listens
from connectors.sources import plain
from connectors.udp.settings import UdpAddress, UdpSettings

log = logging.getLogger("connectors.udp")


class UdpConnector:
    """Implements ``connectors.base.Connector``.

    ``bound``: the address it really hears on, "" before. ``counts``: see ``Way``; also ``refused`` datagrams of whom is
    not heard, ``oversize`` and ``empty`` ones. ``taken``: messages taken by a dry run, which nobody sends again.
    """

    Settings: ClassVar[type[ConnectorSettings]] = UdpSettings
    Address: ClassVar[type[Address]] = UdpAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, UdpSettings):
            raise TypeError(f"a udp connector has settings of its own kind, not {type(settings).__name__}")
        self.bound = ""
        self.counts: Counter[str] = Counter()
        self._observing = False
        self._name = name
        self._settings = settings

    @property
    def taken(self) -> int:
        return self.counts["messages"] if self._observing else 0

    def readdress(self, addresses: Addresses) -> None:
        """Nothing to do: who a sender is, is the intake's to know."""

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, UdpSettings)
        heard = addresses if settings.from_ is None else [UdpAddress.model_validate({"from": settings.from_})]
        found = listens(
            settings.bind, heard, speaks="messages over UDP", how_often="when something happens at a device",
            how_large=f"{said_size(settings.max_message)} a datagram at most", why="devices send their messages",
        )  # fmt: skip
        return [msgspec.structs.replace(each, protocol="udp") for each in found]

    async def probe(self) -> Findings:
        return find_port(self._settings.bind, self._settings.buffer, f"connectors.{self._name}")

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the port cannot be had."""
        self._observing = mode is Mode.OBSERVE
        settings = self._settings
        port = open_port(settings.bind)
        try:
            depth = deepen(port, settings.buffer)
            if depth < settings.buffer:
                log.warning(
                    "%s: the kernel keeps %s until they are read, and %s were asked for: raise net.core.rmem_max, or "
                    "give the service CAP_NET_ADMIN",
                    self._name, said_size(depth), said_size(settings.buffer),
                )  # fmt: skip
            way = _Way(self._name, port, settings, intake, self.counts)
            self.bound = bound_to(port)
            await way.work(link, self.bound)
        finally:
            self.bound = ""
            port.close()


class _Way(Way):
    def __init__(
        self, name: ConnectorId, port: socket.socket, settings: UdpSettings, intake: Intake, counts: Counter[str]
    ) -> None:
        super().__init__(name, port, settings.waiting, intake, counts, "datagrams")
        self._name = name
        self._from = settings.from_
        self._most = settings.max_message

    def _understand(self, group: asyncio.TaskGroup, datagram: Datagram) -> None:
        peer = plain(datagram.source[0])
        if self._from is not None and not self._from.cover(peer):
            self._counts["refused"] += 1
            self._trouble.say(peer, "it is none of those that are heard; see from")
        elif not datagram.data:
            self._counts["empty"] += 1
        elif len(datagram.data) > self._most:
            self._counts["oversize"] += 1
            self._trouble.say(peer, f"a datagram is longer than {said_size(self._most)}: see max_message")
        else:
            message = Message(connector=self._name, origin=Origin(peer), body=datagram.data, arrived=datagram.arrived)
            self._submissions.submit(group, message, None)

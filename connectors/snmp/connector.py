"""The connector that hears traps and informs, as the service sees it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from bridge.model import ConnectorId, Finding, Findings, Position, Reach
from bridge.secret import Secrets
from bridge.units import said_size
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.datagrams.port import find_port, open_port
from connectors.datagrams.receiving import deepen
from connectors.listening import bound_to
from connectors.outbound import find_secrets
from connectors.reaching import listens
from connectors.snmp import names
from connectors.snmp.document import Writer
from connectors.snmp.hearing import Ears
from connectors.snmp.settings import SnmpAddress, SnmpSettings
from connectors.snmp.way import Way

log = logging.getLogger("connectors.snmp")

FIRST_BOOT = 1_704_067_200
"""Seconds since 1970 at the beginning of 2024: our engine's starts are counted in seconds since, so that each has a
greater number though nothing is kept; they last until 2092 (RFC 3414 2.2.2)."""


class SnmpConnector:
    """Implements ``connectors.base.Connector``.

    ``bound``: the address it really hears on, "" before. ``counts``: ``received`` datagrams, ``messages`` kept,
    ``answered`` informs, ``refused``, ``malformed``, ``replayed``, ``dropped by the kernel``, ``no room`` here, and see
    ``Submissions``. ``taken``: traps taken by a dry run, which nobody sends again; it answers no inform, unless
    ``accept_in_observe`` says so.
    """

    Settings: ClassVar[type[ConnectorSettings]] = SnmpSettings
    Address: ClassVar[type[Address]] = SnmpAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, SnmpSettings):
            raise TypeError(f"an snmp connector has settings of its own kind, not {type(settings).__name__}")
        self.bound = ""
        self.counts: Counter[str] = Counter()
        self.accept_in_observe = False
        self._observing = False
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._named: set[str] = set()
        self.readdress(addresses)

    @property
    def taken(self) -> int:
        left = 0 if self.accept_in_observe else self.counts["informs"]
        return self.counts["messages"] - left if self._observing else 0

    def readdress(self, addresses: Addresses) -> None:
        """Who a sender is, is the intake's to know; here only whose silence would be noticed."""
        self._named.clear()
        self._named.update(peer for address in addresses for peer in address.peers())

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, SnmpSettings)
        found = listens(
            settings.bind, addresses, speaks="SNMP traps and informs", how_often="when something happens at a device",
            how_large="1.5 kB, 64 kB at most", why="devices tell what happens, and informs are answered",
        )  # fmt: skip
        from msgspec.structs import replace

        return [replace(each, protocol="udp") for each in found]

    async def probe(self) -> Findings:
        where = f"connectors.{self._name}"
        found = find_secrets(self._settings.secrets(), self._secrets, where)
        if not found:
            try:
                await asyncio.to_thread(Ears, self._name, self._settings, self._secrets, Writer(), 1, Counter())
                known = len(await asyncio.to_thread(names.read, self._settings.mibs))
                found.append(Finding(True, f"{known} names of object identifiers are known", where))
            except OSError as error:
                found.append(Finding(False, error.strerror or str(error), where, "mend what it says"))
        return (*found, *find_port(self._settings.bind, self._settings.buffer, where, "snmptrapd"))

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the port cannot be had, a folder not read, or a user has no usable key."""
        self._observing = mode is Mode.OBSERVE
        answers = not self._observing or self.accept_in_observe
        known = await asyncio.to_thread(names.read, self._settings.mibs)
        boots = await self._boots(intake)
        ears = Ears(
            self._name, self._settings, self._secrets, Writer(known, self._settings.charset), boots, self.counts
        )
        port = open_port(self._settings.bind)
        try:
            depth = deepen(port, self._settings.buffer)
            if depth < self._settings.buffer:
                log.warning(
                    "%s: the kernel keeps %s until they are read, and %s were asked for: raise net.core.rmem_max, or "
                    "give the service CAP_NET_ADMIN",
                    self._name, said_size(depth), said_size(self._settings.buffer),
                )  # fmt: skip
            position = Position(boots_name(self._name), str(boots)) if self._settings.users else None
            way = Way(self._name, self._settings, port, ears, position, intake, self.counts, answers, self._named)
            self.bound = bound_to(port)
            await way.work(link, self.bound)
        finally:
            self.bound = ""
            port.close()

    async def _boots(self, intake: Intake) -> int:
        """Greater than at every start before, also when the clock was set back since."""
        kept = await intake.position(boots_name(self._name))
        before = int(kept.value) if kept is not None and kept.value.isdecimal() else 0
        return min(max(before + 1, int(time.time()) - FIRST_BOOT, 1), 2**31 - 2)


def boots_name(name: str) -> str:
    """What the journal keeps the number of our start under."""
    return f"snmp {name} boots"

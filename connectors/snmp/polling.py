"""The connector that asks a device, as the service sees it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import msgspec

from bridge.model import ConnectorId, Finding, Findings, Instant, Message, Origin, Reach
from bridge.secret import Secrets
from bridge.units import said_seconds
from connectors.backoff import Backoff, Pace
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.one_at_a_time import OneAtATime
from connectors.outbound import find_secrets, without_library
from connectors.snmp import ber, names
from connectors.snmp.answers import Answer, Unanswered
from connectors.snmp.document import CONTENT_TYPE, Writer
from connectors.snmp.poll_settings import SnmpPollAddress, SnmpPollSettings

if TYPE_CHECKING:
    from connectors.snmp.asking import Asker

_VERSIONS = {"1": "v1", "2c": "v2c", "3": "v3"}


class SnmpPollConnector:
    """Implements ``connectors.base.Connector``.

    ``counts``: ``polls`` that were answered, ``failed`` ones, ``same``: not told again, ``messages`` kept, ``again``:
    times the intake said later.
    """

    Settings: ClassVar[type[ConnectorSettings]] = SnmpPollSettings
    Address: ClassVar[type[Address]] = SnmpPollAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, SnmpPollSettings):
            raise TypeError(f"an snmp-poll connector has settings of its own kind, not {type(settings).__name__}")
        self.counts: Counter[str] = Counter()
        self.backoff = Backoff()
        self._name = name
        self._settings = settings
        self._secrets = secrets

    def readdress(self, addresses: Addresses) -> None:
        """Nothing to do: which sensor an item is of, is the intake's to know."""

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, SnmpPollSettings)
        found = Reach(
            inbound=False, peer=settings.host, port=settings.port, protocol="udp",
            speaks=f"SNMP version {settings.version}", how_often=f"every {said_seconds(settings.every)}",
            how_large="1.5 kB a datagram", why="the device is asked how it is",
        )  # fmt: skip
        return (found,)

    async def probe(self) -> Findings:
        """Ask once, and keep nothing."""
        where = f"connectors.{self._name}"
        found = find_secrets(self._settings.secrets(), self._secrets, where)
        if found:
            return tuple(found)
        asker: Asker | None = None
        try:
            asker = await asyncio.to_thread(self._asker)  # the library and its engine take a while
            answer = await asker.ask()
        except (OSError, Unanswered) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            remedy = "see whether the device may be asked from here, with these credentials"
            return (Finding(False, f"{self._settings.host}: {why}", where, remedy),)
        finally:
            if asker is not None:
                await asker.close()
        told = sum(varbind.value is not None for varbind in answer.values)
        what = f"{self._settings.host} answers: {told} values, {len(answer.rows)} rows of tables"
        return (Finding(True, what, where),)

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the library is not installed or the folder of MIBs cannot be read. To ask takes nothing
        away, so that a dry run does it too."""
        known = await asyncio.to_thread(names.read, self._settings.mibs)
        asker = await asyncio.to_thread(self._asker)  # the library and its engine take a while: others go on
        answers = OneAtATime(intake, self.counts)
        try:
            await answers.run(self._keep_asking(asker, answers, Writer(known, self._settings.charset), link))
        finally:
            await asker.close()

    def _asker(self) -> Asker:
        try:
            from connectors.snmp.asking import Asker
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.partition(".")[0] not in ("pysnmp", "pyasn1"):
                raise
            raise without_library("pysnmp", "snmp-poll", "snmp") from None
        return Asker(self._settings, self._secrets)

    async def _keep_asking(self, asker: Asker, answers: OneAtATime, writer: Writer, link: Link) -> None:
        said: str | None = None
        last, told_at = b"", float("-inf")
        source = self._settings.host
        pace = Pace(self._settings.every)
        while True:
            began = time.monotonic()
            try:
                answer = await asker.ask()
                source = await self._source()
            except (Unanswered, OSError) as error:
                why = str(error.strerror or error) if isinstance(error, OSError) else str(error)
                self.counts["failed"] += 1
                if why != said:
                    link.down(f"{self._settings.host}: {why}")
                    said = why
                await asyncio.sleep(min(pace.next(), self.backoff.next()))
                continue
            self.counts["polls"] += 1
            self.backoff.reset()
            if said != "":
                link.up(f"{self._settings.host} answers, asked every {self._settings.every:g} s")
                said = ""
            now = Instant(datetime.now(UTC), time.monotonic())
            state = _digest(answer)
            if state != last or now.monotonic - told_at >= self._settings.unchanged:
                body = writer.answer(_VERSIONS[self._settings.version], source, answer, self._settings.walk)
                await answers.keep(
                    Message(
                        connector=self._name, origin=Origin(source, source), body=body, content_type=CONTENT_TYPE,
                        arrived=now,
                    )
                )  # fmt: skip
                last, told_at = state, now.monotonic
            else:
                self.counts["same"] += 1
            await asyncio.sleep(max(0.0, began + pace.next() - time.monotonic()))

    async def _source(self) -> str:
        """The device's address, as traps come from it."""
        found = await asyncio.get_running_loop().getaddrinfo(self._settings.host, self._settings.port)
        return str(found[0][4][0])


def _digest(answer: Answer) -> bytes:
    """Of what was said, without times that only go on."""
    values = [varbind for varbind in answer.values if varbind.kind != ber.TICKS]
    rows = [
        (row.table, row.index, [each for each in row.columns.values() if each.kind != ber.TICKS]) for row in answer.rows
    ]
    return hashlib.blake2b(msgspec.msgpack.encode([values, rows]), digest_size=16).digest()

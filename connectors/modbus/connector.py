"""The Modbus poller as the service sees it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from bridge.model import ConnectorId, Finding, Findings, Reach
from bridge.secret import Secrets
from bridge.units import said_seconds
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.modbus.address import ModbusAddress
from connectors.modbus.faults import Faults
from connectors.modbus.plan import blocks
from connectors.modbus.points import BadAddress, Point, points_of
from connectors.modbus.settings import ModbusSettings
from connectors.modbus.telling import Teller
from connectors.outbound import without_library
from connectors.reaching import connects

if TYPE_CHECKING:
    from connectors.modbus.line import Line

FINISH_WITHIN = 5.0
"""Seconds that changes which were submitted get to be kept when the connector is stopped."""


class ModbusConnector:
    """Implements ``connectors.base.Connector``. ``counts``: see ``Poller`` and ``Teller``."""

    Settings: ClassVar[type[ConnectorSettings]] = ModbusSettings
    Address: ClassVar[type[Address]] = ModbusAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, ModbusSettings):
            raise TypeError(f"a modbus connector has settings of its own kind, not {type(settings).__name__}")
        self.counts: Counter[str] = Counter()
        self._name = name
        self._settings = settings
        self._addresses = addresses
        self._changed = asyncio.Event()

    def readdress(self, addresses: Addresses) -> None:
        """Points were added, changed or removed: from the next round on."""
        self._addresses = addresses
        self._changed.set()

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table; a serial line needs none."""
        assert isinstance(settings, ModbusSettings)
        if settings.serial:
            return ()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        found = connects(
            f"tcp://{host}:{settings.port}",
            speaks="Modbus TCP" if settings.framing == "tcp" else "Modbus RTU over TCP",
            how_often=f"every {said_seconds(settings.poll)}, on one connection",
            how_large="260 bytes a question or answer at most",
            why="the device's points are read; nothing is written",
        )
        return (found,)

    async def probe(self) -> Findings:
        """Read everything once, and say what a round takes."""
        where = f"connectors.{self._name}"
        if self._settings.observe == "wait":
            return (Finding(True, f"{self._settings.line} is not asked: observe is wait", where),)
        try:
            points, line = self._points(), self._line()
        except OSError as error:
            return (Finding(False, error.strerror or str(error), where, "mend what it says"),)
        try:
            return tuple(await self._look(points, line, where))
        finally:
            line.close()

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the library is not installed, or an address is none."""
        settings = self._settings
        if mode is Mode.OBSERVE and settings.observe == "wait":
            link.down("a dry run does not ask: the device may allow one connection; see observe")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return
        line = self._line()
        from connectors.modbus.polling import Poller

        faults = Faults(link, settings.line)
        peer = settings.host or settings.serial
        teller = Teller(self._name, peer, intake, self.counts, settings.at_start, settings.repeat)
        note = "; only read, as in earnest: the device notices nothing else" if mode is Mode.OBSERVE else ""
        poller = Poller(settings, line, faults, teller, self.counts, note)
        try:
            async with asyncio.TaskGroup() as group:
                try:
                    while True:
                        self._changed.clear()
                        await poller.watch(self._points())
                        await poller.run(group, self._changed)
                except asyncio.CancelledError:
                    pass  # to stop is to finish what is in flight, and then to return
                finally:
                    await teller.finish(FINISH_WITHIN)
        finally:
            line.close()

    def _points(self) -> list[Point]:
        try:
            return points_of(self._addresses, self._settings.addressing)
        except BadAddress as error:
            raise OSError(0, str(error)) from None

    def _line(self) -> Line:
        try:
            from connectors.modbus.line import Line

            if self._settings.serial:
                import serial  # noqa: F401 - the line needs it
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.partition(".")[0] not in ("pymodbus", "serial"):
                raise
            raise without_library(missing.name.partition(".")[0], "modbus", "modbus") from None
        return Line(self._settings)

    async def _look(self, points: Sequence[Point], line: Line, where: str) -> list[Finding]:
        from connectors.modbus.line import Gone, Odd, Refused, Silent

        settings = self._settings
        plan = blocks([span for point in points for span in point.spans], settings.gap, settings.most, set())
        found: list[Finding] = []
        silent: set[int] = set()
        began = time.monotonic()
        for block in plan:
            if block.unit in silent:
                continue
            what = f"unit {block.unit} {block.label}"
            try:
                await line.read(block)
            except Gone as gone:
                return [Finding(False, str(gone), where, "see whether the device runs, and host, port or serial")]
            except (Silent, Odd) as missed:
                silent.add(block.unit)
                found.append(Finding(False, f"unit {block.unit} {missed}", where, "see unit, framing, baud and parity"))
            except Refused as refused:
                remedy = "see the device's manual, and addressing"
                found.append(Finding(len(block.spans) > 1, f"{what}: {refused}", where, remedy))
        took = time.monotonic() - began
        if not found:
            found.append(
                Finding(True, f"{settings.line} answers: {len(points)} points, a round takes {took:.2f} s", where)
            )
        fastest = min((point.every or settings.poll for point in points), default=settings.poll)
        if took > fastest:
            what = f"a round takes {took:.1f} s, longer than the {fastest:g} s between two"
            found.append(Finding(False, what, where, "raise poll, or every of what is not urgent; or a faster line"))
        return found

"""A site with four ways in and a VMS that is always there, whose bridge works under the recorder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.webhook import SimulatedWebhook
from tests.end_to_end.bridge_process import running
from tests.faults.disk import Step, steps
from tests.faults.told import Told
from tests.faults.ways.broker import Published
from tests.faults.ways.informs import Informed
from tests.faults.ways.plates import Posted
from tests.faults.ways.points import Turned
from tests.faults.ways.way import WITHIN, Way

LEAST = 25
"""Messages of each way that must have been acknowledged, and changes of points that must have been shown."""


class Yard:
    """In ``folder``; the disk that is recorded is below it."""

    def __init__(self, folder: Path, hooks: SimulatedWebhook) -> None:
        self.folder = folder
        self.posted, self.published, self.informed = Posted(rate=30.0), Published(), Informed()
        self.turned = Turned(1)
        self.ways: Sequence[Way] = (self.posted, self.published, self.informed, self.turned)
        self.hooks = hooks

    def write_site(self) -> None:
        self.posted.port = self.informed.port = 0  # each bridge takes its own
        lines = [
            "version: 1",
            "site: {name: Kill yard}",
            "vms:",
            f"  alarms: {{type: webhook, url: '{self.hooks.base_url}/in', timeout: 5 s}}",
            "cameras:",
            "  wide: {vms: alarms}",
            "connectors:",
            *(f"  {way.name}: {way.settings()}" for way in self.ways),
            "sensors:",
            *(
                f"  {sensor}: {{connector: {way.name}, {of}, cameras: [wide]}}"
                for way in self.ways
                for sensor, of in way.sensors.items()
            ),
        ]
        (self.folder / "site.yaml").write_text("\n".join(lines) + "\n")
        write_secrets(self.folder / "secrets", self.informed.secrets())

    def told(self) -> Told:
        vms = int(self.hooks.base_url.rpartition(":")[2])
        informing = {address: sensor for sensor, address in self.informed.addresses.items()}
        return Told(self.posted.port, self.published.broker.port, self.informed.port, vms, informing)

    async def record(self, environment: dict[str, str]) -> list[Step]:
        """The bridge works for a while, and is killed; what it wrote, synced, heard and said."""
        journal = self.folder / "disk" / "journal"
        async with running(self.folder, "--journal", str(journal), environment=environment) as bridge:
            self.posted.port, self.informed.port = bridge.bound(Posted.name)[1], bridge.bound(Informed.name)[1]
            async with asyncio.timeout(WITHIN):
                while not all([way.heard(await bridge.status()) for way in self.ways]):
                    await asyncio.sleep(0.05)
            async with contextlib.AsyncExitStack() as speaking:
                for way in self.ways:
                    await speaking.enter_async_context(way.speaking())
                async with asyncio.timeout(WITHIN):
                    while not self._enough():
                        assert bridge.process.returncode is None, bridge.said()
                        await asyncio.sleep(0.1)
        return list(steps(self.folder / "record"))

    def _enough(self) -> bool:
        shown = [msgspec.json.decode(hook.body)["sensor"]["id"] in self.turned.sensors for hook in self.hooks.record]
        ways = (self.posted, self.published, self.informed)
        return sum(shown) >= LEAST and all(len(way.log.acknowledged) >= LEAST for way in ways)


@contextlib.asynccontextmanager
async def yard_in(folder: Path) -> AsyncIterator[Yard]:
    async with SimulatedWebhook() as hooks, contextlib.AsyncExitStack() as peers:
        yard = Yard(folder, hooks)
        for way in yard.ways:
            await peers.enter_async_context(way.peers(folder))
        yard.write_site()
        yield yard

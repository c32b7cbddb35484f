"""The demo itself: everything started, an outage and a kill on the way, a ledger at the end."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from bridge.simulator import ledger
from bridge.simulator.arrivals import from_vxg, from_webhook
from bridge.simulator.demo import site
from bridge.simulator.demo.child import Child, ChildFailed
from bridge.simulator.demo.live import Live, follow_always
from bridge.simulator.issued import Log
from bridge.simulator.omni import SimulatedOmni
from bridge.simulator.omni.scene import Scene
from bridge.simulator.ovenmediaengine import OvenMediaEngine
from bridge.simulator.readers import Reader
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.until_told import until_told
from bridge.simulator.visualcortex import VisualCortex
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.webhook import SimulatedWebhook

LEAST = 1_000
"""Messages that must have been seen, or the ledger proves nothing."""
OUTAGE = 5.0
DELIVERED_WITHIN = 60.0
"""Seconds after the last message until everything must stand in the VMS."""


class Device(Protocol):
    """Anything simulated that speaks to the bridge."""

    async def run(self, stop: asyncio.Event, drain: float) -> None:
        """Until ``stop``, and then until what is left is sent, ``drain`` seconds at most."""


class Result(msgspec.Struct):
    """``report`` is None when the demo was ended by hand before there was anything to judge."""

    report: ledger.Report | None
    closes: bool


class Demo:
    """``rate``: messages a second on each way, at least. ``seconds``: None runs until told to stop, without faults."""

    def __init__(self, say: Callable[[str], None], *, rate: float = 50.0, seconds: float | None = None) -> None:
        self._say = say
        self._rate = rate
        self._seconds = seconds
        self._parent = os.getppid()
        self._log = Log()
        self._log.excuse_cuts = False  # but for the kill of our own making
        self._live = Live(self._tell)
        self._state = ""
        self._began = 0.0

    async def run(self) -> Result:
        """Raises ChildFailed when the bridge cannot be started. Leaves nothing behind, however it ends."""
        with tempfile.TemporaryDirectory(prefix="vms-bridge-demo-") as folder:
            async with SimulatedVxg(site.CAMERAS) as vms, SimulatedWebhook() as hooks, SimulatedOmni() as omni:
                layout = self._prepare(Path(folder), vms, hooks, omni)
                child = Child(_words(layout), layout.folder / "bridge.log")
                try:
                    return await self._run(layout, vms, hooks, omni, child)
                finally:
                    await child.stop()

    def _prepare(self, folder: Path, vms: SimulatedVxg, hooks: SimulatedWebhook, omni: SimulatedOmni) -> site.Layout:
        urls = (vms.base_url, hooks.base_url, omni.ws_url, omni.graphql_url)
        layout = site.Layout(folder, site.free_port(), site.free_port(), *urls)
        self._numbers = {site.camera_name(index): number for index, number in enumerate(vms.tokens)}
        layout.site.write_text(site.site_yaml(layout, self._numbers))
        tokens = {name: vms.tokens[number] for name, number in self._numbers.items()}
        write_secrets(layout.secrets, tokens | site.secrets_of(omni.endpoint, omni.token))
        return layout

    async def _run(
        self, layout: site.Layout, vms: SimulatedVxg, hooks: SimulatedWebhook, omni: SimulatedOmni, child: Child
    ) -> Result:
        devices = self._devices(layout, omni)
        self._say(
            f"{len(site.readers(layout, self._rate))} plate readers, an OMNI Platform, a VisualCortex and an "
            f"OvenMediaEngine, all simulated → vms-bridge → {site.CAMERAS} cameras of a simulated VXG, 1 webhook"
        )
        self._say(await child.start())
        self._began = time.monotonic()
        stop = asyncio.Event()
        watching = [
            asyncio.create_task(follow_always(layout.control, self._live)),
            asyncio.create_task(self._totals(vms, hooks)),
        ]
        told = asyncio.create_task(until_told(self._parent))
        driving = asyncio.create_task(self._drive(devices, stop, vms, child))
        try:
            await asyncio.wait([told, driving], return_when=asyncio.FIRST_COMPLETED)
            by_hand = told.done()
            stop.set()
            await driving
            self._state = "waiting until everything is delivered"
            report = await self._settled(vms, hooks, child, 20.0 if by_hand else DELIVERED_WITHIN)
        finally:
            tasks = [told, driving, *watching]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        self._conclude(report, vms, hooks, child)
        return Result(report, report.closes)

    def _devices(self, layout: site.Layout, omni: SimulatedOmni) -> list[Device]:
        return [
            *(Reader(each, self._log) for each in site.readers(layout, self._rate)),
            Scene(site.scene(self._rate), omni, self._log),
            VisualCortex(site.visualcortex(layout, self._rate), self._log),
            OvenMediaEngine(site.ovenmediaengine(layout, self._rate), self._log),
        ]

    async def _drive(self, devices: Sequence[Device], stop: asyncio.Event, vms: SimulatedVxg, child: Child) -> None:
        """Vehicles pass until ``stop``; with a time given, the outage and the kill come on the way."""
        async with asyncio.TaskGroup() as group:
            for device in devices:
                group.create_task(device.run(stop, drain=30.0))
            if self._seconds is None:
                group.create_task(self._mind(child, stop))
            else:
                await self._bad_day(self._seconds, stop, vms, child)
                stop.set()

    async def _mind(self, child: Child, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if not child.alive:
                raise ChildFailed(f"the bridge ended by itself\n{child.tail()}")
            await _wait(stop, 1.0)

    async def _bad_day(self, seconds: float, stop: asyncio.Event, vms: SimulatedVxg, child: Child) -> None:
        ends = time.monotonic() + seconds
        await _wait(stop, seconds * 0.2)
        self._say(f"—— the VMS goes away for {OUTAGE:.0f} s")
        self._state = "VMS away"
        await vms.away(OUTAGE)
        self._state = ""
        self._say("—— the VMS is back")
        await _wait(stop, max(0.0, (ends - time.monotonic()) * 0.4))
        if not child.alive:
            raise ChildFailed(f"the bridge ended by itself\n{child.tail()}")
        self._say(f"—— SIGKILL to the bridge, pid {child.pid}")
        self._state = "bridge killed"
        self._log.excuse_cuts = True
        await child.kill()
        self._say(await child.start())
        self._log.excuse_cuts = False
        self._state = ""
        await _wait(stop, ends - time.monotonic())

    async def _settled(self, vms: SimulatedVxg, hooks: SimulatedWebhook, child: Child, within: float) -> ledger.Report:
        """The report once it closes and nothing has come for a second, or when the time is up."""
        ends = time.monotonic() + within
        before = -1
        while True:
            report = self._report(vms, hooks)
            count = len(vms.record) + len(hooks.record)
            if (report.closes and count == before) or time.monotonic() > ends or not child.alive:
                return report
            before = count
            await asyncio.sleep(1.0)

    def _report(self, vms: SimulatedVxg, hooks: SimulatedWebhook) -> ledger.Report:
        names = {number: name for name, number in self._numbers.items()}
        told, repeated = from_webhook(hooks.record)
        arrivals = [*from_vxg(vms.record, names), *told]
        report = ledger.compare(self._log, arrivals, site.all_cameras(), least=LEAST if self._seconds else 1)
        if repeated:
            report.notes.append(f"{repeated:,} webhooks came again under the id of one that was there, as they must")
        return report

    def _conclude(self, report: ledger.Report, vms: SimulatedVxg, hooks: SimulatedWebhook, child: Child) -> None:
        log = self._log
        acknowledged = sum(each.acknowledged for each in log.issued)
        written = sum(each.written for each in log.issued)
        self._say("")
        self._say("The ledger: what the devices said against what the VMS holds")
        self._say(f"  {len(log.issued):,} messages about {len(log.vehicles()):,} vehicles, people, objects and streams")
        self._say(f"  HTTP: {acknowledged:,} acknowledged, {log.cut + log.refused:,} sendings were not and came again")
        self._say(f"  TCP and WebSocket, which have no acknowledgement: {written:,} said")
        self._say(f"  {len(vms.record):,} events in the VMS, {len(hooks.record):,} webhooks")
        self._say(report.text())
        if not report.closes:
            self._say(f"The end of the bridge's log:\n{child.tail(30)}")

    async def _totals(self, vms: SimulatedVxg, hooks: SimulatedWebhook) -> None:
        """A line a second while anything changes, else one in five."""
        before, same = "", 0
        while True:
            await asyncio.sleep(1.0)
            sure = sum(each.sure for each in self._log.issued)
            counts = (
                f"said {len(self._log.issued):,}  taken {sure:,}  raised {self._live.raised:,}  "
                f"amended {self._live.amended:,}  in the VMS {len(vms.record):,}  webhooks {len(hooks.record):,}"
            )
            same = same + 1 if counts == before else 0
            before = counts
            if same % 5 == 0:
                state = f"  [{self._state}]" if self._state else ""
                self._say(f"{time.monotonic() - self._began:5.0f} s  {counts}{state}")

    def _tell(self, line: str) -> None:
        self._say(f"         {line}")


def _words(layout: site.Layout) -> list[str]:
    return [
        *("run", str(layout.site)),
        *("--secrets", str(layout.secrets)),
        *("--journal", str(layout.journal)),
        *("--control", str(layout.control)),
        *("--log-level", "warning"),
    ]


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    if seconds > 0:
        try:
            async with asyncio.timeout(seconds):
                await stop.wait()
        except TimeoutError:
            return

"""Polled points: 200 over 20 devices, each read every 500 ms, without and with a twenty-first device that is dead."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from bridge.simulator.webhook import Hook, SimulatedWebhook
from tests.benchmarks.process import Child
from tests.connectors.modbus_devices import Panel, black_hole

DEVICES, POINTS = 20, 10
CHANGES = 20.0
"""A second, over all points."""
UNDER_TEST = 0


class Report(Protocol):
    def say(self, name: str, value: float, unit: str, goal: str = "") -> None: ...


class Books:
    """When each point changed, and how long it took until the receiver had its event."""

    def __init__(self, panels: Sequence[Panel]) -> None:
        self._panels = panels
        self._chance = random.Random(1)
        self._on: dict[str, bool] = {}
        self._changed: dict[str, float] = {}
        self.took: list[float] = []
        self.changes = 0
        self.strange = 0

    def change(self) -> None:
        """Another state of a point whose last one was told."""
        while True:
            device, number = self._chance.randrange(DEVICES), self._chance.randrange(POINTS)
            name = f"point-{device}-{number}"
            if name not in self._changed:
                break
        self._on[name] = not self._on.get(name, False)
        self._changed[name] = time.monotonic()
        self._panels[device].inputs(self._on[name], at=number)
        self.changes += 1

    def arrived(self, hook: Hook) -> None:
        told = json.loads(hook.body)
        began = self._changed.pop(told["sensor"]["id"], None)
        if began is None or (told["event"]["state"] == "active") is not self._on[told["sensor"]["id"]]:
            self.strange += 1
        else:
            self.took.append((time.monotonic() - began) * 1000)

    @property
    def waiting(self) -> int:
        return len(self._changed)


@asynccontextmanager
async def bridge(panels: Sequence[Panel], hooks: SimulatedWebhook, dead: int | None) -> AsyncIterator[Child]:
    devices = {f"device-{number}": each.port for number, each in enumerate(panels)} | ({"dead": dead} if dead else {})
    lines = [
        "version: 1",
        "site: {name: Benchmark}",
        f"vms: {{board: {{type: webhook, url: '{hooks.base_url}/in'}}}}",
        "cameras: {wide: {vms: board}}",
        "connectors:",
        *(f"  {name}: {{type: modbus, host: 127.0.0.1, port: {port}}}" for name, port in devices.items()),
        "sensors:",
        *(
            f"  point-{device}-{number}: {{profile: contact, connector: device-{device}, cameras: [wide], "
            f"address: {{discrete_input: {number}, of: door}}, rules: [chatter: 'off']}}"
            for device in range(len(panels))
            for number in range(POINTS)
        ),
    ]
    if dead:
        lines.append("  nobody: {profile: contact, connector: dead, cameras: [wide], address: {coil: 0}}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "site.yaml").write_text("\n".join(lines) + "\n")
        child = await Child.start(
            *("bridge.cli.main", "run", str(folder / "site.yaml"), "--journal", str(folder / "journal")),
            *("--control", str(folder / "control.sock")),
            core=UNDER_TEST, ready=b"ready", log=folder / "bridge.log",
        )  # fmt: skip
        try:
            yield child
        finally:
            await child.stop()


async def bench_modbus(report: Report, scale: float) -> None:
    """From a point's change to its event at the VMS, 20 changes a second; what is not told is lost."""
    panels = [Panel() for _ in range(DEVICES)]
    for each in panels:
        each.start()
    try:
        for name in ("20 devices", "and a dead one"):
            with black_hole() if name != "20 devices" else contextlib.nullcontext() as dead:
                await _measured(report, name, panels, dead, max(5.0, 30 * scale))
    finally:
        with ThreadPoolExecutor(DEVICES) as stopping:
            list(stopping.map(Panel.stop, panels))


async def _measured(report: Report, name: str, panels: Sequence[Panel], dead: int | None, seconds: float) -> None:
    for each in panels:
        each.as_new()
    books = Books(panels)
    async with SimulatedWebhook() as hooks, bridge(panels, hooks, dead) as child:
        hooks.on_hook = books.arrived
        await asyncio.sleep(3)  # every point has told its state
        cpu, asked, began = child.cpu(), sum(len(each.asked) for each in panels), time.monotonic()
        while time.monotonic() - began < seconds:
            books.change()
            await asyncio.sleep(1 / CHANGES)
        async with asyncio.timeout(30):
            while books.waiting:
                await asyncio.sleep(0.02)
        took = time.monotonic() - began
        report.say(f"modbus, {name}: CPU", (child.cpu() - cpu) / took * 100, "%")
        report.say(f"modbus, {name}: questions", (sum(len(each.asked) for each in panels) - asked) / took, "per s")
        report.say(f"modbus, {name}: PSS", child.memory()[1], "MiB")
    cuts = statistics.quantiles(books.took, n=100)
    for place, value in (("p50", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98]), ("max", max(books.took))):
        report.say(f"modbus, {name}: change to event, {place}", value, "ms", "poll is 500 ms" if place == "max" else "")
    report.say(f"modbus, {name}: changes", books.changes, "")
    report.say(f"modbus, {name}: lost or told twice", books.changes - len(books.took) + books.strange, "", "must be 0")

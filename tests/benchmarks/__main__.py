"""``make bench``: the whole path side by side with a bare relay and the raw limits, in one run.

The measured process has core 0 to itself; readers and VMS share core 1. Figures are of this machine: read the ratios.
``python -m tests.benchmarks [section …] [--quick]``; sections are the function names below without ``bench_``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from bridge.profiles.compile import compile_profile
from bridge.profiles.examples import examples_of, read_message
from tests.benchmarks import targets, traps
from tests.benchmarks.hostile import SHAPES, hostile
from tests.benchmarks.isolation.running import bench_isolation  # noqa: F401 - a section, found by its name
from tests.benchmarks.modbus import bench_modbus  # noqa: F401 - a section, found by its name
from tests.benchmarks.mqtt import bench_mqtt  # noqa: F401 - a section, found by its name
from tests.benchmarks.peers import APART, REPAINTED, STATES, Readers, Vms, life_cycle, malformed, port_of
from tests.benchmarks.process import Child
from tests.benchmarks.reading import PROFILES, cost_of_reading
from tests.benchmarks.site import write_site

UNDER_TEST, PEERS = 0, 1
BY_NAME_ALONE = ("isolation",)
"""Sections of half an hour."""


class Report:
    """Figures by name, with the goal they are held against; nothing here fails, it says."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}

    def say(self, name: str, value: float, unit: str, goal: str = "") -> None:
        self.figures[name] = round(value, 4)
        print(f"  {name:<58}{value:>12,.2f} {unit:<12}{goal}", flush=True)

    def ratio(self, name: str, over: str, under: str) -> None:
        if over in self.figures and under in self.figures:
            self.say(name, self.figures[over] / self.figures[under], "×")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Bridge:
    """A running bridge between these readers and this VMS."""

    def __init__(self, child: Child, vms: Vms, port: int, folder: Path) -> None:
        self.child = child
        self.vms = vms
        self.port = port
        self.folder = folder


@asynccontextmanager
async def bridge(sensors: int, cameras: int, vms_open: bool = True) -> AsyncIterator[Bridge]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vms = Vms()
        await vms.open()
        vms_port = vms.port
        if not vms_open:
            await vms.close()
        port = free_port()
        site = write_site(folder, vms_port, sensors, cameras)
        site.write_text(site.read_text().replace("127.0.0.1:0'", f"127.0.0.1:{port}'"))
        child = await Child.start(
            *("bridge.cli.main", "run", str(site), "--secrets", str(folder / "secrets")),
            *("--journal", str(folder / "journal"), "--control", str(folder / "control.sock")),
            core=UNDER_TEST,
            ready=b"ready",
            log=folder / "bridge.log",
        )
        try:
            yield Bridge(child, vms, port, folder)
        finally:
            await child.stop()
            await vms.close()
            errors = (folder / "bridge.log").read_text()
            if "Traceback" in errors:
                print(errors[-3000:], file=sys.stderr)


def percentiles(vms: Vms, readers: Readers) -> tuple[float, float, float, float]:
    """p50, p95, p99, max of milliseconds from the reader's write to the VMS's read."""
    times = sorted((vms.arrived[plate] - left) * 1000 for plate, left in readers.left.items() if plate in vms.arrived)
    cuts = statistics.quantiles(times, n=100)
    return cuts[49], cuts[94], cuts[98], times[-1]


async def bench_limits(report: Report, scale: float) -> None:
    """The server alone, and the bare relay."""
    count = int(40_000 * scale)
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        for whose in ("ours", "uvicorn"):
            words = ("tests.benchmarks.server_alone", whose)
            alone = await Child.start(*words, core=UNDER_TEST, ready=b"ready", log=log)
            readers = Readers(port_of(alone.ready_line.split()[1]), 200)
            seconds = await readers.closed_loop(32, count)
            report.say(f"server alone, {whose}", count / seconds, "messages/s")
            report.say(f"server alone, {whose}: CPU", alone.cpu() / count * 1e6, "µs a message")
            await alone.stop()
        vms = Vms()
        await vms.open()
        relay = await Child.start(
            *("tests.benchmarks.relay", f"http://127.0.0.1:{vms.port}/"), core=UNDER_TEST, ready=b"ready", log=log
        )
        readers = Readers(port_of(relay.ready_line.split()[1]), 200)
        report.say("bare aiohttp relay", count / await readers.closed_loop(32, count), "events/s")
        await relay.stop()
        await vms.close()


async def bench_throughput(report: Report, scale: float) -> None:
    """Durable events through the whole path, to one camera and to four."""
    for cameras, goal in ((1, "goal ≥ 4,000 events/s"), (4, "goal ≥ 8,000 deliveries/s")):
        count = int(20_000 * scale)
        async with bridge(200, cameras) as running:
            readers = Readers(running.port, 200)
            await readers.closed_loop(32, 500)
            await running.vms.until(500 * cameras)
            began, cpu = time.monotonic(), running.child.cpu()
            await readers.closed_loop(64, count)
            accepted = time.monotonic() - began
            await running.vms.until((500 + count) * cameras)
            took, cpu = time.monotonic() - began, running.child.cpu() - cpu
            name = f"bridge, {cameras} camera{'s' if cameras > 1 else ''}"
            report.say(f"{name}: accepted", count / accepted, "events/s")
            report.say(f"{name}: delivered", count / took, "events/s", goal if cameras == 1 else "")
            if cameras > 1:
                report.say(f"{name}: deliveries", count * cameras / took, "per s", goal)
            report.say(f"{name}: CPU per event", cpu / count * 1e6, "µs")
            report.say(f"{name}: refused", readers.refused, "messages", "must be 0")
            report.say(f"{name}: PSS loaded", running.child.memory()[1], "MiB")
    report.ratio("bridge / bare relay", "bridge, 1 camera: delivered", "bare aiohttp relay")
    report.ratio("bridge / server alone", "bridge, 1 camera: delivered", "server alone")


async def bench_collapse(report: Report, scale: float) -> None:
    """Four messages in each vehicle's life, two of them held, become one event; one event in ten is amended."""
    count = int(40 * scale) * APART * len(STATES)
    warm = APART * len(STATES)
    async with bridge(200, 1) as running:
        readers = Readers(running.port, 200, life_cycle)
        await readers.closed_loop(32, warm)
        await running.vms.until(APART)
        began, cpu = time.monotonic(), running.child.cpu()
        await readers.closed_loop(64, count)
        accepted = time.monotonic() - began
        vehicles = (warm + count) // len(STATES)
        await running.vms.until(vehicles, amended=vehicles // REPAINTED)
        took, cpu = time.monotonic() - began, running.child.cpu() - cpu
        report.say("life cycles: accepted", count / accepted, "messages/s", "goal ≥ 3,000 messages/s")
        report.say("life cycles: delivered", count / took, "messages/s")
        report.say("life cycles: CPU per message", cpu / count * 1e6, "µs")
        report.say("life cycles: refused", readers.refused, "messages", "must be 0")
        seen = len(running.vms.arrived)
        report.say("life cycles: vehicles at the VMS", seen, "", f"must be {vehicles:,}")
        report.say("life cycles: RSS", running.child.memory()[0], "MiB")


async def bench_profiles(report: Report, scale: float) -> None:
    """What reading costs: redact, items, identity and draft of each built-in profile, over all its examples."""
    for file in sorted(PROFILES.glob("*.yaml")):
        profile = compile_profile(file.read_text("utf-8"), file.name)
        messages = [read_message(example.file) for example in examples_of(file)]
        if messages:
            cost, events = cost_of_reading(profile, messages, int(2_000 * scale))
            report.say(f"reading: {file.stem} ({len(messages)} examples, {events} items)", cost, "µs/item")


async def bench_latency(report: Report, scale: float) -> None:
    """From the reader's byte to the VMS's, at a steady rate."""
    for rate in (100, 500):
        async with bridge(200, 1) as running:
            readers = Readers(running.port, 200)
            await readers.open_loop(16, rate, 3)  # every sensor has been heard: connections and declarations stand
            await running.vms.until(rate * 3)
            readers.left.clear()
            cpu, began = running.child.cpu(), time.monotonic()
            await readers.open_loop(16, rate, 20 * scale)
            await running.vms.until(len(readers.left) + rate * 3)
            busy = (running.child.cpu() - cpu) / (time.monotonic() - began)
            for name, value in zip(("p50", "p95", "p99", "max"), percentiles(running.vms, readers), strict=True):
                goal = "goal ≤ 5 ms" if (name, rate) == ("p99", 500) else ""
                report.say(f"sensor to VMS at {rate}/s: {name}", value, "ms", goal)
            report.say(f"CPU at {rate}/s", busy * 100, "%")


async def bench_flood(report: Report, scale: float) -> None:
    """What 100,000 malformed bodies of one sender cost the others, who say 100 messages a second, and the memory."""
    count = int(100_000 * scale)
    async with bridge(200, 1) as running:
        others = Readers(running.port, 200)
        await others.open_loop(16, 100, 3)
        await running.vms.until(300)
        flooding = Readers(running.port, 1, malformed)
        await flooding.closed_loop(1, 500)
        before = running.child.memory()[0]
        others.left.clear()
        flood = asyncio.ensure_future(flooding.closed_loop(1, count))
        while not flood.done():
            await others.open_loop(16, 100, 5)
        await flood
        await running.vms.until(others.next)
        for name, value in zip(("p50", "p95", "p99", "max"), percentiles(running.vms, others), strict=True):
            report.say(f"sensor to VMS at 100/s beside a flood: {name}", value, "ms")
        report.say("malformed bodies", count / flood.result(), "per s")
        report.say(f"RSS more after {count:,} of them", running.child.memory()[0] - before, "MiB", "goal: flat")
        report.say("refused to the others", others.refused, "messages", "must be 0")


async def bench_hostile(report: Report, scale: float) -> None:
    """What bodies made to cost much (up to 4 MiB, up to 1,000 items) cost the others, who say 100 messages a second."""
    count = max(len(SHAPES), int(240 * scale))
    async with bridge(200, 1) as running:
        others = Readers(running.port, 200)
        await others.open_loop(16, 100, 3)
        await running.vms.until(300)
        before = running.child.memory()[0]
        others.left.clear()
        sending = asyncio.ensure_future(Readers(running.port, 1, hostile).closed_loop(1, count))
        while not sending.done():
            await others.open_loop(16, 100, 5)
        await sending
        await running.vms.until(others.next)
        for name, value in zip(("p50", "p95", "p99", "max"), percentiles(running.vms, others), strict=True):
            report.say(f"sensor to VMS at 100/s beside hostile bodies: {name}", value, "ms")
        report.say("hostile bodies", count / sending.result(), "per s")
        report.say(f"RSS more after {count:,} of them", running.child.memory()[0] - before, "MiB", "goal: flat")
        report.say("refused to the others", others.refused, "messages", "must be 0")


async def bench_idle(report: Report, scale: float) -> None:
    async with bridge(200, 1) as running:
        readers = Readers(running.port, 200)
        await readers.open_loop(4, 50, 2)
        await running.vms.until(100)
        await asyncio.sleep(2)
        cpu, began = running.child.cpu(), time.monotonic()
        await asyncio.sleep(max(10.0, 30 * scale))
        busy = (running.child.cpu() - cpu) / (time.monotonic() - began)
        rss, pss = running.child.memory()
        report.say("idle, 200 sensors: PSS", pss, "MiB", "goal ≤ 80 MiB")
        report.say("idle, 200 sensors: RSS", rss, "MiB")
        report.say("idle, 200 sensors: CPU", busy * 100, "%", "goal ≤ 0.3 %")


async def bench_start(report: Report, scale: float) -> None:
    """From starting the process to the first event at the VMS."""
    for sensors, goal in ((200, "goal ≤ 0.8 s"), (10_000, "goal ≤ 5 s")):
        times = []
        for _ in range(3):
            async with bridge(sensors, 1) as running:
                readers = Readers(running.port, sensors)
                await readers.closed_loop(1, 1)
                await running.vms.until(1)
                times.append(min(running.vms.arrived.values()) - running.child.spawned)
        report.say(f"first event, {sensors:,} sensors", statistics.median(times), "s", goal)


async def bench_sensors(report: Report, scale: float) -> None:
    """Processor time per event as the site grows."""
    for sensors in (10, 1_000, 10_000):
        count = int(10_000 * scale)
        async with bridge(sensors, 1) as running:
            readers = Readers(running.port, sensors)
            await readers.closed_loop(32, 500)
            await running.vms.until(500)
            cpu = running.child.cpu()
            await readers.closed_loop(32, count)
            await running.vms.until(500 + count)
            report.say(f"CPU per event, {sensors:,} sensors", (running.child.cpu() - cpu) / count * 1e6, "µs")


async def bench_snmp(report: Report, scale: float) -> None:
    """Traps of fifty devices: 1,000 a second for 20 s, and 20,000 as fast as they can be sent."""
    await traps.steady(report.say, UNDER_TEST, free_port(), scale)
    await traps.storm(report.say, UNDER_TEST, free_port(), scale)


async def bench_targets(report: Report, scale: float) -> None:
    """Every way into every VMS, side by side; × is against the plain webhook at the top."""
    await targets.measure(report, UNDER_TEST, PEERS, free_port(), scale)


async def bench_backlog(report: Report, scale: float) -> None:
    """The VMS is away while events pile up; then it is back."""
    count = int(100_000 * scale)
    async with bridge(200, 1, vms_open=False) as running:
        readers = Readers(running.port, 200)
        before = running.child.memory()[0]
        took = await readers.closed_loop(32, count)
        report.say("backlog: accepted while the VMS is away", count / took, "events/s")
        report.say("backlog: RSS before", before, "MiB")
        report.say(f"backlog: RSS with {count:,} queued", running.child.memory()[0], "MiB", "goal ≤ 110 MiB")
        began = time.monotonic()
        await running.vms.open(running.vms.port)
        await running.vms.until(1)
        back = time.monotonic()
        await running.vms.until(count, 600)
        report.say("backlog: first event after the VMS is back", back - began, "s")
        report.say("backlog: drained", count / (time.monotonic() - back), "events/s")
        report.say("backlog: RSS after", running.child.memory()[0], "MiB")


async def main() -> None:
    sections = {name[6:]: function for name, function in globals().items() if name.startswith("bench_")}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[[], *sections], default=[])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: does it run at all?")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {PEERS})
    report = Report()
    for name in arguments.sections or [each for each in sections if each not in BY_NAME_ALONE]:
        print(f"{name}: {(sections[name].__doc__ or '').strip()}", flush=True)
        await sections[name](report, 0.1 if arguments.quick else 1.0)
    if arguments.json:
        arguments.json.write_text(json.dumps(report.figures, indent=1))


if __name__ == "__main__":
    uvloop.run(main())

"""Every way into every VMS side by side, each against its simulator, with the plain webhook as what they are held to.

The bridge has core 0; the readers and the simulator, a process of its own, share core 1. Before a row is measured, a
few events tell how fast the way is: so that a slow VMS is not measured for hours. What a row is bound by stands at its
end: ``bridge`` (its core was full), ``simulator`` (the core of simulator and readers was full: the bridge could do
more), or
``waits`` (neither was: for how this VMS works; or this machine has other work).
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tests.benchmarks.peers import Readers
from tests.benchmarks.process import Child
from tests.benchmarks.simulated import WAYS, Place

SENSORS = 200
RATE = 100
"""Events a second at which latency is measured; half of what a way does at most, where that is less."""
BASELINE = "webhook"
_QUIET = 5.0
"""Seconds without a delivery after which what is missing does not come any more; only datagrams get lost."""
_FULL = 0.9
_HEAD = (
    f"  {'':<22}{'1 camera':>10}{'':>7}{'4 cameras':>11}{'':>7}{'CPU an':>9}{'a deli-':>9}{'':>7}{'p50':>8}{'p95':>8}"
    f"{'p99':>8}{'simulator':>11}{'requests':>10}  bound\n"
    f"  {'':<22}{'events/s':>10}{'×':>7}{'deliv./s':>11}{'×':>7}{'event µs':>9}{'very µs':>9}{'×':>7}{'ms':>8}{'ms':>8}"
    f"{'ms':>8}{'% of core':>11}{'a deliv.':>10}  by"
)


class Report(Protocol):
    figures: dict[str, float]


class Most(msgspec.Struct):
    """As fast as it goes. ``rate``: deliveries a second; ``cpu``: of the bridge, µs a delivery; the rest: shares of a
    core, and requests a delivery."""

    rate: float
    cpu: float
    ours: float
    simulator: float
    peers: float
    requests: float
    missing: int

    @property
    def bound(self) -> str:
        by = "bridge" if self.ours > _FULL else "simulator" if self.peers > _FULL else "waits"
        return f"{by}, {self.missing} lost" if self.missing else by


class Running:
    """A bridge between readers and one simulated VMS."""

    def __init__(self, bridge: Child, simulator: Child, readers: Readers, control: Any) -> None:
        self._bridge = bridge
        self._simulator = simulator
        self._readers = readers
        self._reader, self._writer = control
        self._whole = 0

    async def _ask(self, line: str) -> Any:
        self._writer.write(f"{line}\n".encode())
        async with asyncio.timeout(300):
            return json.loads(await self._reader.readline())

    async def most(self, count: int, cameras: int) -> Most:
        """``count`` events as fast as they are taken."""
        before = (await self._ask("until 0 1"))["requests"]
        began, cpu, its, own = time.monotonic(), self._bridge.cpu(), self._simulator.cpu(), time.process_time()
        await self._readers.closed_loop(min(64, count), count)
        told = await self._ask(f"until {self._whole + count * cameras} {_QUIET}")
        cpu, its, own = self._bridge.cpu() - cpu, self._simulator.cpu() - its, time.process_time() - own
        took, came = max(1e-3, told["last"] - began), max(1, told["deliveries"] - self._whole)
        missing = count * cameras - came
        self._whole = told["deliveries"]
        requests = (told["requests"] - before) / came
        return Most(
            came / took, cpu / came * 1e6, cpu / took, its / took, (its + own) / took, requests, missing
        )  # fmt: skip

    async def steady(self, cameras: int, seconds: float) -> Most:
        """The same with as many events as take so long, about."""
        count = 24
        while True:
            began = time.monotonic()
            found = await self.most(count, cameras)
            took = time.monotonic() - began
            if took > seconds / 2:
                return found
            count = int(count * min(10.0, max(2.0, seconds / took)))

    async def latency(self, rate: float, seconds: float) -> tuple[float, float, float] | None:
        """p50, p95, p99 in ms from the reader's byte to the VMS's; None where what arrives says not what it is of."""
        self._readers.left.clear()
        await self._readers.open_loop(16, rate, seconds)
        left = dict(self._readers.left)
        self._whole = (await self._ask(f"until {self._whole + len(left)} {_QUIET}"))["deliveries"]
        arrived = await self._ask("arrived")
        times = sorted((arrived[plate] - at) * 1000 for each, at in left.items() if (plate := each.decode()) in arrived)
        if len(times) < 2:
            return None
        return times[len(times) // 2], times[int(len(times) * 0.95)], times[int(len(times) * 0.99)]


def write_site(folder: Path, place: Place, port: int, cameras: int, sensors: int = SENSORS) -> Path:
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    for name, value in place.secrets.items():
        (secrets / name).write_text(value)
        (secrets / name).chmod(0o600)
    names = [f"cam-{number}" for number in range(len(place.cameras))]
    site = {
        "version": 1,
        "site": {"name": "Benchmark", "timezone": "Europe/Prague"},
        "vms": {"vms": place.vms},
        "cameras": {name: {"vms": "vms", **told} for name, told in zip(names, place.cameras, strict=True)},
        "connectors": {"lpr": {"type": "http", "bind": f"127.0.0.1:{port}"}},
        "sensors": {
            f"reader-{number}": {
                "name": f"Reader {number}",
                "kind": "lpr",
                "profile": "cammra",
                "connector": "lpr",
                "address": {"path": f"/s/{number}"},
                "cameras": names[:cameras],
            }
            for number in range(sensors)
        },
    }
    path = folder / "site.yaml"
    path.write_text(json.dumps(site, indent=1))  # which is YAML too
    return path


@asynccontextmanager
async def running(way: str, cameras: int, port: int, under_test: int, peers: int) -> AsyncIterator[Running]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulator = await Child.start(
            "tests.benchmarks.simulated", way, core=peers, ready=b"ready", log=folder / "simulator.log"
        )
        try:
            place = msgspec.json.decode(simulator.ready_line.partition(" ")[2], type=Place)
            site = write_site(folder, place, port, cameras)
            bridge = await Child.start(
                *("bridge.cli.main", "run", str(site), "--secrets", str(folder / "secrets")),
                *("--journal", str(folder / "journal"), "--control", str(folder / "control.sock")),
                core=under_test,
                ready=b"ready",
                log=folder / "bridge.log",
            )
            try:
                control = await asyncio.open_connection("127.0.0.1", place.control, limit=2**26)
                yield Running(bridge, simulator, Readers(port, SENSORS), control)
            finally:
                await bridge.stop()
        finally:
            await simulator.stop()


async def measure(
    report: Report, under_test: int, peers: int, port: int, scale: float, ways: Iterable[str] = WAYS
) -> None:
    """These ways, a row each; the baseline first."""
    print(_HEAD, flush=True)
    for way in ways:
        found: dict[int, Most] = {}
        latency: tuple[float, float, float] | None = None
        rate = float(RATE)
        for cameras in (1, 4):
            async with running(way, cameras, port, under_test, peers) as bridge:
                await bridge.most(8, cameras)
                found[cameras] = await bridge.steady(cameras, 5 * scale)
                if cameras == 1:
                    rate = min(float(RATE), found[1].rate / 2)
                    latency = await bridge.latency(rate, max(2.0, 10 * scale, 8 / rate))
        _row(report, way, found[1], found[4], latency, rate)


def _row(
    report: Report, way: str, one: Most, four: Most, latency: tuple[float, float, float] | None, rate: float
) -> None:
    figures = report.figures
    figures[f"{way}: delivered, 1 camera"] = one.rate
    figures[f"{way}: deliveries, 4 cameras"] = four.rate
    figures[f"{way}: CPU an event, 1 camera"] = one.cpu
    figures[f"{way}: CPU a delivery, 4 cameras"] = four.cpu
    for name, value in zip(("p50", "p95", "p99"), latency or (), strict=False):
        figures[f"{way}: {name}"] = value

    def over(name: str) -> float:
        return figures[f"{way}: {name}"] / figures[f"{BASELINE}: {name}"]

    times = "".join([f"{each:>8.1f}" for each in latency]) if latency else f"{'(carries no text)':>24}"
    at = "" if rate == RATE else f"; latency at {rate:.1f}/s"
    print(
        f"  {way:<22}{one.rate:>10,.0f}{over('delivered, 1 camera'):>7.2f}{four.rate:>11,.0f}"
        f"{over('deliveries, 4 cameras'):>7.2f}{one.cpu:>9.0f}{four.cpu:>9.0f}{over('CPU a delivery, 4 cameras'):>7.2f}"
        f"{times}{one.simulator * 100:>5.0f}/{four.simulator * 100:<5.0f}{one.requests:>10.1f}  "
        f"{one.bound}/{four.bound}{at}",
        flush=True,
    )

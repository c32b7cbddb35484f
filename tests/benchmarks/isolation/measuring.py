"""One bridge, the same load all the time, and the bad beside it now and then."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.isolation.board import Board
from tests.benchmarks.isolation.canary import Canary, canary
from tests.benchmarks.isolation.cases import Case
from tests.benchmarks.isolation.healthy import Healthy, Ports
from tests.benchmarks.isolation.site import write_site
from tests.benchmarks.process import Child
from tests.connectors.mosquitto import OPEN, Mosquitto

UNDER_TEST, PEERS = 0, 1
AGAIN = 10
"""Times a round is measured until the machine lets us."""
MEMORY = Path("/dev/shm")
"""Where the journal lies, where there is such: how long a disk takes that others use too is noise here."""
SETTLE = 0.7
"""Seconds between a change and the next measurement; what is bad begins in it, and goes on."""


@dataclass(frozen=True)
class Round:
    """``push``, ``poll``: seconds each event took, of those who send and of those who are asked. ``lost``: how many did
    not come. ``busy``: share of the bridge's core."""

    push: Sequence[float]
    poll: Sequence[float]
    lost: int
    busy: float


def p99(seconds: Sequence[float]) -> float:
    """In milliseconds."""
    return statistics.quantiles(seconds, n=100)[98] * 1000


class Bench:
    """A running bridge and its healthy devices. ``sides``: ports of the VMS that are beside the one of the healthy."""

    def __init__(self, folder: Path, board: Board, healthy: Healthy, ports: Ports) -> None:
        self.folder = folder
        self.sides: Sequence[int] = ()
        self._board = board
        self._healthy = healthy
        self._ports = ports
        self.child: Child
        self.canary: Canary

    def write(self, way: str = "", bad: Sequence[int] = ()) -> None:
        panels = [each.port for each in self._healthy.panels]
        write_site(self.folder, self._ports, self._board.port, panels, self.sides, way, bad)

    async def take_over(self, way: str = "", bad: Sequence[int] = ()) -> None:
        """Reload the site with these beside the healthy."""
        self.write(way, bad)
        await self._control("POST", "/reload", b"{}")

    async def settled(self, bound: float) -> None:
        """Until no delivery is open, or the bound has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound):
                while True:
                    told = json.loads(await self._control("GET", "/status"))
                    if sum(map(sum, (each.values() for each in told["vms"].values()))) < 100_000:
                        return
                    await asyncio.sleep(0.2)

    async def _control(self, method: str, path: str, body: bytes = b"") -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "control.sock"))
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
        if b" 200 " not in answer[:20]:
            raise RuntimeError(f"{path}: {answer[-500:].decode()}")
        return answer[answer.index(b"{") : answer.rindex(b"}") + 1]

    async def measure(self, seconds: float) -> Round:
        """Of so many seconds in which the machine did not stand still, if there are such."""
        for _ in range(AGAIN):
            self.canary.clear()
            made = await self._measure(seconds)
            if self.canary.well:
                break
        return made

    async def _measure(self, seconds: float) -> Round:
        healthy, arrived = self._healthy, self._board.arrived
        healthy.left.clear()
        arrived.clear()
        healthy.took.clear()
        cpu, began = self.child.cpu(), time.monotonic()
        await asyncio.sleep(seconds)
        busy, until = (self.child.cpu() - cpu) / (time.monotonic() - began), time.monotonic()
        left = dict(healthy.left)
        changed = {point: at for point, at in healthy.changed.items() if at < until}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                while any(number not in arrived for number in left) or any(
                    healthy.changed.get(point) == at for point, at in changed.items()
                ):
                    await asyncio.sleep(0.01)
        push = [arrived[number] - at for number, at in left.items() if number in arrived]
        poll = [took for at, took in healthy.took if began <= at < until]
        lost = len(left) - len(push) + sum(healthy.changed.get(point) == at for point, at in changed.items())
        return Round(push, poll, lost, busy)

    @asynccontextmanager
    async def beside(self, case: Case, count: int) -> AsyncIterator[None]:
        """So many of the bad, begun and known to the bridge; afterwards there are none."""
        target = self._ports.__dict__.get("broker" if case.way == "mqtt" else case.way)
        words: tuple[str, ...] = (case.what, case.way, str(count))
        if case.sends:
            words += (str(target),)
        elif case.way == "vms":
            words += tuple(map(str, self.sides))
        bad = await _bad(self.folder, *words)
        try:
            listening = [int(each) for each in bad.ready_line.split()[1:]]
            if listening and case.way != "vms":
                await self.take_over(case.way, listening)
            yield
        finally:
            if not case.sends and case.way != "vms":
                await self.take_over()
            await _end(bad)


@contextlib.contextmanager
def _before_others() -> Iterator[None]:
    """This process, and all that it starts, where that is allowed: what else runs on the machine is noise."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


async def _bad(folder: Path, *words: str) -> Child:
    return await Child.start("tests.benchmarks.isolation.bad", *words, core=PEERS, ready=b"ready", log=folder / "bad")


async def _end(child: Child) -> None:
    child.process.send_signal(signal.SIGKILL)
    await child.process.wait()


@asynccontextmanager
async def well(bench: Bench) -> AsyncIterator[None]:
    """The VMS beside are as they should be, and have what they missed."""
    if not bench.sides:
        yield
        return
    good = await _bad(bench.folder, "well", "vms", "0", *map(str, bench.sides))
    try:
        await bench.settled(15)
        yield
    finally:
        await _end(good)


@asynccontextmanager
async def bench(sides: int = 0) -> AsyncIterator[Bench]:
    with _before_others(), tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as name:
        folder = Path(name)
        board, broker = Board(), Mosquitto(folder, (*OPEN, "set_tcp_nodelay true"))
        await board.open()
        healthy = Healthy(board)
        await healthy.open()
        await broker.start()
        stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
        ports = Ports(_free(stream), _free(stream), _free(datagram), _free(datagram), broker.port)
        made = Bench(folder, board, healthy, ports)
        made.sides = [_free(socket.SOCK_STREAM) for _ in range(sides)]
        made.write()
        (folder / "secrets").mkdir(mode=0o700)
        (folder / "secrets" / "traps").write_text("public-not")
        (folder / "secrets" / "traps").chmod(0o600)
        echoing = await Child.start(
            "tests.benchmarks.isolation.canary", core=UNDER_TEST, ready=b"ready", log=folder / "canary.log"
        )
        made.child = await Child.start(
            *("bridge.cli.main", "run", str(folder / "site.yaml"), "--secrets", str(folder / "secrets")),
            *("--journal", str(folder / "journal"), "--control", str(folder / "control.sock")),
            core=UNDER_TEST, ready=b"ready", log=folder / "bridge.log",
        )  # fmt: skip
        try:
            await healthy.connect(ports)
            made.canary = await canary(echoing)
            async with asyncio.TaskGroup() as group:
                speaking = group.create_task(healthy.speak(made.canary))
                await asyncio.sleep(3)  # everybody was heard, every point's state is known
                try:
                    yield made
                finally:
                    speaking.cancel()
        finally:
            healthy.close()
            await made.child.stop()
            await broker.kill()
            await _end(echoing)
            said = (folder / "bridge.log").read_text()
            if "Traceback" in said:
                print(said[-3000:], file=sys.stderr)
            if os.environ.get("KEEP_LOG"):
                Path(os.environ["KEEP_LOG"]).write_text(said)


def _free(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])

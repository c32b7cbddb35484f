"""SNMP traps from fifty devices to a board that takes webhooks: how many get lost, how late, at what cost.

The devices are addresses of this machine (127.0.1.N); the board notes when each trap arrived, by the number in it.
"""

from __future__ import annotations

import asyncio
import re
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.peers import Exchange
from tests.benchmarks.process import Child
from tests.connectors.snmp_sender import datagram

Say = Callable[[str, float, str, str], None]

DEVICES = 50
SITE = """\
version: 1
site: {{name: Traps}}
vms:
  board: {{type: webhook, url: "http://127.0.0.1:{board}/in", connections: 32}}
cameras:
  rack: {{vms: board}}
connectors:
  traps: {{type: snmp, bind: "0.0.0.0:{port}", communities: [secret:traps]}}
sensors:
"""
SENSOR = "  d{n}: {{kind: device, profile: snmp, connector: traps, address: {{from: 127.0.1.{n}}}, cameras: [rack]}}\n"
_NUMBER = re.compile(rb'"description":"n-(\d+)"')
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Board:
    """``arrived``: number of a trap → monotonic seconds of its first arrival. ``twice``: arrivals beyond the first."""

    def __init__(self) -> None:
        self.arrived: dict[int, float] = {}
        self.twice = 0
        self.port = 0
        self.woken = asyncio.Event()

    async def open(self) -> None:
        self.server = await asyncio.get_running_loop().create_server(lambda: _Taking(self), "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def until(self, count: int, quiet: float) -> bool:
        """Wait until so many have come; False when none came for ``quiet`` seconds."""
        while len(self.arrived) < count:
            self.woken.clear()
            try:
                async with asyncio.timeout(quiet):
                    await self.woken.wait()
            except TimeoutError:
                return False
        return True


class _Taking(Exchange):
    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board

    def message(self, head: bytes, body: bytes) -> None:
        found = _NUMBER.search(body)
        if found is not None:
            number = int(found[1])
            self._board.twice += number in self._board.arrived
            self._board.arrived.setdefault(number, time.monotonic())
            self._board.woken.set()
        if self.transport is not None:
            self.transport.write(_ANSWER)


class Devices:
    """``left``: number of a trap → monotonic seconds at which it was sent."""

    def __init__(self, port: int) -> None:
        self.left: dict[int, float] = {}
        self.next = 0
        self._sockets = []
        for device in range(1, DEVICES + 1):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((f"127.0.1.{device}", 0))
            made.connect(("127.0.0.1", port))
            self._sockets.append(made)

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    async def steady(self, rate: float, seconds: float) -> None:
        began = time.monotonic()
        first = self.next
        while (passed := time.monotonic() - began) < seconds:
            while self.next - first < passed * rate:
                self._send()
            await asyncio.sleep(0.001)

    def burst(self, count: int) -> float:
        """As fast as the kernel takes them; how long that was."""
        made = [datagram(number) for number in range(self.next, self.next + count)]
        began = time.monotonic()
        for number, data in enumerate(made, self.next):
            self._sockets[number % DEVICES].send(data)
        self.next += count
        return time.monotonic() - began

    def _send(self) -> None:
        number = self.next
        self.next += 1
        self.left[number] = time.monotonic()
        self._sockets[number % DEVICES].send(datagram(number))


@asynccontextmanager
async def running(core: int, port: int) -> AsyncIterator[tuple[Child, Board, Devices]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        board = Board()
        await board.open()
        (folder / "secrets").mkdir(mode=0o700)
        (folder / "secrets" / "traps").write_text("public-not")
        (folder / "secrets" / "traps").chmod(0o600)
        sensors = "".join(SENSOR.format(n=device) for device in range(1, DEVICES + 1))
        (folder / "site.yaml").write_text(SITE.format(board=board.port, port=port) + sensors)
        child = await Child.start(
            *("bridge.cli.main", "run", str(folder / "site.yaml"), "--secrets", str(folder / "secrets")),
            *("--journal", str(folder / "journal"), "--control", str(folder / "control.sock")),
            core=core, ready=b"ready", log=folder / "bridge.log",
        )  # fmt: skip
        devices = Devices(port)
        try:
            yield child, board, devices
        finally:
            devices.close()
            await child.stop()
            said = (folder / "bridge.log").read_text()
            print("".join(f"  the log says: {line}\n" for line in said.splitlines() if "lost" in line), end="")


async def steady(say: Say, core: int, port: int, scale: float) -> None:
    rate = 1000
    async with running(core, port) as (child, board, devices):
        await devices.steady(200, 2)
        await board.until(len(devices.left), 5)
        devices.left.clear()
        cpu, began = child.cpu(), time.monotonic()
        await devices.steady(rate, 20 * scale)
        busy = (child.cpu() - cpu) / (time.monotonic() - began)
        await board.until(devices.next, 5)
        times = sorted(
            (board.arrived[number] - left) * 1000 for number, left in devices.left.items() if number in board.arrived
        )
        lost = sum(number not in board.arrived for number in devices.left)
        say(f"traps at {rate}/s: lost", lost, f"of {len(devices.left):,}", "goal 0")
        cuts = statistics.quantiles(times, n=100)
        for name, value in zip(("p50", "p95", "p99", "max"), (cuts[49], cuts[94], cuts[98], times[-1]), strict=True):
            say(f"trap to VMS at {rate}/s: {name}", value, "ms", "")
        say(f"traps at {rate}/s: processor", busy * 100, "% of a core", "")
        say(f"traps at {rate}/s: RSS", child.memory()[0], "MiB", "")
        say(f"traps at {rate}/s: arrived twice", board.twice, "", "goal 0")


async def storm(say: Say, core: int, port: int, scale: float) -> None:
    count = int(20_000 * scale)
    async with running(core, port) as (child, board, devices):
        await devices.steady(100, 1)
        await board.until(devices.next, 5)
        before, rss = devices.next, child.memory()[0]
        cpu, began = child.cpu(), time.monotonic()
        took = devices.burst(count)
        await board.until(before + count, 10)
        lasted = max(board.arrived.values()) - began
        say(f"storm of {count:,} traps: sent within", took * 1000, "ms", "")
        say(f"storm of {count:,} traps: lost", before + count - len(board.arrived), "", "goal 0")
        say(f"storm of {count:,} traps: all at the VMS after", lasted, "s", "")
        say(f"storm of {count:,} traps: processor", (child.cpu() - cpu) / count * 1e6, "µs a trap", "")
        say(f"storm of {count:,} traps: RSS more", child.memory()[0] - rss, "MiB", "")

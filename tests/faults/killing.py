"""A bridge under load by every way in that is killed again and again: the site, the VMS on a bad day, and the books."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from bridge.control.client import CallFailed, Client
from bridge.control.door import NAME, DoorError, Nobody
from bridge.simulator import ledger
from bridge.simulator.demo.child import Child, ChildFailed
from bridge.simulator.faults import Kind, every_kind
from bridge.simulator.http_server import Asked, Connection
from bridge.simulator.ledger import Property, Report
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.faults.books import Books
from tests.faults.looking import Looking
from tests.faults.ways.broker import Published
from tests.faults.ways.informs import Informed
from tests.faults.ways.plates import Posted, Pushed
from tests.faults.ways.points import Turned
from tests.faults.ways.way import WITHIN, Way

CAMERAS = 8
FAULTY = 0.10
"""Of the VMS's answers."""
SEARCH_LAG = 5.0
TIMEOUT, LATE = 1.0, 1.4
"""Seconds the bridge waits for an answer, and after how many the slow ones of the VMS come."""
SETTLE = SEARCH_LAG + (LATE - TIMEOUT) + 1.0
"""What is committed after the time-out and found after the lag must be found by the second search."""
QUIET_EVERY, QUIET = 10, SETTLE + 1.5
"""Now and then the bridge lives long enough for a search to settle: else nothing doubtful would be settled between
two kills, and most lanes would only wait."""
STALLED = 45.0
"""Seconds in which nothing arrives, although something is missing, after which it will not come."""

FRESH = "a fresh event passes after the faults"


def every_way(seed: int) -> list[Way]:
    return [Posted(), Pushed(), Published(), Informed(), Turned(seed)]


class Layout(msgspec.Struct, frozen=True):
    folder: Path
    vms: str

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"


def cameras_of(index: int) -> list[str]:
    """Every fifth sensor stands on two."""
    first = f"gate-{index % CAMERAS}"
    return [first, f"gate-{(index + 1) % CAMERAS}"] if index % 5 == 0 else [first]


def all_cameras(ways: Sequence[Way]) -> dict[str, list[str]]:
    sensors = [sensor for way in ways for sensor in way.sensors]
    return {sensor: cameras_of(index) for index, sensor in enumerate(sensors)}


def site_yaml(layout: Layout, ways: Sequence[Way], numbers: Mapping[str, int]) -> str:
    cameras = all_cameras(ways)
    lines = [
        "version: 1",
        "site: {name: Kill yard}",
        "vms:",
        f"  cloud: {{type: vxg, url: '{layout.vms}', allow_http: true, connections: 32, alarm_connections: 8,"
        f" timeout: {TIMEOUT} s, settle_after: {SETTLE} s}}",
        "cameras:",
        *(f"  {name}: {{vms: cloud, id: {number}, token: secret:{name}}}" for name, number in numbers.items()),
        "connectors:",
        *(f"  {way.name}: {way.settings()}" for way in ways),
        "sensors:",
        *(
            f"  {sensor}: {{connector: {way.name}, {of}, cameras: [{', '.join(cameras[sensor])}]}}"
            for way in ways
            for sensor, of in way.sensors.items()
        ),
    ]
    return "\n".join(lines) + "\n"


class KillRun:
    """``kills`` times, at moments drawn from ``seed``. ``hits``: how often the VMS did what; ``looking``: what it was
    asked whether it has."""

    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self._folder = folder
        self._kills = kills
        self._seed = seed
        self._chance = random.Random(seed)
        self.ways = every_way(seed)
        self.killed = Counter[str]()
        """How often at work, and how often while it started."""
        self.hits: Mapping[Kind, int] = {}
        self.looking = Looking()
        self.again: Mapping[str, int] = {}
        """By connector: messages that came again."""

    async def run(self) -> Report:
        """Raises ChildFailed when the bridge ends by itself or does not start."""
        async with contextlib.AsyncExitStack() as peers:
            vms = await peers.enter_async_context(SimulatedVxg(CAMERAS, seed=self._seed, search_lag=SEARCH_LAG))
            for way in self.ways:
                await peers.enter_async_context(way.peers(self._folder))
            layout = Layout(self._folder, vms.base_url)
            self._watch(vms)
            numbers = {f"gate-{index}": number for index, number in enumerate(vms.tokens)}
            layout.site.write_text(site_yaml(layout, self.ways, numbers))
            write_secrets(layout.secrets, {name: vms.tokens[number] for name, number in numbers.items()})
            for way in self.ways:
                write_secrets(layout.secrets, way.secrets())
            words = ["run", str(layout.site), "--secrets", str(layout.secrets), "--journal", str(layout.journal)]
            child = Child([*words, "--log-level", "warning"], layout.folder / "bridge.log")
            try:
                return await self._run(child, vms, numbers, layout)
            finally:
                await child.kill()

    async def _run(self, child: Child, vms: SimulatedVxg, numbers: Mapping[str, int], layout: Layout) -> Report:
        books = Books(self.ways, all_cameras(self.ways), numbers)
        await child.start()
        await self._heard(child, layout)
        for fault in every_kind(FAULTY, seconds=LATE):
            vms.faults.add(fault)
        async with contextlib.AsyncExitStack() as speaking:
            for way in self.ways:
                await speaking.enter_async_context(way.speaking())
            await self._bad_days(child, vms, numbers, layout)
            self.hits = dict(vms.faults.hits)
            vms.faults.clear()
            # A camera whose token was refused is parked for half a minute; a start tries it at once.
            await child.start()
        fresh = Property(FRESH, 1, ["not tried: what came before did not arrive"])
        if await self._settled(vms, books, child):
            fresh = await self._fresh(vms, books, child)
        code = await child.stop()
        report = self._report(vms, books)
        report.properties += [fresh, self.looking.judged()]
        if code != 0:
            report.notes.append(f"the bridge ended with {code}: {child.tail()}")
            raise ChildFailed(report.text())
        report.properties += await books.of_the_journal(layout.journal, vms.record)
        self.again = books.again
        return report

    async def _heard(self, child: Child, layout: Layout) -> None:
        """Until all that is said on any way from now on is owed."""
        async with asyncio.timeout(WITHIN):
            while not await asyncio.to_thread(self._has_heard, layout.journal / NAME):
                if not child.alive:
                    raise ChildFailed(f"the bridge ended by itself\n{child.tail(40)}")
                await asyncio.sleep(0.1)

    def _has_heard(self, door: Path) -> bool:
        with contextlib.suppress(CallFailed, DoorError, Nobody), Client(door) as client:
            status = cast(Mapping[str, Any], client.ask("/status"))
            return all(way.heard(status) for way in self.ways)
        return False

    def _watch(self, vms: SimulatedVxg) -> None:
        respond = vms.server.respond

        def watching(asked: Asked, connection: Connection) -> None:
            self.looking.asked(asked)
            respond(asked, connection)

        vms.server.respond = watching

    async def _bad_days(self, child: Child, vms: SimulatedVxg, numbers: Mapping[str, int], layout: Layout) -> None:
        chance = self._chance
        for kill in range(1, self._kills + 1):
            if kill % QUIET_EVERY == QUIET_EVERY // 2:
                await asyncio.sleep(QUIET)
            elif kill % QUIET_EVERY == QUIET_EVERY - 1:
                name = chance.choice(list(numbers))  # somebody gives a camera another token
                write_secrets(layout.secrets, {name: vms.rotate(numbers[name])})
            await asyncio.sleep(chance.uniform(0.0, 1.2))
            if not child.alive:
                raise ChildFailed(f"the bridge ended by itself\n{child.tail(40)}")
            await child.kill()
            self.killed["at work"] += 1
            if chance.random() < 0.15 and self.killed.total() < self._kills:
                await self._kill_while_starting(child)
            if self.killed.total() == self._kills:
                return
            await child.start()

    async def _kill_while_starting(self, child: Child) -> None:
        starting = asyncio.create_task(child.start())
        await asyncio.wait([starting], timeout=self._chance.uniform(0.1, 0.5))
        await child.kill()
        with contextlib.suppress(ChildFailed):
            await starting
            await child.kill()  # it was quicker
        self.killed["while starting"] += 1

    def _missing(self, vms: SimulatedVxg, books: Books) -> bool:
        """Takes seconds where very much was said: in a thread, since the VMS has to answer meanwhile."""
        return bool(self._report(vms, books).broken(ledger.ARRIVES))

    def _report(self, vms: SimulatedVxg, books: Books) -> Report:
        return books.report(vms.record, sum(way.least for way in self.ways) * self._kills)

    async def _settled(self, vms: SimulatedVxg, books: Books, child: Child) -> bool:
        """Wait until all that was acknowledged has arrived; False when nothing comes any more and it has not."""
        before, since = -1, time.monotonic()
        while True:
            count = len(vms.record)
            if count != before:
                before, since = count, time.monotonic()
            elif not await asyncio.to_thread(self._missing, vms, books):
                return True
            elif time.monotonic() > since + STALLED:
                return False
            if not child.alive:
                raise ChildFailed(f"the bridge ended by itself\n{child.tail(40)}")
            await asyncio.sleep(0.5)

    async def _fresh(self, vms: SimulatedVxg, books: Books, child: Child) -> Property:
        """Once more from each sensor."""
        before = len(vms.record)
        for way in self.ways:
            await way.fresh()
        wanted = sum(map(len, all_cameras(self.ways).values()))
        await self._settled(vms, books, child)
        arrived = len(vms.record) - before
        fresh = Property(FRESH, wanted)
        if arrived < wanted:
            fresh.broken.append(f"{arrived} events of {wanted} came")
        return fresh

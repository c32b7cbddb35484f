"""A bridge under load that is killed again and again: the site, the senders, the VMS on a bad day, and the books."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bridge.clock import SystemClock
from bridge.journal.contract import DeliveryRecord, EventRecord, Journal, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Action, SiteId
from bridge.simulator import ledger
from bridge.simulator.arrivals import from_vxg
from bridge.simulator.demo.child import Child, ChildFailed
from bridge.simulator.demo.site import free_port
from bridge.simulator.http_server import Asked, Connection
from bridge.simulator.issued import Log
from bridge.simulator.journal_ledger import journal_properties
from bridge.simulator.ledger import Arrival, Property, Report
from bridge.simulator.load import Load, LoadSettings
from bridge.simulator.readers import Reader, ReaderSettings, Way
from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vehicles import Timing
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.vxg.faults import Kind, every_kind
from bridge.simulator.vxg.routes import EVENTS

SENSORS, SENDERS, CAMERAS = 200, 4, 8
RATE = 200.0
"""Messages a second, over all senders."""
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
LEAST_BY_KILL = 60
"""Messages that must have been issued for each kill, or there was nothing to lose."""
STALLED = 20.0
"""Seconds in which nothing arrives, although something is missing, after which it will not come."""

MULTIPLIED = "deliveries are events times cameras"
FRESH = "a fresh event passes after the faults"


class Layout(msgspec.Struct, frozen=True):
    folder: Path
    port: int
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


def sensors() -> list[str]:
    return [f"reader-{index:03d}" for index in range(SENSORS)]


def cameras_of(index: int) -> list[str]:
    """Every fifth sensor stands on two."""
    first = f"gate-{index % CAMERAS}"
    return [first, f"gate-{(index + 1) % CAMERAS}"] if index % 5 == 0 else [first]


def all_cameras() -> dict[str, list[str]]:
    return {sensor: cameras_of(index) for index, sensor in enumerate(sensors())}


def site_yaml(layout: Layout, numbers: Mapping[str, int]) -> str:
    lines = [
        "version: 1",
        "site: {name: Kill yard}",
        "vms:",
        f"  cloud: {{type: vxg, url: '{layout.vms}', allow_http: true, connections: 32, alarm_connections: 8,"
        f" timeout: {TIMEOUT} s, settle_after: {SETTLE} s}}",
        "cameras:",
        *(f"  {name}: {{vms: cloud, id: {number}, token: secret:{name}}}" for name, number in numbers.items()),
        "connectors:",
        f"  lpr: {{type: http, bind: '127.0.0.1:{layout.port}'}}",
        "sensors:",
        *(
            f"  {sensor}: {{profile: cammra, connector: lpr, address: {{path: /s/{sensor}}},"
            f" cameras: [{', '.join(cameras)}]}}"
            for sensor, cameras in all_cameras().items()
        ),
    ]
    return "\n".join(lines) + "\n"


def loads(port: int, log: Log) -> list[Load]:
    """Half of the senders post bare JSON, half forms with a picture; every fourth vehicle is on the block list."""
    names, half = sensors(), SENSORS // 2

    def settings(sensors: Sequence[str], way: Way, first: int) -> LoadSettings:
        return LoadSettings(
            host="127.0.0.1", port=port, sensors=sensors, senders=SENDERS // 2, rate=RATE / 2, way=way,
            alarm_every=4, picture_bytes=2_000 if way is Way.MULTIPART else 0, first=first, timeout=5.0,
        )  # fmt: skip

    plain, forms = settings(names[:half], Way.JSON, 0), settings(names[half:], Way.MULTIPART, 1_000_000)
    return [Load(plain, log), Load(forms, log)]


class KillRun:
    """``kills`` times, at moments drawn from ``seed``. ``hits``: how often the VMS did what; ``searches``: how often it
    was asked whether it has an event."""

    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self._folder = folder
        self._kills = kills
        self._seed = seed
        self._chance = random.Random(seed)
        self.log = Log()
        self.killed = Counter[str]()
        """How often at work, and how often while it started."""
        self.hits: Mapping[Kind, int] = {}
        self.searches = 0

    async def run(self) -> Report:
        """Raises ChildFailed when the bridge ends by itself or does not start."""
        async with SimulatedVxg(CAMERAS, seed=self._seed, search_lag=SEARCH_LAG) as vms:
            layout = Layout(self._folder, free_port(), vms.base_url)
            self._count_searches(vms)
            numbers = {f"gate-{index}": number for index, number in enumerate(vms.tokens)}
            layout.site.write_text(site_yaml(layout, numbers))
            write_secrets(layout.secrets, {name: vms.tokens[number] for name, number in numbers.items()})
            words = ["run", str(layout.site), "--secrets", str(layout.secrets), "--journal", str(layout.journal)]
            child = Child([*words, "--log-level", "warning"], layout.folder / "bridge.log")
            try:
                await child.start()
                for fault in every_kind(FAULTY, seconds=LATE):
                    vms.faults.add(fault)
                async with driving(loads(layout.port, self.log)):
                    await self._bad_days(child, vms, numbers, layout)
                    self.hits = dict(vms.faults.hits)
                    vms.faults.clear()
                    # A camera whose token was refused is parked for half a minute; a start tries it at once.
                    await child.start()
                fresh = Property(FRESH, 1, ["not tried: what came before did not arrive"])
                if await self._settled(vms, numbers, child):
                    fresh = await self._fresh(vms, numbers, child, layout)
                code = await child.stop()
                report = self._report(vms, numbers)
                report.properties.append(fresh)
                if code != 0:
                    report.notes.append(f"the bridge ended with {code}: {child.tail()}")
                    raise ChildFailed(report.text())
                arrivals = self._arrivals(vms, numbers)
                report.properties += await books(layout.journal, self.log, arrivals)
                return report
            finally:
                await child.kill()

    def _count_searches(self, vms: SimulatedVxg) -> None:
        respond = vms.server.respond

        def counting(asked: Asked, connection: Connection) -> None:
            self.searches += asked.method == "GET" and asked.path == EVENTS
            respond(asked, connection)

        vms.server.respond = counting

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

    def _arrivals(self, vms: SimulatedVxg, numbers: Mapping[str, int]) -> list[Arrival]:
        return from_vxg(vms.record, {number: name for name, number in numbers.items()})

    def _report(self, vms: SimulatedVxg, numbers: Mapping[str, int]) -> Report:
        least = LEAST_BY_KILL * self._kills
        return ledger.compare(self.log, self._arrivals(vms, numbers), all_cameras(), least=least)

    async def _settled(self, vms: SimulatedVxg, numbers: Mapping[str, int], child: Child) -> bool:
        """Wait until all that was acknowledged has arrived; False when nothing comes any more and it has not."""
        before, since = -1, time.monotonic()
        while True:
            count = len(vms.record)
            if count != before:
                before, since = count, time.monotonic()
            elif not self._report(vms, numbers).broken(ledger.ARRIVES):
                return True
            elif time.monotonic() > since + STALLED:
                return False
            if not child.alive:
                raise ChildFailed(f"the bridge ended by itself\n{child.tail(40)}")
            await asyncio.sleep(0.5)

    async def _fresh(self, vms: SimulatedVxg, numbers: Mapping[str, int], child: Child, layout: Layout) -> Property:
        """One vehicle more passes each reader."""
        before = len(vms.record)
        readers = [
            Reader(
                ReaderSettings(
                    sensor=sensor, way=Way.JSON, host="127.0.0.1", port=layout.port, path=f"/s/{sensor}",
                    serial=f"B8A44FFF{index:04X}", first=2_000_001 + index, vehicles=1, states=("reliable",),
                    timing=Timing().faster(100),
                ),
                self.log,
            )
            for index, sensor in enumerate(sensors())
        ]  # fmt: skip
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for reader in readers:
                group.create_task(reader.run(stop, drain=20.0))
        wanted = sum(map(len, all_cameras().values()))
        await self._settled(vms, numbers, child)
        arrived = len(vms.record) - before
        fresh = Property(FRESH, wanted)
        if arrived < wanted:
            fresh.broken.append(f"{arrived} events of {wanted} came")
        return fresh


@contextlib.asynccontextmanager
async def driving(loads: Sequence[Load]) -> AsyncIterator[None]:
    """The load runs inside; at the end everything that was made is sent until it is acknowledged."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(load.run()) for load in loads]
        try:
            yield
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
        for load in loads:
            load.stop()
        async with asyncio.timeout(60):
            await asyncio.wait(tasks)


async def books(folder: Path, log: Log, arrivals: Sequence[Arrival]) -> list[Property]:
    """What the journal itself says, opened when the bridge has gone."""
    journal = await SqliteJournal.open(folder, site=SiteId("kill-yard"), node="test", clock=SystemClock())
    try:
        return [*await journal_properties(log, journal, arrivals), await multiplied(journal)]
    finally:
        await journal.close()


async def multiplied(journal: Journal) -> Property:
    """Each event of a sensor has one delivery to each of its cameras, and there is no other."""
    found = Property(MULTIPLIED)
    expected: set[tuple[str, int, str]] = set()
    everything = 10_000_000
    cameras = all_cameras()
    async for record in journal.read(Query(what="events", limit=everything)):
        assert isinstance(record, EventRecord)
        event = record.event
        if not event.withheld:
            expected.update((event.id, event.revision, camera) for camera in cameras[event.sensor])
    there: Counter[tuple[str, int, str]] = Counter()
    async for record in journal.read(Query(what="deliveries", limit=everything)):
        assert isinstance(record, DeliveryRecord)
        there[record.event, record.revision, record.camera] += 1
        if (record.action is Action.RAISE) != (record.revision == 0):
            found.broken.append(f"{record.action.value} of revision {record.revision} of {record.event}")
    found.checked = len(expected)
    found.broken += [f"{each} is missing" for each in expected - there.keys()]
    found.broken += [f"{each} is one too many" for each in there.keys() - expected]
    found.broken += [f"{each} is there {times} times" for each, times in there.items() if times > 1]
    return found

"""Plate readers by HTTP, which send again until they are answered, and by TCP, which send into the dark."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from bridge.simulator.ledger import Arrival, Vehicle
from bridge.simulator.load import Load, LoadSettings
from bridge.simulator.readers import Reader, ReaderSettings
from bridge.simulator.readers import Way as By
from bridge.simulator.uplink import TcpUplink
from bridge.simulator.vehicles import Timing
from tests.faults.ways.way import WITHIN, Way
from tests.free_port import free_port

POSTING, SENDERS, RATE = 160, 4, 120.0
"""Sensors by HTTP, the connections that carry them, and messages a second over all of these."""
LINES, EVERY = 6, 0.4
"""Sensors by TCP, and seconds between two vehicles of each."""
QUICK = Timing().faster(100)


class Plates(Way):
    port: int

    def thing(self, sensor: str, values: Mapping[str, str]) -> Vehicle | None:
        serial, car = values.get("serial", ""), values.get("vehicle", "")
        return (sensor, serial, int(car)) if car.isdecimal() else None

    @contextlib.asynccontextmanager
    async def peers(self, folder: Path) -> AsyncIterator[None]:
        self.port = free_port()
        yield


class Posted(Plates):
    """Half of the senders post bare JSON, half forms with a picture; every fourth vehicle is on the block list."""

    name, least = "lpr", 5
    reasons: ClassVar[Mapping[str, tuple[str, ...]]] = {"duplicate": ("the same was said in ",)}

    def __init__(self, rate: float = RATE) -> None:
        super().__init__()
        self._rate = rate
        self.sensors = {f"reader-{index:03d}": "" for index in range(POSTING)}
        self.sensors = {name: f"profile: cammra, address: {{path: /s/{name}}}" for name in self.sensors}

    def settings(self) -> str:
        return f"{{type: http, bind: '127.0.0.1:{self.port}'}}"

    def speaking(self) -> contextlib.AbstractAsyncContextManager[None]:
        return driving(self._loads())

    def _loads(self) -> list[Load]:
        names, half = list(self.sensors), POSTING // 2

        def settings(sensors: Sequence[str], by: By, first: int) -> LoadSettings:
            return LoadSettings(
                host="127.0.0.1", port=self.port, sensors=sensors, senders=SENDERS // 2, rate=self._rate / 2, way=by,
                alarm_every=4, picture_bytes=2_000 if by is By.MULTIPART else 0, first=first, timeout=5.0,
            )  # fmt: skip

        plain, forms = settings(names[:half], By.JSON, 0), settings(names[half:], By.MULTIPART, 1_000_000)
        return [Load(plain, self.log), Load(forms, self.log)]

    async def fresh(self) -> None:
        readers = [
            Reader(
                ReaderSettings(
                    sensor=sensor, way=By.JSON, host="127.0.0.1", port=self.port, path=f"/s/{sensor}",
                    serial=f"B8A44FFF{index:04X}", first=2_000_001 + index, vehicles=1, states=("reliable",),
                    timing=QUICK,
                ),
                self.log,
            )
            for index, sensor in enumerate(self.sensors)
        ]  # fmt: skip
        await _passing(readers)

    @property
    def noticed(self) -> int:
        return self.log.cut


class Pushed(Plates):
    """By TCP nothing is acknowledged: what was written last before the bridge was killed may be gone, and is counted
    apart. What comes on one connection is kept in order: all up to the last that arrived is owed, and all of a
    connection that the bridge did not break."""

    name, least = "cable", 5
    reasons: ClassVar[Mapping[str, tuple[str, ...]]] = {"duplicate": ("the same was said in ",)}

    def __init__(self) -> None:
        super().__init__()
        self.sensors = {
            f"line-{index}": f"profile: cammra, address: {{identity: {{device: line-{index}}}}}"
            for index in range(LINES)
        }
        self.log.excuse_cuts = False
        self._readers: dict[str, Reader] = {}

    def settings(self) -> str:
        return f"{{type: tcp, bind: '127.0.0.1:{self.port}'}}"

    def _reader(self, index: int, turn: int, vehicles: int | None) -> Reader:
        settings = ReaderSettings(
            sensor=f"line-{index}", way=By.TCP, host="127.0.0.1", port=self.port, device=f"line-{index}",
            serial=f"B8A44FE{turn}{index:04X}", first=3_000_000 + turn * 1_000_000 + index * 100_000, every=EVERY,
            begins=EVERY * index / LINES, vehicles=vehicles, states=("reliable",), timing=QUICK, block_every=4,
        )  # fmt: skip
        reader = self._readers[settings.serial] = Reader(settings, self.log)
        return reader

    @contextlib.asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        readers = [self._reader(index, 0, None) for index in range(LINES)]
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each.run(stop, drain=WITHIN)) for each in readers]
            with _all_cancelled(tasks):
                yield
            stop.set()

    async def fresh(self) -> None:
        await _passing([self._reader(index, 1, 1) for index in range(LINES)])

    def owed(self, arrivals: Sequence[Arrival]) -> None:
        there = {arrival.vehicle for arrival in arrivals}
        behind: set[tuple[str, int]] = set()
        """Connections of which one that came later has arrived."""
        for issued in reversed(self.log.issued):
            uplink = self._readers[issued.serial].uplink
            assert isinstance(uplink, TcpUplink)
            connection = (issued.serial, issued.connection)
            if issued.vehicle in there:
                behind.add(connection)
            issued.unsure = issued.connection in uplink.broken and connection not in behind

    @property
    def noticed(self) -> int:
        return self.log.cut


async def _passing(readers: Sequence[Reader]) -> None:
    """One vehicle passes each."""
    stop = asyncio.Event()
    async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(reader.run(stop, drain=WITHIN))


@contextlib.contextmanager
def _all_cancelled(tasks: Sequence[asyncio.Task[None]]) -> Iterator[None]:
    """When what goes on besides has failed."""
    try:
        yield
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


@contextlib.asynccontextmanager
async def driving(loads: Sequence[Load]) -> AsyncIterator[None]:
    """The load runs inside; at the end everything that was made is sent until it is acknowledged."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(load.run()) for load in loads]
        with _all_cancelled(tasks):
            yield
        for load in loads:
            load.stop()
        async with asyncio.timeout(WITHIN):
            await asyncio.wait(tasks)

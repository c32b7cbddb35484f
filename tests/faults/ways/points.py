"""Points of a Modbus device (pyModbusTCP's server) that change when they like, whether or not the bridge is there.

A change cannot be acknowledged, but what the device answered is on record: so it is known which changes the bridge can
have seen, and which of them it must have kept. Each point is two neighbouring registers, read by one question: whether
it is on, and the number of its last change, which is told with its event.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from bridge.simulator.issued import Issued
from bridge.simulator.ledger import Arrival, Property, Vehicle
from tests.connectors.modbus_devices import Panel
from tests.faults.ways.way import Way

POINTS, RATE, POLL = 24, 16.0, 0.1
"""How many, changes a second over all of them, and seconds between two polls."""
TWICE = 0.1
"""Of the changes are taken back at once: nobody can have seen them."""
UNIT = 3
TURNS = "each event of a point is a change it read"


class Device(Panel):
    """``answered``: by connection, for each point the numbers of the changes it was told, each once. It is known by the
    server's own object: among hundreds of connections two may come from the same port."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.answered: dict[object, list[list[int]]] = {}
        self._points = points
        self._writing = threading.Lock()

    def turn(self, point: int, number: int) -> None:
        """It has changed so many times now, and is on after each odd one."""
        self.holding(number % 2, number, at=2 * point)

    def read_h_regs(self, address: int, count: int, srv_info: Any) -> Any:
        found = super().read_h_regs(address, count, srv_info)
        if found.ok:
            self._write_down(srv_info.client, address, found.data)
        return found

    def _write_down(self, connection: object, address: int, registers: Sequence[int]) -> None:
        with self._writing:
            seen = self.answered.setdefault(connection, [[] for _ in range(self._points)])
            for point in range(self._points):
                place = 2 * point + 1 - address
                if 0 < place < len(registers) and (not seen[point] or seen[point][-1] != registers[place]):
                    seen[point].append(registers[place])

    def told(self, point: int) -> list[list[int]]:
        """The numbers it answered, connection by connection."""
        with self._writing:
            return [list(seen[point]) for seen in self.answered.values() if seen[point]]


def owed(told: Sequence[Sequence[int]], reported: Collection[int], stands: int) -> set[int]:
    """The changes of a point that must be events, where ``reported`` are.

    ``told``: by connection, what the device answered; ``stands``: the last change, which the bridge has had all the
    time to read. On each connection the bridge keeps what it reads in order, until it is killed: so all up to the last
    that is reported, and none that turns nothing. Even numbers are off, and off is how it began.
    """
    found: set[int] = set()
    last = 0
    for turn, numbers in enumerate(told):
        next_begins = told[turn + 1][0] if turn + 1 < len(told) else stands + 1
        expected: list[int] = []
        for number in numbers:
            if number % 2 != (expected[-1] if expected else last) % 2:
                expected.append(number)
        kept = [
            place
            for place, number in enumerate(expected)
            # What still stood on the next connection may have been kept on that one, and those before it on none.
            if number in reported and (number < next_begins or not place or expected[place - 1] in reported)
        ]
        if kept:
            found.update(expected[: kept[-1] + 1])
            last = expected[kept[-1]]
    return found | {stands} if stands % 2 != last % 2 else found


class Turned(Way):
    name, least = "plant", 3
    reasons: ClassVar[Mapping[str, tuple[str, ...]]] = {"filtered": ("profile: state at start",)}

    def __init__(self, seed: int, rate: float = RATE) -> None:
        super().__init__()
        self._rate = rate
        self.sensors = {
            f"point-{index}": "profile: contact, rules: [chatter: 'off'],"
            f" address: {{holding_register: {2 * index}, unit: {UNIT}, of: {_of(index)},"
            f" values: {{change: {{holding_register: {2 * index + 1}}}}}}}"
            for index in range(POINTS)
        }
        self.device = Device(POINTS)
        self._chance = random.Random(f"points {seed}")
        self._changes = [0] * POINTS
        self._judged: list[str] = []
        self._reported = 0

    def settings(self) -> str:
        return f"{{type: modbus, host: 127.0.0.1, port: {self.device.port}, poll: {POLL:g} s}}"

    def thing(self, sensor: str, values: Mapping[str, str]) -> Vehicle | None:
        change = values.get("change", "")
        return (sensor, values.get("register", ""), int(change)) if change.isdecimal() else None

    @contextlib.asynccontextmanager
    async def peers(self, folder: Path) -> AsyncIterator[None]:
        for point in range(POINTS):
            self.device.turn(point, 0)
        self.device.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self.device.stop)

    def heard(self, status: Mapping[str, Any]) -> bool:
        """How each point stood when we came is kept: what changes from now on is an event."""
        return super().heard(status) and status["items"].get("filtered", 0) >= POINTS

    @contextlib.asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._turn_on(stop))
            yield
            stop.set()

    async def _turn_on(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            point = self._chance.randrange(POINTS)
            for _ in range(2 if self._chance.random() < TWICE else 1):
                self._turn(point)
            await asyncio.sleep(self._chance.uniform(0.0, 2 / self._rate))

    def _turn(self, point: int) -> None:
        self._changes[point] += 1
        number = self._changes[point]
        self.log.add(
            Issued(
                sensor=f"point-{point}",
                serial=str(2 * point),
                car=number,
                raises=True,
                attempts=1,
                unsure=True,
                state="active" if number % 2 else "restored",
                number=self.log.next_number(f"point-{point}"),
                urgency="alarm" if _of(point) == "leak" else "notice",
                expect={"state": "active" if number % 2 else "restored", "change": str(number)},
            )
        )
        self.device.turn(point, number)

    async def fresh(self) -> None:
        for point in range(POINTS):
            self._turn(point)

    @property
    def noticed(self) -> int:
        return len(self.device.answered) - 1

    def owed(self, arrivals: Sequence[Arrival]) -> None:
        reported: dict[str, set[int]] = {sensor: set() for sensor in self.sensors}
        for arrival in arrivals:
            if arrival.vehicle is not None and arrival.vehicle[0] in reported:
                reported[arrival.vehicle[0]].add(arrival.vehicle[2])
        must = {
            f"point-{point}": owed(self.device.told(point), reported[f"point-{point}"], self._changes[point])
            for point in range(POINTS)
        }
        for issued in self.log.issued:
            issued.acknowledged = issued.car in must[issued.sensor]
            issued.unsure = not issued.acknowledged
        self._reported = sum(map(len, reported.values()))
        self._judged = [
            f"{sensor} told of change {number}, which turned nothing that was told before"
            for sensor, numbers in reported.items()
            for number in sorted(numbers - must[sensor])
        ]

    def judged(self, arrivals: Sequence[Arrival]) -> Sequence[Property]:
        return [Property(TURNS, self._reported, list(self._judged))]

    def stands(self, point: int) -> int:
        """The number of its last change."""
        return self._changes[point]

    def apart(self) -> str:
        answered = {
            (point, number) for point in range(POINTS) for numbers in self.device.told(point) for number in numbers
        }
        read = sum(1 for each in self.log.issued if (int(each.serial) // 2, each.car) in answered)
        return (
            f"{len(self.log.issued):,} changes of points: {read:,} were read, the others came and went between two "
            f"questions or while nobody asked; {self._reported:,} are events"
        )


def _of(point: int) -> str:
    """Every third is an alarm."""
    return "leak" if point % 3 == 0 else "door"

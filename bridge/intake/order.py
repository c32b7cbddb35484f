"""The order of each sensor's messages while one of them is decided piece by piece: those behind it wait in line."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from bridge.journal.contract import JournalError
from bridge.model import SensorId

PATIENCE = 30.0
"""Seconds that a message waits for one before it to be decided to the end; then its sender is told "later"."""


class Place:
    """Where a message waits until those of its sensors that came before are decided to the end."""

    __slots__ = ("sensors", "woken")

    def __init__(self, sensors: frozenset[SensorId]) -> None:
        self.sensors = sensors
        self.woken = asyncio.Event()


class Order:
    """Who holds a sensor (a message of it is decided in part), and who waits for that."""

    def __init__(self) -> None:
        self._holders: dict[SensorId, object] = {}
        self._lines: dict[SensorId, deque[Place]] = {}
        """Who waits, by sensor, in the order they came; a sensor for whom nobody waits is not there."""

    def hold(self, sensors: Iterable[SensorId], holder: object) -> None:
        """From now on these sensors' messages wait."""
        for sensor in sensors:
            self._holders[sensor] = holder

    def let_go(self, holder: object) -> None:
        """It holds nothing any more; call ``wake`` when nobody else does in its stead."""
        self._holders = {sensor: each for sensor, each in self._holders.items() if each is not holder}

    def must_wait(self, sensors: Iterable[SensorId], place: Place | None) -> bool:
        """Whether an earlier message of any of these is not decided to the end, or others already wait for one.
        ``place``: where this one waits, if it does."""
        if place is not None:
            return not self._is_first(place)
        lines = self._lines
        return bool(self._holders or lines) and any(each in self._holders or each in lines for each in sensors)

    def line_up(self, sensors: Iterable[SensorId]) -> Place:
        """Behind all that wait for these sensors; ``leave`` in any case."""
        place = Place(frozenset(sensors))
        for sensor in place.sensors:
            self._lines.setdefault(sensor, deque()).append(place)
        return place

    async def turn(self, place: Place) -> None:
        """Wait until it is this one's turn. Raises JournalError when that takes too long."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not self._is_first(place):
                    place.woken.clear()
                    await place.woken.wait()
        except TimeoutError:
            raise JournalError("an earlier message of this sensor is still being decided") from None

    def leave(self, place: Place) -> None:
        """It is decided, or given up: the next may go."""
        for sensor in place.sensors:
            line = self._lines.get(sensor)
            if line is None or place not in line:
                continue
            line.remove(place)
            if not line:
                del self._lines[sensor]
        self._wake(place.sensors)

    def wake(self) -> None:
        """Whoever is the first in a line that nobody holds up any more may go."""
        self._wake([*self._lines])

    def _is_first(self, place: Place) -> bool:
        return not any(each in self._holders or self._lines[each][0] is not place for each in place.sensors)

    def _wake(self, sensors: Iterable[SensorId]) -> None:
        for sensor in sensors:
            if sensor in self._lines and sensor not in self._holders:
                self._lines[sensor][0].woken.set()

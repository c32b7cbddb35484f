"""Devices whose clock is wrong: several messages in a row, each off by about as much. Pure but for the conditions.

A device that was cut off and sends what it kept tells old times too, and its clock is right: it sends them fast, and
they differ. So a clock behind ours is called wrong only when its messages stay behind by the same for a while. One
ahead of ours is wrong at once: no message comes from the future.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.model import SensorId
from bridge.supervision.conditions import Conditions
from bridge.supervision.kinds import CLOCK, NO_LONGER_WATCHED
from bridge.supervision.silence import spoken

SEVERAL = 3
"""Messages in a row, for wrong and for right."""


class _Clock(msgspec.Struct):
    offset: float = 0.0
    since: float = 0.0
    wrong: int = 0
    right: int = 0


class DeviceClocks:
    """``watch`` says how many seconds each sensor's clock may differ."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._limits: Mapping[SensorId, float] = {}
        self._clocks: dict[SensorId, _Clock] = {}

    def watch(self, limits: Mapping[SensorId, float]) -> None:
        for sensor in [each for each in self._clocks if each not in limits]:
            del self._clocks[sensor]
            self._conditions.end(f"{CLOCK} {sensor}", NO_LONGER_WATCHED)
        self._limits = limits

    def watches(self, sensor: SensorId) -> bool:
        return sensor in self._limits

    def said(self, sensor: SensorId, offset: float, now: float) -> None:
        """A message of this sensor: device minus arrival in seconds; ``now`` monotonic. Called on the hot path."""
        limit = self._limits.get(sensor)
        if limit is None:
            return
        clock = self._clocks.get(sensor)
        if clock is None:
            clock = self._clocks[sensor] = _Clock()
        if abs(offset) <= limit:
            clock.wrong = 0
            clock.right += 1
            if clock.right == SEVERAL:
                self._conditions.end(f"{CLOCK} {sensor}", "is right again")
            return
        clock.right = 0
        if not clock.wrong or abs(offset - clock.offset) > limit:
            clock.wrong, clock.offset, clock.since = 0, offset, now
        clock.wrong += 1
        if clock.wrong >= SEVERAL and (offset > 0 or now - clock.since >= 2 * limit):
            way = "ahead" if offset > 0 else "behind"
            self._conditions.begin(f"{CLOCK} {sensor}", f"{spoken(round(abs(offset)))} {way}, allowed {spoken(limit)}")

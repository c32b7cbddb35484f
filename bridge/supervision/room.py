"""How much room the journal has, and for how long at the rate at which it grows. Pure but for the conditions."""

from __future__ import annotations

import math
from collections import deque

from bridge.supervision.conditions import Conditions

MEASURED = 1800.0
"""Seconds of growth that have to be known before it is judged: shorter ones mostly see the log being copied."""
REMEMBERED = 3600.0
FRESH = 3600.0
"""Seconds that something may have waited for its VMS before what was delivered cannot be counted on to make room."""
_DISK, _BUFFER = "disk journal", "buffer journal"


class Room:
    """``disk_low``: bytes free below which the disk is low. ``buffer_short``: seconds below which the time until the
    journal takes nothing new is short. ``limit``, ``reserve``: bytes, as the journal has them."""

    def __init__(self, conditions: Conditions, disk_low: int, buffer_short: float, limit: int, reserve: int) -> None:
        self._conditions = conditions
        self._disk_low = disk_low
        self._buffer_short = buffer_short
        self._limit = limit
        self._reserve = reserve
        self._taken: deque[tuple[float, int]] = deque()

    def change(self, disk_low: int, buffer_short: float) -> None:
        self._disk_low, self._buffer_short = disk_low, buffer_short

    def measured(self, taken: int, free: int, now: float, waits: float = math.inf) -> None:
        """Bytes the journal takes and bytes free where it is; ``now`` monotonic. ``waits``: how long (seconds) what has
        waited longest for its VMS. While that is not long the journal makes room by itself within its limit."""
        if free < self._disk_low:
            self._conditions.begin(_DISK, f"{_size(free)} are free, {_size(self._disk_low)} should be")
        elif free >= self._disk_low * 1.2:
            self._conditions.end(_DISK, "has room again")
        self._taken.append((now, taken))
        while self._taken[-1][0] - self._taken[0][0] > REMEMBERED:
            self._taken.popleft()
        room = free - self._reserve if waits <= FRESH else min(self._limit - taken, free - self._reserve)
        left = self._left(room)
        if left is None or left >= self._buffer_short * 1.5:
            self._conditions.end(_BUFFER, "has room for long again")
        elif left < self._buffer_short:
            why = f"room for {left / 3600:.1f} h at the rate of the last hour ({_size(max(room, 0))})"
            self._conditions.begin(_BUFFER, why)

    def _left(self, room: int) -> float | None:
        """Seconds until only alarms are taken; None while it does not grow or that is not known yet."""
        if room <= 0:
            return 0.0
        first, before = self._taken[0]
        span = self._taken[-1][0] - first
        growth = self._taken[-1][1] - before
        return room * span / growth if span >= MEASURED and growth > 0 else None


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"

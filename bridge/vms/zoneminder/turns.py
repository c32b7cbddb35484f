"""One delivery at a time on a monitor, from forcing its alarm until that was seen: a second text that came between two
pictures would overwrite the first in the memory ZoneMinder's processes share [2]."""

from __future__ import annotations

import asyncio

from bridge.vms.http.pool import Pool


class Turns:
    """Alarms go first. A turn that nobody gives back ends by itself after ``longest`` seconds."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._pools: dict[int, Pool] = {}
        self._taken: dict[int, tuple[object, bool, asyncio.TimerHandle]] = {}

    async def take(self, monitor: int, holder: object, urgent: bool, seconds: float) -> None:
        """Wait for it, ``seconds`` at most. Raises NotSent."""
        loop = asyncio.get_running_loop()
        pool = self._pools.get(monitor)
        if pool is None:
            pool = self._pools[monitor] = Pool(loop, 1, 0)
        taken = self._taken.get(monitor)
        if taken is not None and taken[0] == holder:
            return
        if not pool.enter(urgent):
            await pool.wait(urgent, seconds)
        timer = loop.call_later(self._longest, self.give, monitor, holder)
        self._taken[monitor] = holder, urgent, timer

    def give(self, monitor: int, holder: object) -> None:
        """Give it back; nothing happens when ``holder`` has it no more."""
        taken = self._taken.get(monitor)
        if taken is None or taken[0] != holder:
            return
        del self._taken[monitor]
        taken[2].cancel()
        self._pools[monitor].leave(taken[1])

    def close(self) -> None:
        for _, _, timer in self._taken.values():
            timer.cancel()
        self._taken.clear()

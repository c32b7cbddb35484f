"""Whether the pipeline moves: every few seconds a beat goes the way a message goes, without being one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from bridge.clock import Clock

log = logging.getLogger("bridge.pulse")

EVERY = 5.0
STUCK_AFTER = 30.0
"""Seconds after the last beat that came through; a disk that takes longer than that to sync is no disk to run on."""


class Pulse:
    """``steps``: what a beat passes, by name, in order. A step that never returns is what this is there to find."""

    def __init__(self, clock: Clock, steps: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        self._clock = clock
        self._steps = steps
        self._at = next(iter(steps), "")
        self._last = clock.now().monotonic

    async def run(self) -> None:
        """Beat until cancelled. A step may raise what ends the service; anything it can bear it has to catch."""
        while True:
            for name, step in self._steps.items():
                self._at = name
                await step()
            self._last = self._clock.now().monotonic
            await self._clock.sleep(EVERY)

    @property
    def stuck(self) -> str:
        """Where a beat is held up, and for how long; "" while they come through."""
        silent = self._clock.now().monotonic - self._last
        return f"{self._at} has not answered for {silent:.0f} s" if silent > STUCK_AFTER else ""

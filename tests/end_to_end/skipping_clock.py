"""A clock that goes on as ever and can be put forward: days pass in a moment, and whoever sleeps through them wakes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bridge.clock import SystemClock
from bridge.model import Instant


class SkippingClock(SystemClock):
    def __init__(self) -> None:
        self._skipped = 0.0
        self._moved = asyncio.Event()

    def now(self) -> Instant:
        real = super().now()
        return Instant(real.utc + timedelta(seconds=self._skipped), real.monotonic + self._skipped)

    async def sleep(self, seconds: float) -> None:
        end = self.now().monotonic + seconds
        while (left := end - self.now().monotonic) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._moved.wait()
            except TimeoutError:
                return

    def skip(self, seconds: float) -> None:
        self._skipped += seconds
        self._moved.set()
        self._moved = asyncio.Event()

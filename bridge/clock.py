"""The one place that reads clocks, so that tests can hold time in their hand."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

from bridge.model import Instant


class Clock(Protocol):
    def now(self) -> Instant:
        """This moment on both clocks."""

    async def sleep(self, seconds: float) -> None:
        """Wait on the monotonic clock."""


class SystemClock:
    def now(self) -> Instant:
        return Instant(datetime.now(UTC), time.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

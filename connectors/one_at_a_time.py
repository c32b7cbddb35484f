"""Submitting what a device was asked for, one message at a time: it is asked again when the last one is kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

from bridge.model import Message, Receipt
from connectors.base import Intake
from connectors.in_order import jittered

FINISH_WITHIN = 5.0
"""Seconds that a message which was submitted gets to be kept when the connector is stopped."""

_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 0.01


class OneAtATime:
    """``counts``: ``messages`` kept, ``again``: times the intake said later and was waited for."""

    def __init__(self, intake: Intake, counts: Counter[str]) -> None:
        self._intake = intake
        self._counts = counts
        self._task: asyncio.Task[Receipt] | None = None
        self._group: asyncio.TaskGroup | None = None

    async def run(self, asking: Awaitable[None]) -> None:
        """``asking``, which calls ``keep``, until it is cancelled: to stop is to finish what is in flight, and then to
        return."""
        async with asyncio.TaskGroup() as self._group:
            try:
                await asking
            except asyncio.CancelledError:
                pass
            finally:
                await self._finish(FINISH_WITHIN)

    async def keep(self, message: Message) -> None:
        """Returns when it is durable."""
        assert self._group is not None
        pause = 0.0
        while True:
            self._task = self._group.create_task(self._submit(message))
            receipt = await asyncio.shield(self._task)
            if receipt.kept:
                self._counts["messages"] += 1
                return
            self._counts["again"] += 1
            pause = max(receipt.after, min(2 * pause, _LONGEST_PAUSE), _SHORTEST_PAUSE)
            await asyncio.sleep(jittered(pause))

    async def _submit(self, message: Message) -> Receipt:
        return await self._intake.submit(message)

    async def _finish(self, within: float) -> None:
        if self._task is not None:
            try:
                await asyncio.wait({self._task}, timeout=within)
            finally:
                self._task.cancel()

"""A few slots for deliveries: who has claimed how much, and hands that wait for work.

No task per delivery and no queue object on the way: a claimed head goes straight to an idle hand (measured in
``tests/delivery/cost.py``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from bridge.journal.contract import LaneHead
from bridge.model import Urgency


class Pool:
    """``size`` slots for urgency ``least`` and above; ``busy`` of them hold a head. ``hire`` starts one more hand,
    which calls ``next`` for heads and ``release`` when it is done with the lane it got."""

    __slots__ = ("_change", "_hire", "_idle", "_queue", "busy", "hands", "least", "size")

    def __init__(self, least: Urgency, size: int, hire: Callable[[Pool], None]) -> None:
        self.least = least
        self.size = size
        self.busy = 0
        self.hands = 0
        self._hire = hire
        self._queue: deque[LaneHead] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._change: asyncio.Future[None] | None = None

    def give(self, head: LaneHead) -> None:
        """A claimed head, for which there must be a free slot."""
        self.busy += 1
        self._queue.append(head)
        if self._idle:
            self._idle.pop().set_result(None)
        elif self.hands < self.busy:
            self.hands += 1
            self._hire(self)

    async def next(self) -> LaneHead:
        while not self._queue:
            idle = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            await idle
        return self._queue.popleft()

    def release(self) -> None:
        self.busy -= 1
        if self._change is not None:
            self.stir()

    def stir(self) -> None:
        """More may be claimed than a moment ago."""
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    async def change(self) -> None:
        """Wait until more may be claimed."""
        self._change = asyncio.get_running_loop().create_future()
        try:
            await self._change
        finally:
            self._change = None

"""Handing messages to the intake: each sender's in its order, one sender's trouble nobody else's, answers last."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from bridge.model import Message
from connectors.base import Intake
from connectors.in_order import jittered

MOST_OF_ONE = 64
"""Messages of one sender that wait for their commit at once."""

MOST = 1024
"""Of all senders: the intake decides about 4,096 of all connectors."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 5.0


class Sender:
    """One sender's messages on their way to disk."""

    def __init__(self) -> None:
        self.at_work = 0
        self.again = asyncio.Lock()


class Submissions:
    """``counts``: ``messages`` kept, ``again``: times the intake said later and was waited for, ``left to the sender``:
    those with an answer that it said later to, which come again, ``abandoned`` ones at the end. ``free``: called when a
    place became free."""

    def __init__(self, intake: Intake, counts: Counter[str], free: Callable[[], None]) -> None:
        self._intake = intake
        self._counts = counts
        self._free = free
        self._senders: dict[str, Sender] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.at_work = 0

    @property
    def full(self) -> bool:
        return self.at_work >= MOST

    def room(self, peer: str) -> int:
        """How many more of this sender may be submitted now."""
        sender = self._senders.get(peer)
        if sender is None:
            return min(MOST_OF_ONE, MOST - self.at_work)
        return 0 if sender.again.locked() else min(MOST_OF_ONE - sender.at_work, MOST - self.at_work)

    def submit(self, group: asyncio.TaskGroup, message: Message, answer: Callable[[], None] | None) -> None:
        """Begin. ``answer``: what to do when it is kept, where its sender wants to know (an inform); None for one that
        nobody sends again, which is submitted until it is kept."""
        peer = message.origin.peer
        sender = self._senders.get(peer)
        if sender is None:
            sender = self._senders[peer] = Sender()
        sender.at_work += 1
        self.at_work += 1
        task = group.create_task(self._keep(peer, sender, message, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, within: float) -> None:
        """Let what was begun be kept, then end the rest."""
        try:
            if self._tasks:
                await asyncio.wait(tuple(self._tasks), timeout=within)
        finally:
            for task in tuple(self._tasks):
                task.cancel()

    async def _keep(self, peer: str, sender: Sender, message: Message, answer: Callable[[], None] | None) -> None:
        kept = False
        try:
            if answer is not None:
                receipt = await self._intake.submit(message)
                kept = receipt.kept
                if kept:
                    answer()
                return
            kept = await self._keep_unanswered(sender, message)
        finally:
            name = "messages" if kept else "abandoned" if answer is None else "left to the sender"
            self._counts[name] += 1
            sender.at_work -= 1
            self.at_work -= 1
            if not sender.at_work:
                self._senders.pop(peer, None)
            self._free()

    async def _keep_unanswered(self, sender: Sender, message: Message) -> bool:
        """Submit until it is kept: nobody sends it again. First told "later", first submitted again."""
        pause = 0.0
        if not sender.again.locked():
            receipt = await self._intake.submit(message)
            if receipt.kept:
                return True
            pause = 0.0 if sender.again.locked() else max(receipt.after, _SHORTEST_PAUSE)
        async with sender.again:
            while True:
                if pause:
                    self._counts["again"] += 1
                    await asyncio.sleep(jittered(pause))
                receipt = await self._intake.submit(message)
                if receipt.kept:
                    return True
                pause = max(receipt.after, min(2 * pause, _LONGEST_PAUSE), _SHORTEST_PAUSE)

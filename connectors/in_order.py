"""Submitting what one sender said in the order it came, several at once, none of them lost to a "later"."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from bridge.model import Message
from connectors.base import Intake

MOST = 64
"""Messages of one sender that wait for their commit at once."""

_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 0.01


class InOrder:
    """``submit`` returns when it is the next one's turn: as long as it does not, its caller reads nothing more.

    ``counts``: ``messages`` kept, ``again``: times the intake said later and was waited for, ``abandoned`` at the end.
    ``most_bytes``: of bodies waiting for their commit, one body may always.
    """

    def __init__(self, intake: Intake, counts: Counter[str], most_bytes: int, most: int = MOST) -> None:
        self._intake = intake
        self._counts = counts
        self._most_bytes = most_bytes
        self._slots = asyncio.Semaphore(most)
        self._bytes = 0
        self._less = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun = 0
        self._line: dict[int, asyncio.Future[None] | None] = {}
        """What is not kept yet, first come first, by its number; whoever was told "later" waits there to be first."""
        self._put_off = 0
        self._caught_up = asyncio.Event()

    async def submit(self, group: asyncio.TaskGroup, message: Message, kept: Callable[[], None] | None = None) -> None:
        """Begin to submit in a task of ``group``, when it is this message's turn. ``kept`` is called once it is
        durable."""
        await self._slots.acquire()
        try:
            while self._bytes and self._bytes + length(message) > self._most_bytes:
                self._less.clear()
                await self._less.wait()
            while self._put_off:  # behind those that were told "later"
                self._caught_up.clear()
                await self._caught_up.wait()
        except asyncio.CancelledError:
            self._slots.release()
            raise
        self._bytes += length(message)
        self._begun += 1
        self._line[self._begun] = None
        task = group.create_task(self._keep(message, self._begun, kept))
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

    async def _keep(self, message: Message, number: int, told: Callable[[], None] | None) -> None:
        """Submit until it is kept. After a "later" those behind it wait for it, so that their order stays."""
        kept = False
        pause = 0.0
        try:
            if not self._put_off:
                receipt = await self._intake.submit(message)
                kept = receipt.kept
                pause = max(receipt.after, _SHORTEST_PAUSE)
            if not kept:
                await self._keep_in_turn(message, number, pause)
                kept = True
        finally:
            self._counts["messages" if kept else "abandoned"] += 1
            self._bytes -= length(message)
            self._less.set()
            self._slots.release()
            del self._line[number]
            if self._put_off:
                first = next(iter(self._line.values()), None)
                if first is not None and not first.done():
                    first.set_result(None)
            if kept and told is not None:
                told()

    async def _keep_in_turn(self, message: Message, number: int, pause: float) -> None:
        """First come, first submitted again: not first told "later", for a commit tells it after it was tried, and a
        full disk at once."""
        self._put_off += 1
        try:
            if next(iter(self._line)) != number:
                first = self._line[number] = asyncio.get_running_loop().create_future()
                await first
                pause = 0.0
            while True:
                if pause:
                    self._counts["again"] += 1
                    await asyncio.sleep(jittered(pause))
                receipt = await self._intake.submit(message)
                if receipt.kept:
                    return
                pause = max(receipt.after, min(2 * pause, _LONGEST_PAUSE), _SHORTEST_PAUSE)
        finally:
            self._put_off -= 1
            if not self._put_off:
                self._caught_up.set()


def length(message: Message) -> int:
    """Bytes of its body and its parts."""
    return len(message.body) + sum([len(part.data) for part in message.parts])


def jittered(wanted: float) -> float:
    """Seconds until the next try after a "later": all senders are told so at the same moment."""
    return random.uniform(0.5, 1.0) * min(wanted, _LONGEST_PAUSE)  # noqa: S311 - spreads retries, guards nothing

"""What is left of messages that say very much: decided piece by piece, while other sensors' messages go between.

The first piece is committed with the message, so from then on it is kept; the rest follows, a few pieces on their way
to the disk at a time. What a stop, a crash or a failing disk leaves of it is found in the journal. Until all of a
message is decided, later messages of its sensors wait: order is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from bridge.clock import Clock
from bridge.intake.order import Order
from bridge.intake.pieces import Pieces
from bridge.intake.rest import Rest
from bridge.journal.contract import Fenced, JournalError
from bridge.model import MessageId, Receipt, ReceiptKind

log = logging.getLogger("bridge.intake.remainders")

AGAIN = 2.0
"""Seconds until it is tried again when the journal could not keep a piece."""
AT_ONCE = 2
"""Pieces that are decided and not yet durable. More would stand in one batch and hold the loop up as if they were one;
with one alone a slow disk holds up whoever waits behind: seen in the demo on a busy machine, 0.15 s for 200 items."""


class Remainders:
    def __init__(self, pieces: Pieces, order: Order, clock: Clock) -> None:
        self._pieces = pieces
        self._order = order
        self._clock = clock
        self._left: deque[Rest] = deque()
        self._some_left = asyncio.Event()

    def __len__(self) -> int:
        """Messages that are decided in part."""
        return len(self._left)

    def __contains__(self, message: MessageId) -> bool:
        return any(rest.piece.message == message for rest in self._left)

    async def restore(self) -> None:
        """Find what a crash or a stop left. Raises JournalError."""
        rest = await self._pieces.left_after(None)
        while rest is not None:
            self.add(rest)
            rest = await self._pieces.left_after(rest.piece.message)

    def add(self, rest: Rest) -> None:
        """Its first piece is decided: from now on its sensors' messages wait."""
        self._order.hold(rest.sensors, rest)
        self._left.append(rest)
        self._some_left.set()

    async def receipt(self, rest: Rest) -> Receipt:
        """It waits until all of the message is decided, for what became of it; but not for a journal that fails."""
        later = await rest.answer
        return Receipt(ReceiptKind.ACCEPTED, later, rest.piece.message) if later else rest.receipt()

    async def run(self) -> None:
        """Decide what is left, first come, first decided; until cancelled."""
        try:
            while True:
                await self._some_left.wait()
                rest = self._left[0]
                try:
                    if await _is_kept(rest):
                        await self._finish(rest)
                    self._end(rest, None)
                except JournalError as error:
                    self._end(rest, await self._left_after(rest, error))
        except Fenced:
            return  # another process has the journal, and with it this task

    async def _finish(self, rest: Rest) -> None:
        under_way: deque[asyncio.Task[None]] = deque()
        try:
            while not rest.piece.last or under_way:
                if not rest.piece.last:
                    under_way.append(asyncio.ensure_future(await self._pieces.decide_next(rest)))
                    await asyncio.sleep(0)  # whatever else is to be done comes between
                if rest.piece.last or len(under_way) == AT_ONCE:
                    await under_way[0]
                    under_way.popleft()
        finally:
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _left_after(self, rest: Rest, error: JournalError) -> Rest | None:
        """What is left once the journal can be asked, and tried, again. Raises Fenced."""
        while True:
            if isinstance(error, Fenced):
                raise error
            why = f"the rest of it is decided later: {error}"
            log.warning("message %s is kept; %s", rest.piece.message, why)
            if not rest.answer.done():
                rest.answer.set_result(why)
            await self._clock.sleep(AGAIN)
            try:
                return await self._pieces.left_of(rest.piece.message)
            except JournalError as again:
                error = again

    def _end(self, rest: Rest, following: Rest | None) -> None:
        self._left.popleft()
        self._order.let_go(rest)
        if following is None:
            rest.pictures.let_go()
        else:
            following.pictures = rest.pictures
            self._order.hold(following.sensors, following)
            self._left.appendleft(following)
        if not self._left:
            self._some_left.clear()
        if not rest.answer.done():
            rest.answer.set_result("")
        self._order.wake()


async def _is_kept(rest: Rest) -> bool:
    """Whether the message is, once that is certain; if not, its sender is told so elsewhere."""
    if rest.first is not None:
        try:
            await asyncio.shield(rest.first)
        except JournalError:
            return False
    return True

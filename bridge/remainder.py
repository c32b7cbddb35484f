"""What is left of messages that say very much: decided piece by piece, while other sensors' messages go between.

The first piece is committed with the message, so from then on it is kept; the rest follows, each piece in a commit of
its own. What a stop or a crash leaves is found in the journal at the next start. Until all of it is decided, later
messages of the same sensors wait: order is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.journal.contract import Fenced, JournalError
from bridge.model import Decision, Fate, Instant, Piece, Quarantined, SensorId
from bridge.routing import Routed

log = logging.getLogger("bridge.remainder")

PATIENCE = 30.0
"""Seconds that a message waits for one before it to be decided to the end; then its sender is told "later"."""
AGAIN = 2.0
"""Seconds until it is tried again when the journal could not keep a piece."""


class Rest:
    """What is left of one message. ``site``: the one that ``routed`` was read by. ``done``: the indexes of the items
    that are decided. ``first``: the commit that keeps the message, None when it is kept already."""

    def __init__(
        self,
        routed: Routed,
        site: Site,
        arrived: Instant,
        piece: Piece,
        done: Collection[int],
        first: asyncio.Future[None] | None = None,
    ) -> None:
        self.arrived = arrived
        self.piece = piece
        self.first = first
        self.fates: set[Fate] = set()
        self.quarantined: tuple[Quarantined, ...] = ()
        """The first one, if there is any: it says why."""
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        """All of it is decided, or was never kept."""
        self.answer: asyncio.Future[str] = loop.create_future()
        """For the sender: "", or why it will take a while."""
        self._done = set(done)
        self.read_as(routed, site)

    def read_as(self, routed: Routed, site: Site) -> None:
        """The message as this site reads it; what is decided is left out."""
        left = tuple([each for each in routed.items if each.item.index not in self._done])
        self.routed = Routed(routed.message, left)
        self.site = site
        self.sensors = tuple(dict.fromkeys(each.sensor.id for each in left if each.sensor is not None))

    def decided(self, decision: Decision) -> None:
        """One piece more."""
        assert decision.piece is not None
        self.piece = decision.piece
        self.fates.update(verdict.fate for verdict in decision.verdicts)
        self.quarantined = self.quarantined or decision.quarantined[:1]
        self._done.update(verdict.index for verdict in decision.verdicts)
        self.routed = Routed(self.routed.message, self.routed.items[len(decision.verdicts) :])


class Remainders:
    """``decide``: decides and commits the next piece of a rest. Raises JournalError, and then none of it is kept."""

    def __init__(self, decide: Callable[[Rest], Awaitable[None]], clock: Clock) -> None:
        self._decide = decide
        self._clock = clock
        self._holders: dict[SensorId, Rest] = {}
        self._left: deque[Rest] = deque()
        self._some_left = asyncio.Event()

    def __len__(self) -> int:
        """Messages that are decided in part."""
        return len(self._left)

    def add(self, rest: Rest) -> None:
        """Its first piece is decided: from now on its sensors' messages wait."""
        for sensor in rest.sensors:
            self._holders[sensor] = rest
        self._left.append(rest)
        self._some_left.set()

    def holds(self, sensors: Iterable[SensorId]) -> bool:
        """Whether an earlier message of any of these is not decided to the end."""
        return bool(self._holders) and any(sensor in self._holders for sensor in sensors)

    async def turn(self, sensors: Sequence[SensorId]) -> None:
        """Wait until ``holds`` says no. Raises JournalError when that takes too long."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (
                    holder := next((self._holders[each] for each in sensors if each in self._holders), None)
                ) is not None:
                    await asyncio.shield(holder.ended)
        except TimeoutError:
            raise JournalError("an earlier message of this sensor is still being decided") from None

    async def run(self) -> None:
        """Decide what is left, one piece in a commit, first come, first decided; until cancelled."""
        while True:
            await self._some_left.wait()
            rest = self._left[0]
            try:
                await self._finish(rest)
            except Fenced:
                return  # another process has the journal, and with it this task
            except JournalError as error:
                why = f"the rest of it is decided later: {error}"
                log.warning("message %s is kept; %s", rest.piece.message, why)
                if not rest.answer.done():
                    rest.answer.set_result(why)
                await self._clock.sleep(AGAIN)
                continue
            self._end(rest)

    async def _finish(self, rest: Rest) -> None:
        if rest.first is not None:
            try:
                await asyncio.shield(rest.first)
            except JournalError:
                return  # it was never kept, and its sender is told so
            rest.first = None
        while not rest.piece.last:
            await self._decide(rest)

    def _end(self, rest: Rest) -> None:
        self._left.popleft()
        if not self._left:
            self._some_left.clear()
        for sensor, holder in [*self._holders.items()]:
            if holder is rest:
                del self._holders[sensor]
        rest.ended.set_result(None)
        if not rest.answer.done():
            rest.answer.set_result("")

"""What is left of messages that say very much: decided piece by piece, while other sensors' messages go between.

The first piece is committed with the message, so from then on it is kept; the rest follows, a few pieces on their way
to the disk at a time. What a stop, a crash or a failing disk leaves of it is found in the journal. Until all of a
message is decided, later messages of its sensors wait: order is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Coroutine, Iterable
from typing import Any, Protocol

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.journal.contract import Fenced, JournalError
from bridge.model import Decision, Fate, Instant, MessageId, Piece, Quarantined, SensorId
from bridge.routing import Routed

log = logging.getLogger("bridge.remainder")

PATIENCE = 30.0
"""Seconds that a message waits for one before it to be decided to the end; then its sender is told "later"."""
AGAIN = 2.0
"""Seconds until it is tried again when the journal could not keep a piece."""
AT_ONCE = 2
"""Pieces that are decided and not yet durable. More would stand in one batch and hold the loop up as if they were one;
with one alone a slow disk holds up whoever waits behind: seen in the demo on a busy machine, 0.15 s for 200 items."""


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
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """For the sender: "", or why it will take a while."""
        self._done = set(done)
        self.read_as(routed, site)

    def read_as(self, routed: Routed, site: Site) -> None:
        """The message as this site reads it; what is decided is left out."""
        left = tuple([each for each in routed.items if each.item.index not in self._done])
        self.routed = Routed(routed.message, left)
        self.site = site

    @property
    def sensors(self) -> set[SensorId]:
        """Whose order the rest is part of."""
        return {each.sensor.id for each in self.routed.items if each.sensor is not None}

    def decided(self, decision: Decision) -> None:
        """One piece more."""
        assert decision.piece is not None
        self.piece = decision.piece
        self.fates.update(verdict.fate for verdict in decision.verdicts)
        self.quarantined = self.quarantined or decision.quarantined[:1]
        self._done.update(verdict.index for verdict in decision.verdicts)
        self.routed = Routed(self.routed.message, self.routed.items[len(decision.verdicts) :])


class Place:
    """Where a message waits until those of its sensors that came before are decided to the end."""

    __slots__ = ("sensors", "woken")

    def __init__(self, sensors: frozenset[SensorId]) -> None:
        self.sensors = sensors
        self.woken = asyncio.Event()


class Deciding(Protocol):
    """As much of the intake as is needed here."""

    async def decide_next(self, rest: Rest) -> Coroutine[Any, Any, None]:
        """Decide the next piece and hand it to the journal; ``rest`` is then what is left after it. What is returned
        waits until the piece is durable. Both raise JournalError: then this piece is not kept, nor are those after."""

    async def left_of(self, message: MessageId) -> Rest | None:
        """What is left of a message by the journal, None for nothing. Raises JournalError."""


class Remainders:
    def __init__(self, deciding: Deciding, clock: Clock) -> None:
        self._deciding = deciding
        self._clock = clock
        self._holders: dict[SensorId, Rest] = {}
        self._lines: dict[SensorId, deque[Place]] = {}
        """Who waits, by sensor, in the order they came; a sensor for whom nobody waits is not there."""
        self._left: deque[Rest] = deque()
        self._some_left = asyncio.Event()

    def __len__(self) -> int:
        """Messages that are decided in part."""
        return len(self._left)

    def add(self, rest: Rest) -> None:
        """Its first piece is decided: from now on its sensors' messages wait."""
        self._hold(rest)
        self._left.append(rest)
        self._some_left.set()

    # ---------------------------------------------------------------------------------------- messages that come later

    def must_wait(self, sensors: Iterable[SensorId], place: Place | None) -> bool:
        """Whether an earlier message of any of these is not decided to the end, or others already wait for one.
        ``place``: where this one waits, if it does."""
        if place is not None:
            return not self._is_first(place)
        lines = self._lines
        return bool(self._holders or lines) and any(each in self._holders or each in lines for each in sensors)

    def line_up(self, sensors: Iterable[SensorId]) -> Place:
        """Behind all that wait for these sensors; ``leave`` in any case."""
        place = Place(frozenset(sensors))
        for sensor in place.sensors:
            self._lines.setdefault(sensor, deque()).append(place)
        return place

    async def turn(self, place: Place) -> None:
        """Wait until it is this one's turn. Raises JournalError when that takes too long."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not self._is_first(place):
                    place.woken.clear()
                    await place.woken.wait()
        except TimeoutError:
            raise JournalError("an earlier message of this sensor is still being decided") from None

    def leave(self, place: Place) -> None:
        """It is decided, or given up: the next may go."""
        for sensor in place.sensors:
            line = self._lines.get(sensor)
            if line is None or place not in line:
                continue
            line.remove(place)
            if not line:
                del self._lines[sensor]
        self._wake(place.sensors)

    def _is_first(self, place: Place) -> bool:
        return not any(each in self._holders or self._lines[each][0] is not place for each in place.sensors)

    def _wake(self, sensors: Iterable[SensorId]) -> None:
        for sensor in sensors:
            if sensor in self._lines and sensor not in self._holders:
                self._lines[sensor][0].woken.set()

    # ------------------------------------------------------------------------------------------- what is left of them

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
                    under_way.append(asyncio.ensure_future(await self._deciding.decide_next(rest)))
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
                return await self._deciding.left_of(rest.piece.message)
            except JournalError as again:
                error = again

    def _hold(self, rest: Rest) -> None:
        for sensor in rest.sensors:
            self._holders[sensor] = rest

    def _end(self, rest: Rest, following: Rest | None) -> None:
        self._left.popleft()
        self._holders = {sensor: holder for sensor, holder in self._holders.items() if holder is not rest}
        if following is not None:
            self._hold(following)
            self._left.appendleft(following)
        if not self._left:
            self._some_left.clear()
        if not rest.answer.done():
            rest.answer.set_result("")
        self._wake([*self._lines])


async def _is_kept(rest: Rest) -> bool:
    """Whether the message is, once that is certain; if not, its sender is told so elsewhere."""
    if rest.first is not None:
        try:
            await asyncio.shield(rest.first)
        except JournalError:
            return False
    return True

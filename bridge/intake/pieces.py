"""The later pieces of messages that say very much: decided by the site of the moment, one by one; found again in the
journal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from bridge.clock import Clock
from bridge.decide.decide import PIECE, decide_piece, sensors_of, undecided
from bridge.fetching import Turns
from bridge.intake.facts import Facts
from bridge.intake.reading import Reading
from bridge.intake.rest import Rest
from bridge.journal.contract import Journal, Undecided
from bridge.model import Decision, Instant, MessageId, SensorId
from bridge.routing import Routed

log = logging.getLogger("bridge.intake.pieces")


class Pieces:
    def __init__(self, reading: Reading, facts: Facts, journal: Journal, clock: Clock, turns: Turns) -> None:
        self._reading = reading
        self._facts = facts
        self._journal = journal
        self._clock = clock
        self._turns = turns

    async def decide_next(self, rest: Rest) -> Coroutine[Any, Any, None]:
        """Decide the next piece and hand it to the journal; ``rest`` is then what is left after it. What is returned
        waits until the piece is durable. Both raise JournalError: then this piece is not kept, nor are those after."""
        while True:
            while rest.site is not self._reading.site:  # another site meanwhile: its sensors are those that count
                routed, site = await self._reading.beside(rest.routed.message)
                await rest.read_as(routed, site, self._turns.fetcher)
            some = Routed(rest.routed.message, rest.routed.items[:PIECE])
            sensors = [*dict.fromkeys(sensor.id for sensor in sensors_of(some))]
            async with self._facts.line:
                await self._facts.load(sensors)
                if rest.site is self._reading.site:
                    decision, commit = self._decide(rest, sensors)
                    break
        rest.decided(decision)
        return self._facts.committed(decision, commit, sensors)

    def _decide(self, rest: Rest, sensors: list[SensorId]) -> tuple[Decision, asyncio.Future[None]]:
        """One step, from the facts to the journal. Raises JournalError."""
        at, before, memory = rest.arrived, rest.piece, self._facts.memory
        try:
            decision = decide_piece(self._reading.site, rest.routed, before.message, memory, at, before=before)
        except Exception as error:  # a fault of ours: it is kept for whoever mends it, nobody else suffers
            log.exception("the rest of message %s could not be decided", before.message)
            decision = undecided(rest.routed, before.message, at, f"deciding it failed: {error!r}", before)
        return decision, self._facts.commit(decision, sensors)

    async def left_after(self, message: MessageId | None) -> Rest | None:
        """What the journal says is left of the first message that is decided in part, behind this one if it is named;
        None for nothing. Raises JournalError."""
        found = await self._journal.undecided(message)
        return None if found is None else await self._rest_of(found)

    async def left_of(self, message: MessageId) -> Rest | None:
        """What the journal says is left of this message, None for nothing. Raises JournalError."""
        found = await self._journal.undecided(None)
        while found is not None and found.record.id != message:
            found = await self._journal.undecided(found.record.id)
        return None if found is None else await self._rest_of(found)

    async def _rest_of(self, found: Undecided) -> Rest:
        """As of when the message came, by this process's clock."""
        record = found.record
        now = self._clock.now()
        arrived = record.message.arrived.utc
        at = Instant(arrived, now.monotonic - (now.utc - arrived).total_seconds())
        routed, _ = await self._reading.beside(record.message)
        return Rest(routed, None, at, found.piece, done={verdict.index for verdict in record.verdicts})

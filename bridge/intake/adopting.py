"""Messages of the quarantine whose items somebody listens for by now; see ``bridge.adoption``, which chooses them."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from bridge.adoption import adoptable
from bridge.clock import Clock
from bridge.decide.decide import PIECE, decide, sensors_of
from bridge.fetching import Turns
from bridge.intake.facts import Facts
from bridge.intake.reading import Reading
from bridge.journal.contract import MessageRecord
from bridge.model import Adopted, Decision, MessageId
from bridge.routing import Routed


class Adopting:
    def __init__(self, reading: Reading, facts: Facts, clock: Clock, turns: Turns) -> None:
        self._reading = reading
        self._facts = facts
        self._clock = clock
        self._turns = turns

    async def adopt(self, record: MessageRecord, indexes: Collection[int]) -> int:
        """See ``Intake.adopt``."""
        message = record.message
        read = await self._reading.in_turn(message) if self._reading.waits(message) else self._reading.at_once(message)
        site = self._reading.site
        routed = adoptable(read, indexes, message.arrived.utc)
        turn = self._turns.take(routed, [sensor.id for sensor in sensors_of(routed)])
        try:
            if turn is not None:
                await turn.come()
                if self._reading.site is not site:  # another meanwhile: its sensors are those that count
                    routed = adoptable(self._reading.at_once(message), indexes, message.arrived.utc)
                routed = turn.illustrated(routed)
            for begin in range(0, len(routed.items), PIECE):
                await self._adopt_some(record.id, Routed(routed.message, routed.items[begin : begin + PIECE]))
        finally:
            if turn is not None:
                turn.over()
        return len(routed.items)

    async def _adopt_some(self, message: MessageId, some: Routed) -> None:
        def decided() -> Decision:
            decision = decide(self._reading.site, some, message, self._facts.memory, self._clock.now())
            kept = decision.message.media if decision.message is not None else ()
            return msgspec.structs.replace(decision, message=None, adopted=Adopted(message, kept))

        await self._facts.decided([sensor.id for sensor in sensors_of(some)], decided)

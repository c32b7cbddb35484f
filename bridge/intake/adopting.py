"""Messages of the quarantine whose items somebody listens for by now; see ``bridge.adoption``, which chooses them."""

from __future__ import annotations

import logging
from collections.abc import Collection

import msgspec

from bridge.adoption import adoptable, is_known
from bridge.clock import Clock
from bridge.decide.decide import PIECE, decide, sensors_of
from bridge.fetching import Turns
from bridge.intake.facts import Facts
from bridge.intake.reading import Reading
from bridge.journal.contract import JournalError, MessageRecord
from bridge.model import Adopted, Decision, MessageId
from bridge.routing import Routed

log = logging.getLogger("bridge.intake.adopting")

NEXT = "it is decided with what was replayed before it"


class Adopting:
    def __init__(self, reading: Reading, facts: Facts, clock: Clock, turns: Turns) -> None:
        self._reading = reading
        self._facts = facts
        self._clock = clock
        self._turns = turns

    async def adopt(self, record: MessageRecord, indexes: Collection[int], decided: Collection[int] | None) -> int:
        """See ``Intake.adopt``. ``decided``: the items that have a verdict; None while others are still to get theirs
        elsewhere."""
        message = record.message
        read = await self._reading.in_turn(message) if self._reading.waits(message) else self._reading.at_once(message)
        site = self._reading.site
        routed = adoptable(read, indexes, message.arrived.utc, decided)
        turn = self._turns.take(routed, [sensor.id for sensor in sensors_of(routed)])
        try:
            if turn is not None:
                await turn.come()
                if self._reading.site is not site:  # another meanwhile: its sensors are those that count
                    routed = adoptable(self._reading.at_once(message), indexes, message.arrived.utc, decided)
                routed = turn.illustrated(routed)
            await self._adopt_all(record.id, routed, decided)
        except JournalError:
            raise
        except Exception:  # a fault of ours: it stays where it is, and others go on
            log.exception("message %s of the quarantine could not be decided, it stays there", record.id)
            return 0
        finally:
            if turn is not None:
                turn.over()
        return sum(map(is_known, routed.items))

    async def _adopt_all(self, message: MessageId, routed: Routed, decided: Collection[int] | None) -> None:
        """Piece by piece. Of what was never told apart before, something is in quarantine until all of it is decided:
        after a crash the rest is found by it."""
        items = routed.items
        begin = 0
        while begin < len(items) and any(map(is_known, items)):
            end = begin + PIECE
            some = items[begin:end]
            if end < len(items) and decided is not None and items[end].item.index not in decided:
                if is_known(items[end]):
                    some = (*some, msgspec.structs.replace(items[end], sensor=None, draft=None, why=NEXT))
                else:
                    some = items[begin : (end := end + 1)]
            await self._adopt_some(message, Routed(routed.message, some))
            begin = end

    async def _adopt_some(self, message: MessageId, some: Routed) -> None:
        def decision() -> Decision:
            decided = decide(self._reading.site, some, message, self._facts.memory, self._clock.now())
            kept = decided.message.media if decided.message is not None else ()
            return msgspec.structs.replace(decided, message=None, adopted=Adopted(message, kept))

        await self._facts.decided([sensor.id for sensor in sensors_of(some)], decision)

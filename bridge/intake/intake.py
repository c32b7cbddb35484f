"""The door itself: a message is taken, decided in its turn, and its receipt given once that is durable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import msgspec

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.decide.decide import decide, decide_piece, sensors_of, undecided
from bridge.fetching import Turn, Turns
from bridge.intake import receipts
from bridge.intake.adopting import Adopting
from bridge.intake.facts import Facts
from bridge.intake.firing import Firing
from bridge.intake.message_ids import MessageIds
from bridge.intake.order import Order
from bridge.intake.pieces import Pieces
from bridge.intake.reading import Reading
from bridge.intake.remainders import Remainders
from bridge.intake.rest import Rest
from bridge.intake.timers import Timers
from bridge.intake.waiting import Waiting
from bridge.journal.contract import Fenced, Full, Journal, JournalError, MessageRecord
from bridge.model import (
    ConnectorId,
    Decision,
    Instant,
    Message,
    MessageId,
    Position,
    Receipt,
    ReceiptKind,
    SensorId,
    StateChange,
)
from bridge.observer import Observer
from bridge.routing import Routed
from bridge.supervision import Conditions

log = logging.getLogger("bridge.intake")


class Hearing(Protocol):
    """Who listens for silence."""

    def heard(self, routed: Routed, at: Instant) -> None:
        """A message of sensors, as it was read. Called on the hot path: quick, and it may not raise."""


class Decided(msgspec.Struct, gc=False):
    """A message that is on its way to the disk. ``rest``: what is left of it, if its decision is the first of many."""

    id: MessageId
    decision: Decision
    commit: asyncio.Future[None]
    sensors: list[SensorId]
    rest: Rest | None = None


class Intake:
    """Implements ``connectors.base.Intake`` over a journal.

    ``limit``: decisions that may wait for their commit at once; beyond it senders are told "later". ``turns``: who
    waits for pictures that devices keep, and fetches them; None: nothing is fetched.
    """

    def __init__(
        self,
        site: Site,
        journal: Journal,
        clock: Clock,
        conditions: Conditions,
        observer: Observer | None = None,
        limit: int = 4096,
        turns: Turns | None = None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._conditions = conditions
        self._limit = limit
        self._turns = turns or Turns(None)
        self._ids = MessageIds()
        self._reading = Reading(site)
        self._timers = Timers()
        self._facts = Facts(journal, clock, self._timers, conditions, observer)
        self._firing = Firing(self._reading, self._facts, self._timers, journal, clock, conditions)
        self._adopting = Adopting(self._reading, self._facts, clock, self._turns)
        order = Order()
        self._waiting = Waiting(self._reading, self._facts, order)
        pieces = Pieces(self._reading, self._facts, journal, clock, self._turns)
        self._remainders = Remainders(pieces, order, clock)
        self._here = 0
        self._stopping = False
        self.said = self._firing.said
        """What people said of sensors for a while: tested, out of service."""
        self.heard: dict[SensorId, Instant] = {}
        """When each sensor was last heard: for status and supervision. Test events are not the sensor's."""
        self.hearing: Hearing | None = None
        self.refused: dict[tuple[ConnectorId, str], int] = {}
        """Messages whose senders were told "later", by connector and reason: stopping, overloaded, journal."""
        self.recorder: Callable[[Routed], None] | None = None
        """Told of every message as it is decided, redacted and with its pictures; None while nobody records."""

    # ------------------------------------------------------------------------------------------------- messages

    async def submit(self, message: Message) -> Receipt:
        """Keep a message and everything that follows from it; returns after the commit. Never raises."""
        receipt = await self._take(message, None)
        if receipt.kind is ReceiptKind.LATER:
            counted = message.connector, receipts.reason(receipt)
            self.refused[counted] = self.refused.get(counted, 0) + 1
        return receipt

    async def fire(self, message: Message, routed: Routed) -> Receipt:
        """Take a message whose route is already known: a test event, marked as one."""
        return await self._take(message, routed)

    async def position(self, name: str) -> Position | None:
        """The durable bookmark a poller left under this name."""
        return await self._journal.position(name)

    async def _take(self, message: Message, fired: Routed | None) -> Receipt:
        if self._stopping:
            return receipts.later(receipts.STOPPING)
        if self._here >= self._limit:
            return receipts.later(receipts.OVERLOADED)
        if self._facts.look_for_undone():
            return receipts.later("a message before this one could not be kept")
        self._here += 1
        try:
            if fired is not None:
                routed = fired
            elif self._reading.waits(message):
                routed = await self._reading.in_turn(message)
            else:
                routed = self._reading.at_once(message)
            return await self._keep(message, routed, fired is not None)
        except Full as full:
            self._conditions.begin("journal", f"full: {full}")
            return receipts.later(str(full), receipts.MUCH_LATER)
        except Fenced as fenced:
            self._conditions.begin("journal", f"taken over: {fenced}")
            return receipts.later(str(fenced), receipts.MUCH_LATER)
        except JournalError as error:
            return receipts.later(str(error))
        except Exception:  # a fault of ours, or a disk that cannot be read: its sender keeps it, its connector goes on
            log.exception("a message of connector %s could not be taken", message.connector)
            return receipts.later("a fault in the bridge; its log says more", receipts.MUCH_LATER)
        finally:
            self._here -= 1

    async def _keep(self, message: Message, routed: Routed, test: bool) -> Receipt:
        """Raises JournalError: then nothing of it is kept."""
        sensors = [sensor.id for sensor in sensors_of(routed)]
        turn = self._turns.take(routed, sensors)
        try:
            if self._waiting.needless(sensors, turn):
                made = self._decide(message, routed, sensors, test, turn)
            else:
                made = await self._waiting.decided(
                    message,
                    routed,
                    test,
                    turn,
                    lambda routed, sensors: self._decide(message, routed, sensors, test, turn),
                )
            decision, rest = made.decision, made.rest
            if rest is None:
                await self._facts.committed(decision, made.commit, made.sensors)
                return receipts.kept({verdict.fate for verdict in decision.verdicts}, decision.quarantined, made.id)
            await self._facts.committed(decision, asyncio.shield(made.commit), made.sensors)
            return await self._remainders.receipt(rest)
        finally:
            if turn is not None:
                turn.over()

    def _decide(
        self, message: Message, routed: Routed, sensors: list[SensorId], test: bool, turn: Turn | None
    ) -> Decided:
        """One step, from the facts to the journal. Raises JournalError."""
        at, site = message.arrived, self._reading.site
        message_id = self._ids.next(at)
        try:
            decision = decide_piece(site, routed, message_id, self._facts.memory, at, test)
        except Exception as error:  # a fault of ours: the message is kept for whoever mends it, nobody else suffers
            log.exception("message %s could not be decided", message_id)
            decision = undecided(routed, message_id, at, f"deciding it failed: {error!r}")
        if not test:
            for sensor in sensors:
                self.heard[sensor] = at
            if self.hearing is not None:
                self.hearing.heard(routed, at)
        if self.recorder is not None:
            self.recorder(routed)
        made = Decided(message_id, decision, self._facts.commit(decision, sensors), sensors)
        if decision.piece is not None:
            pictures = None if turn is None else turn.hand_over()
            made.rest = Rest(routed, site, at, decision.piece, first=made.commit, pictures=pictures)
            made.rest.decided(decision)
            self._remainders.add(made.rest)
        return made

    # ------------------------------------------------------------------------------------- from others than senders

    async def adopt(self, record: MessageRecord, indexes: Collection[int], in_part: bool = False) -> int:
        """Decide those of a quarantined message's items that this site knows by now; how many those are. With them go
        items without a verdict, which nobody could tell apart when it came; unless it was only decided ``in_part`` when
        the record was read.

        They leave the quarantine in the transaction that keeps what follows. Calls are decided in their order, except
        that whoever waits for a large message or for pictures holds up its own origin and sensors alone. Raises
        JournalError: then they are in quarantine as before. Never call it twice at once for one message.
        """
        decided = {verdict.index for verdict in record.verdicts}
        return await self._adopting.adopt(record, indexes, None if in_part else decided)

    def is_decided_in_part(self, message: MessageId) -> bool:
        """Whether some of its items are to get their verdicts yet."""
        return message in self._remainders

    async def tell(self, routed: Routed) -> Decision:
        """What the bridge says of itself, by the same way as what sensors say. Raises JournalError."""
        at = routed.message.arrived
        return await self._facts.decided(
            [sensor.id for sensor in sensors_of(routed)],
            lambda: decide(self._reading.site, routed, self._ids.next(at), self._facts.memory, at),
        )

    async def remember(self, changes: Sequence[StateChange]) -> None:
        """What people say of sensors; durable when this returns. Raises JournalError."""
        sensors = [change.key.sensor for change in changes]
        await self._facts.decided(sensors, lambda: Decision(at=self._clock.now(), changes=tuple(changes)))
        for change in changes:
            self._firing.remember(change)

    # --------------------------------------------------------------------------------------------------- as a room

    async def restore(self) -> None:
        """Find what a crash or a stop left of messages that are decided in part: ``run`` goes on with it, and later
        messages of their sensors wait for it. Before any connector runs. Raises JournalError."""
        await self._remainders.restore()

    async def run(self) -> None:
        """Decide what timers ask for, and what is left of messages that say very much, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._remainders.run(), name="remainders")
            await self._firing.run()

    async def fire_due(self) -> None:
        """Decide all timers that are due now, and wait for their commits."""
        await self._firing.fire_due()

    async def beat(self) -> None:
        """Go the way of a message whose sensor has to be read from the journal first, and decide nothing."""
        async with self._facts.line:
            self._facts.look_for_undone()

    @property
    def decided_in_part(self) -> int:
        """Messages in the journal that say so much that some of it is not decided yet."""
        return len(self._remainders)

    @property
    def site(self) -> Site:
        """By which the next message is decided."""
        return self._reading.site

    def replace(self, site: Site) -> None:
        """Decide by another site from the next message on."""
        self._reading.read_by(site)

    def stop(self) -> None:
        """Take nothing more; what is being taken finishes."""
        self._stopping = True

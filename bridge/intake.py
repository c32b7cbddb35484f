"""The one door in: a message is routed, decided, committed, and only then is its sender given a receipt.

Decisions are made one after the other on the event loop and committed in that order. Memory is changed when a
decision is made, before its commit; when a commit fails, everything decided since is undone by the journal, memory is
thrown away and read anew, and the senders are told "later".
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import os
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from bridge.adoption import adoptable
from bridge.clock import Clock
from bridge.config.site import Site
from bridge.decide.decide import PIECE, decide, decide_piece, decide_timer, sensors_of, undecided
from bridge.decide.in_service import SERVICE, Said, read
from bridge.decide.memory import Fact, Memory
from bridge.fetching import Turn, Turns
from bridge.journal.contract import Fenced, Full, Journal, JournalError, MessageRecord, StateRow, Undecided, Undone
from bridge.linking import with_pictures
from bridge.model import (
    Adopted,
    ConnectorId,
    Decision,
    Fate,
    Instant,
    Malformed,
    Message,
    MessageId,
    Position,
    Quarantined,
    Receipt,
    ReceiptKind,
    SensorId,
    StateChange,
    StateKey,
    Urgency,
)
from bridge.observer import Observer
from bridge.remainder import Place, Remainders, Rest
from bridge.routing import Routed, RoutedItem, Router
from bridge.supervision import Conditions

log = logging.getLogger("bridge.intake")

LARGE = 16 * 1024
"""Bytes of a message, its pictures not counted, from which on it is read in a thread. Measured over all built-in
profiles with hostile bodies: what is smaller takes up to 15 ms to read, 512 KiB up to 134 ms."""

LATER = 2.0
"""Seconds a sender is asked to wait when nothing better is known."""

_OWN_REASONS = ("stopping", "overloaded")

_PICTURES = (b"\xff\xd8", b"\x89P")
"""How a JPEG and a PNG begin."""

_RECEIPTS = (
    (Fate.RAISED, ReceiptKind.ACCEPTED),
    (Fate.AMENDED, ReceiptKind.ACCEPTED),
    (Fate.COLLAPSED, ReceiptKind.ACCEPTED),
    (Fate.DUPLICATE, ReceiptKind.DUPLICATE),
    (Fate.FILTERED, ReceiptKind.FILTERED),
)


class _Line:
    """A lock that is ``busy`` as long as anybody has it or waits for it: a free ``asyncio.Lock`` may be one whose next
    owner has only been woken, and whoever took it for free would overtake all who wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._here = 0

    @property
    def busy(self) -> bool:
        return self._here > 0

    async def __aenter__(self) -> None:
        self._here += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._here -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._here -= 1
        self._lock.release()


class Hearing(Protocol):
    """Who listens for silence."""

    def heard(self, routed: Routed, at: Instant) -> None:
        """A message of sensors, as it was read. Called on the hot path: quick, and it may not raise."""


class MessageIds:
    """Ids that sort by time: 12 hex digits of epoch milliseconds, 8 of this process, 6 of a counter."""

    def __init__(self) -> None:
        self._process = os.urandom(4).hex()
        self._counter = itertools.count()

    def next(self, at: Instant) -> MessageId:
        milliseconds = int(at.utc.timestamp() * 1000)
        return MessageId(f"{milliseconds:012x}{self._process}{next(self._counter) & 0xFFFFFF:06x}")


class Intake:
    """Implements ``connectors.base.Intake`` over a journal.

    ``limit``: decisions that may wait for their commit at once; beyond it senders are told "later". ``turns``: who
    waits for pictures that devices keep, and fetches them.
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
        self._site = site
        self._router = Router(site)
        self._journal = journal
        self._clock = clock
        self._conditions = conditions
        self._observer = observer
        self._limit = limit
        self._turns = turns
        self._memory = Memory()
        self._generation = journal.generation
        self._ids = MessageIds()
        self._loading = _Line()
        self._timers: list[tuple[float, int, StateKey]] = []
        self._timer_order = itertools.count()
        self._armed: dict[StateKey, float] = {}  # the earliest entry of each among the timers
        self._timer_set = asyncio.Event()
        self._timers_lost = True  # read from the journal at start, and again when decisions were undone
        self._waiting = 0
        self._large: dict[tuple[ConnectorId, str, str], asyncio.Future[None]] = {}
        """By origin, the last message that waits for a large one to be read."""
        self._remainders = Remainders(self, clock)
        self._stopping = False
        self.heard: dict[SensorId, Instant] = {}
        """When each sensor was last heard: for status and supervision. Test events are not the sensor's."""
        self.hearing: Hearing | None = None
        self.said: dict[StateKey, Said] = {}
        """What people said of sensors for a while: tested, out of service."""
        self.refused: dict[tuple[ConnectorId, str], int] = {}
        """Messages whose senders were told "later", by connector and reason: stopping, overloaded, journal."""
        self.recorder: Callable[[Routed], None] | None = None
        """Told of every message as it is decided, redacted and with its pictures; None while nobody records."""

    # ------------------------------------------------------------------------------------------------- messages

    async def submit(self, message: Message) -> Receipt:
        """Keep a message and everything that follows from it; returns after the commit. Never raises."""
        receipt = await self._take(message, None)
        if receipt.kind is ReceiptKind.LATER:
            reason = receipt.why if receipt.why in _OWN_REASONS else "journal"
            self.refused[message.connector, reason] = self.refused.get((message.connector, reason), 0) + 1
        return receipt

    async def fire(self, message: Message, routed: Routed) -> Receipt:
        """Take a message whose route is already known: a test event, marked as one."""
        return await self._take(message, routed)

    async def adopt(self, record: MessageRecord, indexes: Collection[int]) -> int:
        """Decide those of a quarantined message's items that this site knows by now; how many those are.

        They leave the quarantine in the transaction that keeps what follows. Calls are decided in their order.
        Raises JournalError: then they are in quarantine as before. Never call it twice at once for one message.
        """
        routed = adoptable(self._route(record.message), indexes, record.message.arrived.utc)
        for begin in range(0, len(routed.items), PIECE):
            some = Routed(routed.message, routed.items[begin : begin + PIECE])
            sensors = [sensor.id for sensor in sensors_of(some)]
            async with self._loading:
                await self._load(sensors)
                at = self._clock.now()
                decision = decide(self._site, some, record.id, self._memory, at)
                kept = decision.message.media if decision.message is not None else ()
                decision = msgspec.structs.replace(decision, message=None, adopted=Adopted(record.id, kept))
                commit = self._commit(decision, sensors)
            await self._committed(decision, commit, sensors)
        return len(routed.items)

    async def tell(self, routed: Routed) -> Decision:
        """What the bridge says of itself, by the same way as what sensors say. Raises JournalError."""
        sensors = [sensor.id for sensor in sensors_of(routed)]
        async with self._loading:
            await self._load(sensors)
            at = routed.message.arrived
            decision = decide(self._site, routed, self._ids.next(at), self._memory, at)
            commit = self._commit(decision, sensors)
        await self._committed(decision, commit, sensors)
        return decision

    async def remember(self, changes: Sequence[StateChange]) -> None:
        """What people say of sensors; durable when this returns. Raises JournalError."""
        sensors = [change.key.sensor for change in changes]
        async with self._loading:
            await self._load(sensors)
            decision = Decision(at=self._clock.now(), changes=tuple(changes))
            commit = self._commit(decision, sensors)
        await self._committed(decision, commit, sensors)
        for change in changes:
            if change.value is None:
                self.said.pop(change.key, None)
            else:
                self.said[change.key] = read(change.value)

    async def restore(self) -> None:
        """Find what a crash or a stop left of messages that are decided in part: ``run`` goes on with it, and later
        messages of their sensors wait for it. Before any connector runs. Raises JournalError."""
        found = await self._journal.undecided(None)
        while found is not None:
            self._remainders.add(await self._rest_of(found))
            found = await self._journal.undecided(found.record.id)

    @property
    def decided_in_part(self) -> int:
        """Messages in the journal that say so much that some of it is not decided yet."""
        return len(self._remainders)

    async def position(self, name: str) -> Position | None:
        """The durable bookmark a poller left under this name."""
        return await self._journal.position(name)

    async def _take(self, message: Message, fired: Routed | None) -> Receipt:
        if self._stopping:
            return Receipt(ReceiptKind.LATER, "stopping", after=LATER)
        if self._waiting >= self._limit:
            return Receipt(ReceiptKind.LATER, "overloaded", after=LATER)
        if fired is not None:
            routed = fired
        elif self._large or _text(message) > LARGE:
            self._waiting += 1
            try:
                routed = await self._route_large(message)
            finally:
                self._waiting -= 1
        else:
            routed = self._route(message)
        sensors = [sensor.id for sensor in sensors_of(routed)]
        turn = self._turns.take(routed, sensors) if self._turns is not None else None
        place: Place | None = None
        self._waiting += 1
        try:
            if turn is not None:
                routed = await self._with_pictures(turn, message, routed, fired is not None)
                sensors = [sensor.id for sensor in sensors_of(routed)]
            while True:
                if self._loading.busy or not self._ready(sensors):
                    async with self._loading:  # first come, first decided: those behind wait their turn
                        await self._load(sensors)
                        if not self._remainders.must_wait(sensors, place):
                            pending = self._decide(message, routed, sensors, test=fired is not None)
                            break
                        place = place or self._remainders.line_up(sensors)
                elif not self._remainders.must_wait(sensors, place):
                    pending = self._decide(message, routed, sensors, test=fired is not None)
                    break
                else:
                    place = place or self._remainders.line_up(sensors)
                routed = await self._behind(place, message, routed, fired is not None)
                sensors = [sensor.id for sensor in sensors_of(routed)]
            message_id, decision, commit = pending
            rest = None if decision.piece is None else self._rest(routed, decision, commit)
            if place is not None:
                self._remainders.leave(place)
                place = None
            if turn is not None:
                turn.decided()
            if rest is not None:
                return await self._in_pieces(rest, decision, commit, sensors)
            await self._committed(decision, commit, sensors)
        except Full as full:
            self._conditions.begin("journal", f"full: {full}")
            return Receipt(ReceiptKind.LATER, str(full), after=30.0)
        except Fenced as fenced:
            self._conditions.begin("journal", f"taken over: {fenced}")
            return Receipt(ReceiptKind.LATER, str(fenced), after=30.0)
        except JournalError as error:
            return Receipt(ReceiptKind.LATER, str(error), after=LATER)
        finally:
            self._waiting -= 1
            if place is not None:
                self._remainders.leave(place)
            if turn is not None:
                turn.over()
        return _receipt({verdict.fate for verdict in decision.verdicts}, decision.quarantined, message_id)

    async def _behind(self, place: Place, message: Message, routed: Routed, fired: bool) -> Routed:
        """The message, once those of its sensors that came before are decided to the end. Raises JournalError."""
        site = self._site
        await self._remainders.turn(place)
        return routed if self._site is site or fired else self._route(message)

    def _rest(self, routed: Routed, decision: Decision, commit: asyncio.Future[None]) -> Rest:
        """What is left of a message whose first piece was decided just now."""
        assert decision.piece is not None
        rest = Rest(routed, self._site, decision.at, decision.piece, (), commit)
        rest.decided(decision)
        self._remainders.add(rest)
        return rest

    async def _in_pieces(
        self, rest: Rest, decision: Decision, commit: asyncio.Future[None], sensors: Sequence[SensorId]
    ) -> Receipt:
        """The receipt waits until all of the message is decided, for what became of it; but it is kept before."""
        await self._committed(decision, asyncio.shield(commit), sensors)
        later = await rest.answer
        if later:
            return Receipt(ReceiptKind.ACCEPTED, later, rest.piece.message)
        return _receipt(rest.fates, rest.quarantined, rest.piece.message)

    async def decide_next(self, rest: Rest) -> Coroutine[Any, Any, None]:
        """For ``Remainders``: the next piece of a message that is in the journal."""
        if rest.site is not self._site:  # another site meanwhile: its sensors are those that count
            site = self._site
            rest.read_as(await asyncio.to_thread(self._route, rest.routed.message), site)
        some = Routed(rest.routed.message, rest.routed.items[:PIECE])
        sensors = [*dict.fromkeys(sensor.id for sensor in sensors_of(some))]
        async with self._loading:
            await self._load(sensors)
            at, before = rest.arrived, rest.piece
            try:
                decision = decide_piece(self._site, rest.routed, before.message, self._memory, at, before=before)
            except Exception as error:  # as in _decide
                log.exception("the rest of message %s could not be decided", before.message)
                decision = undecided(rest.routed, before.message, at, f"deciding it failed: {error!r}", before)
            commit = self._commit(decision, sensors)
        rest.decided(decision)
        return self._committed(decision, commit, sensors)

    async def left_of(self, message: MessageId) -> Rest | None:
        """For ``Remainders``: what the journal says is left of a message."""
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
        site = self._site
        routed = await asyncio.to_thread(self._route, record.message)
        return Rest(routed, site, at, found.piece, {verdict.index for verdict in record.verdicts})

    async def _with_pictures(self, turn: Turn, message: Message, routed: Routed, fired: bool) -> Routed:
        """The message with what its links brought, once it is its turn."""
        site = self._site
        brought = await turn.brought()
        if self._site is not site and not fired:  # another site meanwhile: its sensors are those that count
            routed = self._route(message)
        return with_pictures(routed, brought) if turn.links else routed

    async def _route_large(self, message: Message) -> Routed:
        """Read a large message beside the loop, so that other sensors do not wait for it; what its origin sends
        meanwhile waits its turn. Python takes turns with the thread every few milliseconds, a decoder in C does not."""
        origin = message.origin
        key = (message.connector, origin.peer, origin.place)
        before = self._large.get(key)
        large = _text(message) > LARGE
        if before is None and not large:
            return self._route(message)
        mine = self._large[key] = asyncio.get_running_loop().create_future()
        try:
            if before is not None:
                await asyncio.shield(before)
            site = self._site
            routed = await asyncio.to_thread(self._route, message) if large else self._route(message)
            # Another site meanwhile: its sensors are those that count.
            return routed if self._site is site else self._route(message)
        finally:
            mine.set_result(None)
            if self._large[key] is mine:
                del self._large[key]

    def _route(self, message: Message) -> Routed:
        try:
            return self._router.route(message)
        except Exception as error:  # a profile must not raise; if one does, only this message suffers
            log.exception("a message of connector %s could not be read", message.connector)
            return Routed(message, (RoutedItem(Malformed(0, f"reading it failed: {error!r}")),))

    def _decide(
        self, message: Message, routed: Routed, sensors: Sequence[SensorId], test: bool
    ) -> tuple[MessageId, Decision, asyncio.Future[None]]:
        at = message.arrived
        message_id = self._ids.next(at)
        try:
            decision = decide_piece(self._site, routed, message_id, self._memory, at, test)
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
        return message_id, decision, self._commit(decision, sensors)

    def _commit(self, decision: Decision, sensors: Sequence[SensorId]) -> asyncio.Future[None]:
        """Hand a decision to the journal and remember it; one step, so that call order is commit order."""
        commit = self._journal.commit(decision)  # raises Full before anything is taken or remembered
        self._memory.pin(sensors)
        at = decision.at
        if decision.changes:
            self._memory.apply(decision.changes, at.utc.timestamp(), at.monotonic)
            for change in decision.changes:
                if change.due_in is not None:
                    self._set_timer(at.monotonic + change.due_in, change.key)
        return commit

    async def _committed(self, decision: Decision, commit: asyncio.Future[None], sensors: Sequence[SensorId]) -> None:
        try:
            await commit
        except Undone:
            self._forget()
            raise
        finally:
            self._memory.unpin(sensors)
        if self._observer is not None:
            self._observer.decided(decision)
        if self._conditions.holds("journal") and not any(each.urgency is Urgency.ALARM for each in decision.events):
            self._conditions.end("journal")  # an alarm is kept in the reserve, too: it says nothing about the room

    # --------------------------------------------------------------------------------------------------- memory

    def _ready(self, sensors: Iterable[SensorId]) -> bool:
        self._look_for_undone()
        return all(self._memory.knows(sensor) for sensor in sensors)

    async def _load(self, sensors: Iterable[SensorId]) -> None:
        while not self._ready(sensors):
            missing = [sensor for sensor in dict.fromkeys(sensors) if not self._memory.knows(sensor)]
            generation = self._generation
            rows = await self._journal.state(missing)
            if generation != self._journal.generation:
                continue
            now = self._clock.now().monotonic
            facts: dict[SensorId, dict[StateKey, Fact]] = {sensor: {} for sensor in missing}
            for key, row in rows.items():
                facts[key.sensor][key] = _fact(row, now)
            for sensor in missing:
                self._memory.load(sensor, facts[sensor])

    def _look_for_undone(self) -> None:
        if self._generation != self._journal.generation:
            self._forget()

    def _forget(self) -> None:
        """Decisions were undone: what was remembered from them, timers too, is read anew from the journal."""
        if self._generation == self._journal.generation:
            return
        self._generation = self._journal.generation
        self._memory.clear()
        self._timers.clear()
        self._armed.clear()
        self._timers_lost = True
        self._timer_set.set()

    # --------------------------------------------------------------------------------------------------- timers

    def _set_timer(self, due: float, key: StateKey) -> None:
        """One entry for each key, however often its timer is put off: one that fires early waits for the rest."""
        if self._armed.get(key, due + 1.0) <= due:
            return
        self._armed[key] = due
        heapq.heappush(self._timers, (due, next(self._timer_order), key))
        if self._timers[0][2] is key:
            self._timer_set.set()

    async def run(self) -> None:
        """Decide what timers ask for, and what is left of messages that say very much, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._remainders.run(), name="remainders")
            await self._run_timers()

    async def _run_timers(self) -> None:
        while True:
            if self._timers_lost:
                self._timers_lost = False
                now = self._clock.now().monotonic
                self.said.clear()
                for row in await self._journal.timers():
                    self._set_timer(now + (row.remaining or 0.0), row.key)
                    if row.key.kind == SERVICE:
                        self.said[row.key] = read(row.value)
            self._timer_set.clear()
            wait = self._timers[0][0] - self._clock.now().monotonic if self._timers else None
            if wait is not None and wait <= 0:
                await self.fire_due()
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._timer_set.wait()
            except TimeoutError:
                continue

    async def fire_due(self) -> None:
        """Decide all timers that are due now, and wait for their commits."""
        now = self._clock.now()
        due: list[StateKey] = []
        while self._timers and self._timers[0][0] <= now.monotonic and len(due) < PIECE:
            moment, _, key = heapq.heappop(self._timers)
            if self._armed.get(key) == moment:
                del self._armed[key]
                due.append(key)
        commits: list[tuple[Decision, asyncio.Future[None], list[SensorId]]] = []
        failed = ""
        async with self._loading:
            await self._load([key.sensor for key in due])
            for place, key in enumerate(due):
                fact = self._memory.get(key.sensor, key.kind, key.key, now.utc.timestamp())
                if fact is None or fact.due is None:
                    continue  # raised or withdrawn meanwhile
                if fact.due > now.monotonic:
                    self._set_timer(fact.due, key)
                    continue
                try:
                    decision = decide_timer(self._site, key, self._memory, now)
                    self.said.pop(key, None)
                except Exception:  # a fault of ours must not stop all other timers; it is tried again
                    log.exception("the timer of %s %s could not be decided", key.sensor, key.key)
                    self._set_timer(now.monotonic + 60.0, key)
                    continue
                try:
                    commits.append((decision, self._commit(decision, [key.sensor]), [key.sensor]))
                except JournalError as error:
                    failed = str(error)
                    for late in due[place:]:
                        self._set_timer(now.monotonic + LATER, late)
                    break
        for decision, commit, sensors in commits:
            try:
                await self._committed(decision, commit, sensors)
            except JournalError as error:
                failed = str(error)
        if failed:
            self._conditions.begin("journal", failed)
            await self._clock.sleep(LATER)

    # ---------------------------------------------------------------------------------------------------- reload

    def replace(self, site: Site) -> None:
        """Decide by another site from the next message on."""
        self._site = site
        self._router = Router(site)

    async def beat(self) -> None:
        """Go the way of a message whose sensor has to be read from the journal first, and decide nothing."""
        async with self._loading:
            self._look_for_undone()

    def stop(self) -> None:
        """Take nothing more; what is being taken finishes."""
        self._stopping = True


def _text(message: Message) -> int:
    """Bytes that have to be read: all but the pictures that stand alone."""
    length = len(message.body)
    for part in message.parts:
        if part.data[:2] not in _PICTURES:
            length += len(part.data)
    return length


def _fact(row: StateRow, now: float) -> Fact:
    return Fact(row.value, row.expires, None if row.remaining is None else now + row.remaining)


def _receipt(fates: Collection[Fate], quarantined: Sequence[Quarantined], message_id: MessageId) -> Receipt:
    """The best that became of any item; a message in which nothing was readable or known is said to be so."""
    for fate, kind in _RECEIPTS:
        if fate in fates:
            return Receipt(kind, message=message_id)
    if not quarantined:
        return Receipt(ReceiptKind.FILTERED, "the message says nothing", message_id)
    first = quarantined[0]
    return Receipt(ReceiptKind.UNKNOWN if first.unknown else ReceiptKind.MALFORMED, first.why, message_id)

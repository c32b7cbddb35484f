"""Group commit: what arrives while one batch is being synced forms the next.

Everything here runs on the event loop; only the sync itself is elsewhere (``commit``). A batch is built from the
queues in the order decisions, outcomes, claims, so that a delivery may be inserted already begun, or begun by the
outcome of the one before it. Nothing of it counts until it is durable: ``_undo`` puts memory back as it was.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, cast

from bridge.clock import Clock
from bridge.journal.contract import Fenced, JournalError, Lease, Undone
from bridge.journal.sqlite.batch import Batch, Chore, NoRoom, Settling, Waiting, is_full
from bridge.journal.sqlite.budget import Budget
from bridge.journal.sqlite.checkpoint import Checkpoints
from bridge.journal.sqlite.claims import Claims
from bridge.journal.sqlite.commit import Committer
from bridge.journal.sqlite.facts import Facts
from bridge.journal.sqlite.landing import land, undo
from bridge.journal.sqlite.lanes import Entry, LaneQueue, Lanes
from bridge.journal.sqlite.ledger import Backlog, Ledger
from bridge.journal.sqlite.operator import give_up
from bridge.journal.sqlite.outcomes import conclude
from bridge.journal.sqlite.quarantine import Origins
from bridge.journal.sqlite.rows import Recorder, Rows, open_pending
from bridge.journal.sqlite.schema import BEGUN, holds
from bridge.model import Delivered

log = logging.getLogger("bridge.journal")
T = TypeVar("T")

BATCH_ITEMS = 100
"""Decisions in one batch, those of messages with many items counted by those: to write them holds the loop up, by some
50 µs an item. Of a message that is decided in pieces it takes one piece."""
BATCH_BYTES = 8 * 2**20
LINGER = 0.02
"""Seconds an outcome that nobody waits for may wait for company. Were it lost in a crash, the delivery would be looked
for in the VMS and found; alone it would cost a sync of its own, every second one at an ordinary rate."""
MOST_LINGERING = 16
_FIRST_RETRY, _LONGEST_RETRY = 0.1, 5.0
"""Seconds after a second failure in a row, and at most. After the first it is tried again at once."""


class Writer:
    """The queues and the batch under way."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        lease: Lease,
        clock: Clock,
        lanes: Lanes,
        ledger: Ledger,
        origins: Origins,
        facts: Facts,
        on_expired: Callable[[Backlog, int], None],
        before_commit: Callable[[], None] | None,
        checkpoints: Checkpoints,
    ) -> None:
        self._connection = connection
        self._checkpoints = checkpoints
        self._copies_tail = False
        self._lease = lease
        self._clock = clock
        self._lanes = lanes
        lanes.on_unreadable = self._give_up
        self._ledger = ledger
        self._origins = origins
        self.facts = facts
        self._on_expired = on_expired
        self._loop = asyncio.get_running_loop()
        self.recorder = Recorder(connection, folder, lanes, origins)
        self.claims = Claims(lanes, self.wake)
        self.budget: Budget | None = None
        self._committer: Committer[Batch] = Committer(connection, folder, self._done, before_commit)
        self._decisions: list[Waiting] = []
        self._settlings: list[Settling] = []
        self._chores: list[Chore[object]] = []
        self.queued_bytes = 0
        self._scheduled = self._busy = self._hurry = False
        self._lingering: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._retry_in = 0.0
        self._idle: list[asyncio.Future[None]] = []
        self.generation = 0
        self.stale = False
        """Decisions were undone and nobody has looked at ``generation`` since: what is decided now is wrong."""
        self._not_undone: list[asyncio.Future[None]] = []
        """The decisions before the last one that was undone by itself: they are still to be written."""
        self.fenced: Fenced | None = None
        self.closing = False
        """What is handed in now is not written; ``tell`` says so."""
        self.on_committed: Callable[[float], None] | None = None
        """Called after each batch with the seconds it took to be durable."""
        self._began = 0.0

    @property
    def queued(self) -> int:
        """Decisions that wait for a batch."""
        return len(self._decisions)

    # ------------------------------------------------------------------------------------------------------- queues

    def keep(self, waiting: Waiting) -> None:
        self._decisions.append(waiting)
        self.queued_bytes += waiting.size
        self.wake()

    def settle(self, settling: Settling) -> None:
        lane = settling.entry.lane
        self._settlings.append(settling)
        if lane.window or lane.more or lane.pending or not isinstance(settling.outcome, Delivered):
            self._hurry = True  # the lane has more to send, or has to be told to wait
        self.wake()

    def chore(
        self,
        run: Callable[[sqlite3.Connection, Rows], T],
        done: Callable[[T], None] | None = None,
        insist: bool = False,
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        if self.fenced is not None:
            future.set_exception(Fenced(str(self.fenced)))
            return future
        self._chores.append(cast("Chore[object]", Chore(run, done, insist, future)))
        self.wake()
        return future

    def _give_up(self, lane: LaneQueue, seq: int, why: str) -> None:
        log.error("%s: a delivery to %s cannot be read, given up: %s", lane.lane.sensor, lane.lane.camera, why)
        queue = lane.vms, lane.lane.urgency
        self.chore(give_up(queue, seq, f"its event cannot be read: {why}", self._clock.now()), insist=True)

    def wake(self) -> None:
        """There may be something to write. Built one turn of the loop later, so that all of this turn is in it."""
        if self._busy or self._scheduled:
            return
        if self._in_no_hurry():
            if self._lingering is None:
                self._lingering = self._loop.call_later(LINGER, self._linger_no_more)
            return
        self._scheduled = True
        self._loop.call_soon(self._build)

    def _in_no_hurry(self) -> bool:
        """Nothing waits but a few outcomes that may as well be written with what comes next."""
        others = self._hurry or self._decisions or self._chores or self.claims.beginning
        return not others and 0 < len(self._settlings) < MOST_LINGERING

    def _linger_no_more(self) -> None:
        self._lingering = None
        self._hurry = True
        self.wake()

    def _take_decisions(self) -> list[Waiting]:
        size = count = items = 0
        for waiting in self._decisions:
            if count and (items + waiting.items > BATCH_ITEMS or size >= BATCH_BYTES):
                break
            size += waiting.size
            items += waiting.items
            count += 1
        taken, self._decisions = self._decisions[:count], self._decisions[count:]
        self.queued_bytes -= size
        return taken

    # ----------------------------------------------------------------------------------------------------- building

    def _build(self) -> None:
        self._scheduled = False
        if self._busy or self.fenced is not None or self.closing:
            return
        if not self._pending():
            self._say_idle()
            return
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        self._hurry = False
        batch = Batch(self._take_decisions(), self._settlings, self._chores, self._clock.now())
        self._settlings, self._chores = [], []
        try:
            self._write(batch)
        except Exception as failure:  # noqa: BLE001 - every kind ends in a branch of _not_written, none is lost
            with suppress(sqlite3.Error):  # or nobody would be told
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            self._not_written(batch, failure)
        else:
            self._busy = True
            self._began = self._loop.time()
            self._committer.commit(batch, batch.rows.pictures, self._freed if self._checkpoints.tail else None)
            self._copies_tail = self._checkpoints.tail

    def _pending(self) -> bool:
        return bool(self._decisions or self._settlings or self._chores or self.claims.beginning)

    def _write(self, batch: Batch) -> None:
        connection, rows = self._connection, batch.rows
        connection.execute("BEGIN IMMEDIATE")
        self._check_epoch()
        for waiting in batch.decisions:
            for entry in self.recorder.add(rows, waiting.decision):
                self._enter(entry, batch)
        for settling in batch.settlings:
            conclude(settling, rows, self._lanes)
            if settling.final and settling.begin_next:
                settling.next = self._next(settling.entry.lane, batch)
        batch.claims = self.claims.start_writing()
        for claim in batch.claims:
            for entry in claim.heads:
                if entry not in batch.begun:
                    self._begin(entry, batch)
        open_pending(rows, rows.entered)
        rows.insert(connection)
        if self.budget is not None:
            batch.expirations = self.budget.enforce(connection, self._lanes, rows, batch.now.utc.timestamp())
            if batch.expirations.lanes:
                self._lanes.expire(batch.expirations.lanes)
        rows.update(connection)
        batch.merged = self.facts.merge(connection, batch.now.utc.timestamp(), sum(map(len, rows.changes.values())))
        for chore in batch.chores:
            chore.step(connection, rows)
        rows.sum_up(connection)

    def _check_epoch(self) -> None:
        if not holds(self._connection, self._lease.name, self._lease.epoch):
            raise Fenced("another process took this journal over: this one has stopped writing; stop it")

    def _enter(self, entry: Entry, batch: Batch) -> None:
        """A new delivery: inserted begun if it is its lane's head and a claim waits for it, else pending."""
        lane = entry.lane
        claim = self.claims.credit(lane.vms, lane.lane.urgency) if self._lanes.idle(lane) else None
        batch.rows.entered.append(entry)
        if claim is None:
            lane.pending.append(entry)
            return
        lane.current = entry
        self._begin_new(entry, batch)
        self.claims.give(claim, entry)

    def _begin_new(self, entry: Entry, batch: Batch) -> None:
        entry.state = BEGUN
        entry.begun_at = batch.now.utc
        entry.lane.loaded = max(entry.lane.loaded, entry.seq)
        batch.begun.add(entry)

    def _begin(self, entry: Entry, batch: Batch) -> None:
        if entry.begun_at is None:
            entry.begun_at = batch.now.utc
        batch.rows.begins.append((entry.attempts + 1, entry.begun_at.timestamp(), entry.seq))
        batch.rows.sums.move(entry.state, BEGUN)

    def _next(self, lane: LaneQueue, batch: Batch) -> Entry | None:
        if self._lanes.is_parked(lane):
            return None
        entry = self._lanes.pop(lane)
        if entry is not None:
            self._begin(entry, batch)
        elif lane.pending:
            entry = lane.pending.pop(0)
            self._begin_new(entry, batch)
        return entry

    # ------------------------------------------------------------------------------------------------- what came of it

    def _done(self, batch: Batch, failure: Exception | None) -> None:
        """Called by the commit thread through the loop."""
        self._busy = self._copies_tail
        if failure is not None:
            self._failed(batch, failure)
            if self._retry is not None:
                return  # before its time only when somebody hands something in
        else:
            self._retry_in = 0.0
            if self.on_committed is not None:
                self.on_committed(self._loop.time() - self._began)
            self._checkpoints.committed(batch.size, batch.rows.count(), self._facts_landed(batch))
            self._ledger.apply(batch.rows.sums)
            self._origins.apply(batch.rows.origins)
            land(batch, self._lanes, self.claims)
            if batch.expirations is not None:
                for queue, count in batch.expirations.counts.items():
                    self._on_expired(queue, count)
        # Waiters resolved above run in this turn of the loop, before the next batch is built: what they hand in
        # (a new claim, the next message) is in it.
        self.wake()

    def _facts_landed(self, batch: Batch) -> int:
        """Before whoever waits for them is told; about how many pages the merge has dirtied."""
        rows, step = batch.rows, batch.merged
        if step is not None:
            self.facts.stepped(step)
        if rows.changes:
            self.facts.landed(rows.changes, rows.change, rows.change_size)
        return 0 if step is None else step.pages

    def _freed(self, whole: bool) -> None:
        """The commit thread has copied the tail of the log and is done with the connection."""
        self._busy = False
        self._checkpoints.tail_copied(whole)
        self.wake()

    def _not_written(self, batch: Batch, failure: Exception) -> None:
        if isinstance(failure, sqlite3.OperationalError | OSError | Fenced):
            self._failed(batch, failure)
            return
        undo(batch, self._lanes, self.claims, self.budget)
        guilty = self._first_guilty(batch.decisions)
        if guilty is None:  # not a decision's fault: tell whoever handed something in rather than try for ever
            log.error("a batch could not be written", exc_info=failure)
            self._undo_decisions(batch.decisions, failure)
            _tell((*batch.settlings, *batch.chores), JournalError(f"not written: {failure}"))
            for settling in batch.settlings:
                settling.entry.settling = False
        else:
            log.error("a decision could not be written: %s", failure, exc_info=failure)
            self._undo_decisions(batch.decisions[guilty:], failure)
            self._queue_again(batch.decisions[:guilty], batch)
            self._not_undone += [waiting.future for waiting in batch.decisions[:guilty]]
        self.wake()

    def _first_guilty(self, decisions: list[Waiting]) -> int | None:
        """Try the decisions one by one, and write none of them."""
        lanes: set[int] = set()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for index, waiting in enumerate(decisions):
                rows = Rows()
                try:
                    rows.entered = self.recorder.add(rows, waiting.decision)
                    rows.lanes = {id: lane for id, lane in rows.lanes.items() if id not in lanes}
                    lanes.update(rows.lanes)
                    rows.insert(self._connection)
                    rows.sum_up(self._connection)
                except (sqlite3.OperationalError, OSError):
                    return None
                except Exception:  # noqa: BLE001 - its reason has been caught and logged before
                    return index
            return None
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _failed(self, batch: Batch, failure: Exception) -> None:
        """Nothing of the batch was kept. Decisions are undone; what was done outside is tried again until it is."""
        undo(batch, self._lanes, self.claims, self.budget)
        if isinstance(failure, Fenced):
            self._fence(failure, batch)
            return
        log.error("the journal could not write: %s", failure)
        self._undo_decisions(batch.decisions, failure)
        for chore in batch.chores:
            if not chore.insist:
                chore.fail(_undone(failure))
        batch.chores = [chore for chore in batch.chores if chore.insist]
        self._queue_again([], batch)
        if self._pending() and self._retry is None:
            self._retry = self._loop.call_later(self._retry_in, self.wake)
            self._retry_in = min(max(self._retry_in * 2, _FIRST_RETRY), _LONGEST_RETRY)

    def _queue_again(self, decisions: list[Waiting], batch: Batch) -> None:
        self._decisions[:0] = decisions
        self.queued_bytes += sum(waiting.size for waiting in decisions)
        self._settlings[:0] = batch.settlings
        self._chores[:0] = batch.chores

    def _undo_decisions(self, first: list[Waiting], failure: Exception) -> None:
        """These and all that were handed in after them are not kept."""
        undone = [*first, *self._decisions]
        self._decisions, self.queued_bytes = [], 0
        if not undone:
            return
        self.generation += 1
        self.stale = True
        _tell(undone, _undone(failure))

    def _fence(self, failure: Fenced, batch: Batch) -> None:
        self.fenced = failure
        log.critical("%s", failure)
        waiting: list[Waiting | Settling | Chore[object]] = [*batch.decisions, *self._decisions]
        waiting += [*batch.settlings, *self._settlings, *batch.chores, *self._chores]
        self._decisions, self._settlings, self._chores = [], [], []
        _tell(waiting, Fenced(str(failure)))
        self.claims.fail(Fenced(str(failure)))
        self._say_idle()

    async def caught_up(self) -> None:
        """Until what a ``generation`` did not undo is written: who read the facts before would miss its own."""
        while self._not_undone:
            await asyncio.wait(tuple(self._not_undone))
            self._not_undone = [each for each in self._not_undone if not each.done()]

    async def merge_facts(self) -> None:
        """Bring every fact that is in memory now into the table, batch by batch. Raises JournalError."""
        self.facts.hurried = True
        try:
            for _ in range(2):  # what is being merged, and what has come since
                self.facts.freeze()
                merging = self.facts.merging
                while merging is not None and self.facts.merging is merging:
                    await self.chore(_nothing)
        finally:
            self.facts.hurried = False

    # ------------------------------------------------------------------------------------------------------- stopping

    def _say_idle(self) -> None:
        for waiter in self._idle:
            if not waiter.done():
                waiter.set_result(None)
        self._idle.clear()

    async def drain(self, bound: float) -> None:
        """Wait until everything queued is durable, ``bound`` seconds at most (a full disk may not let it be)."""
        if self._busy or (self._pending() and self.fenced is None):
            idle = self._loop.create_future()
            self._idle.append(idle)
            self._hurry = True
            self.wake()
            await asyncio.wait([idle], timeout=bound)

    def stop(self) -> None:
        """End the threads. Blocks for the batch under way."""
        self._committer.stop()
        self._checkpoints.close()

    def tell(self, why: JournalError) -> None:
        """Nothing is written any more: say so to everybody who waits, now and later."""
        if self._lingering is not None:
            self._lingering.cancel()
        if self._retry is not None:
            self._retry.cancel()
        self.fenced = self.fenced or Fenced(str(why))
        _tell((*self._decisions, *self._settlings, *self._chores), why)
        self.claims.fail(why)


def _tell(waiting: Iterable[Waiting | Settling | Chore[object]], failure: Exception) -> None:
    for each in waiting:
        if not each.future.done():
            each.future.set_exception(failure)


def _nothing(connection: sqlite3.Connection, rows: Rows) -> None: ...


def _undone(failure: Exception) -> Undone:
    if is_full(failure):
        return NoRoom(f"not kept, the journal's disk is full ({failure}): make room; it goes on by itself")
    return Undone(f"not kept, the journal could not write it: {failure}")

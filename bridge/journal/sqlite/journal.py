"""The embedded journal: one folder, one process, every commit synced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from bridge.clock import Clock
from bridge.journal.contract import (
    FeedPage,
    Fenced,
    Figures,
    JournalError,
    LaneHead,
    Lease,
    Oldest,
    Parked,
    Query,
    Record,
    Refused,
    StateRow,
    Totals,
    Undecided,
    Undone,
)
from bridge.journal.sqlite import feed, figures, pieces, reads
from bridge.journal.sqlite.backup import tape_of
from bridge.journal.sqlite.batch import Settling, Waiting
from bridge.journal.sqlite.budget import Budget, Budgets
from bridge.journal.sqlite.checkpoint import Checkpoints
from bridge.journal.sqlite.claims import Claim
from bridge.journal.sqlite.clips import SqliteClips
from bridge.journal.sqlite.facts import UNMERGED
from bridge.journal.sqlite.files import CHECKPOINT_PAGES, Opened
from bridge.journal.sqlite.lanes import CAP
from bridge.journal.sqlite.ledger import AMENDMENTS, EVENTS, MESSAGES, Backlog
from bridge.journal.sqlite.limits import DEFAULTS, FreeSpace, Limits, Room, free_bytes
from bridge.journal.sqlite.operator import drop_dead, drop_quarantined, park, replay_dead, unpark
from bridge.journal.sqlite.purge import Purge
from bridge.journal.sqlite.reader import Reader
from bridge.journal.sqlite.retention import STATE_PER_SENSOR, cap_state
from bridge.journal.sqlite.rows import size_of, urgency_of
from bridge.journal.sqlite.writer import Writer
from bridge.model import (
    CameraId,
    Decision,
    DeliveryState,
    EventId,
    Instant,
    MediaId,
    MessageId,
    Outcome,
    Position,
    SensorId,
    SiteId,
    StateKey,
    Urgency,
    VmsId,
)

log = logging.getLogger("bridge.journal")
T = TypeVar("T")

OnExpired = Callable[[VmsId, Urgency, int], None]

_SMALL = 256  # facts of a sensor that are read on the loop; more are read in the reader's thread
_CLOSING = 5.0
_COUNT_FACTS_EVERY = 60.0
_MORE_SETTLED, _FUTILE = 100, 600.0
FINAL = (DeliveryState.DELIVERED, DeliveryState.EXPIRED, DeliveryState.DEAD)


class SqliteJournal:
    """Implements ``bridge.journal.contract.Journal``. Made by ``open``, used from the loop it was opened on."""

    def __init__(
        self,
        opened: Opened,
        settings: Limits,
        clock: Clock,
        budgets: Budgets,
        on_expired: OnExpired | None,
        free_space: FreeSpace,
        before_commit: Callable[[], None] | None,
        state_per_sensor: int,
        checkpoint_pages: int,
    ) -> None:
        self._opened = opened
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.lease = opened.lease
        self.folder = opened.folder
        self.on_expired = on_expired
        self._lanes = opened.lanes
        self._ledger = opened.ledger
        self._state_per_sensor = state_per_sensor
        self._facts = opened.facts
        self._facts_made: dict[SensorId, int] = {}
        self._facts_counted_at = -_COUNT_FACTS_EVERY
        self._refused: Sequence[Refused] = ()
        self._dead_seen = -1
        """How many dead deliveries there were when they were looked at."""
        self._facts_merged = 0
        self._free_space = free_space
        self._reserve = settings.reserve
        self._backups = 0
        self._purging = asyncio.Lock()
        self._look_again = 0, 0.0
        """After there was nothing to make room with: once so many are settled, or at that time of the loop."""
        self._room = Room(opened.folder, opened.reader, opened.ledger, settings, free_space)
        self._reader = Reader(opened.thread_reader, opened.folder)
        self._writer = Writer(
            opened.writer, opened.folder, opened.lease, clock, opened.lanes, opened.ledger, opened.origins,
            opened.facts, self._expired, before_commit, Checkpoints(opened.copier, checkpoint_pages),
        )  # fmt: skip
        self._budget = Budget(budgets, opened.ledger, opened.oldest, self._writer.recorder.delivery)
        self._writer.budget = self._budget
        self._claims = self._writer.claims
        self._purge = Purge(self._writer, self._reader, opened.origins, opened.folder)
        self.clips = SqliteClips(self._writer, self._reader)
        self._sleeper: asyncio.Task[None] | None = None
        self._sleeps_until = 0.0
        self._lanes.on_timed = self._set_sleeper
        self._set_sleeper()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        site: SiteId,
        node: str,
        settings: Limits = DEFAULTS,
        clock: Clock,
        budgets: Budgets | None = None,
        on_expired: OnExpired | None = None,
        free_space: FreeSpace = free_bytes,
        before_commit: Callable[[], None] | None = None,
        cached: int = CAP,
        checkpoint_pages: int = CHECKPOINT_PAGES,
        state_per_sensor: int = STATE_PER_SENSOR,
        unmerged: int = UNMERGED,
    ) -> SqliteJournal:
        """Open the journal in folder ``path``, made when missing.

        ``node`` names this machine. ``budgets``: bytes of undelivered events per VMS and urgency; none is unlimited.
        ``on_expired`` is told what they ended. ``free_space`` and ``before_commit`` (called in the commit thread) are
        seams for tests; ``cached`` bounds the deliveries held in memory, ``unmerged`` the facts (see ``facts``).

        Raises Fenced when another process has it, JournalError when it is another site's, newer than this program,
        or damaged, and OSError when the folder cannot be made or written.
        """
        opened = await asyncio.to_thread(
            Opened, path, site, node, clock, quarantine_per_origin=settings.quarantine_per_origin, cached=cached,
            checkpoint_pages=checkpoint_pages, unmerged=unmerged,
        )  # fmt: skip
        return cls(
            opened, settings, clock, budgets or {}, on_expired, free_space, before_commit, state_per_sensor,
            checkpoint_pages,
        )  # fmt: skip

    # ---------------------------------------------------------------------------------------------------- decisions

    def commit(self, decision: Decision) -> asyncio.Future[None]:
        writer = self._writer
        self._refuse_if_fenced()
        future: asyncio.Future[None] = self._loop.create_future()
        if writer.stale:
            future.set_exception(Undone("a decision before this one was not kept: read the generation and decide anew"))
            return future
        size = size_of(decision)
        self._room.admit(urgency_of(decision), size, writer.queued, writer.queued_bytes, self._loop.time())
        if decision.changes:
            self._count_facts(decision)
        writer.keep(Waiting(decision, size, future))
        return future

    @property
    def generation(self) -> int:
        """Reading it says: what was remembered from undone decisions is forgotten, decide on."""
        self._writer.stale = False
        return self._writer.generation

    def _refuse_if_fenced(self, lease: Lease | None = None) -> None:
        if self._writer.fenced is not None:
            raise Fenced(str(self._writer.fenced))
        if lease is not None and lease.epoch != self.lease.epoch:
            raise Fenced(f"epoch {lease.epoch} of the journal has passed, it is at {self.lease.epoch}")

    def _count_facts(self, decision: Decision) -> None:
        for change in decision.changes:
            if change.value is not None:
                sensor = change.key.sensor
                count = self._facts_made[sensor] = self._facts_made.get(sensor, 0) + 1
                if count > self._state_per_sensor // 10:
                    self._facts_made[sensor] = 0
                    self._cap_facts(sensor)

    def _cap_facts(self, sensor: SensorId) -> None:
        capping = cap_state(sensor, self._state_per_sensor, self._facts, self._clock.now().utc.timestamp())
        capped = self._writer.chore(capping, partial(self._facts.forget, sensor))
        capped.add_done_callback(_log_failure)

    # -------------------------------------------------------------------------------------------------------- state

    async def state(self, sensors: Sequence[SensorId]) -> Mapping[StateKey, StateRow]:
        await self._writer.caught_up()
        now = self._clock.now().utc.timestamp()
        found: dict[StateKey, StateRow] = {}
        for sensor in sensors:
            over = self._facts.of(sensor)  # before the table is read: what is merged meanwhile is in both
            rows = reads.state_of(self._opened.reader, sensor, now, over, _SMALL)
            if rows is None:
                rows = await self._reader.ask(
                    lambda connection, s=sensor, o=over: reads.state_of(connection, s, now, o)  # type: ignore[misc]
                )
            for row in rows or ():
                found[row.key] = row
        return found

    async def timers(self) -> Sequence[StateRow]:
        await self._writer.caught_up()
        now = self._clock.now().utc.timestamp()
        over = self._facts.all()
        return await self._reader.ask(lambda connection: reads.timers(connection, now, over))

    async def undecided(self, after: MessageId | None) -> Undecided | None:
        return await self._reader.ask(lambda connection: pieces.next_undecided(connection, after))

    async def position(self, name: str) -> Position | None:
        return reads.position(self._opened.reader, name)

    # --------------------------------------------------------------------------------------------------- deliveries

    async def claim(self, lease: Lease, vms: VmsId, least: Urgency, now: Instant, limit: int) -> Sequence[LaneHead]:
        self._refuse_if_fenced(lease)
        if limit < 1:
            raise ValueError("a claim has room for one head at least")
        self._wake_lanes(now.monotonic)
        claim = Claim(vms, least, limit, self._loop.create_future())
        self._claims.add(claim)
        return await self._heads(claim)

    async def probe(self, lease: Lease, vms: VmsId, camera: CameraId | None, now: Instant) -> LaneHead | None:
        self._refuse_if_fenced(lease)
        claim = Claim(vms, Urgency.NOTICE, 1, self._loop.create_future())
        if not self._claims.probe(claim, camera):
            return None
        heads = await self._heads(claim)
        return heads[0] if heads else None

    async def _heads(self, claim: Claim) -> list[LaneHead]:
        try:
            return await claim.future
        except asyncio.CancelledError:
            self._claims.cancel(claim)
            raise

    async def settle(self, head: LaneHead, outcome: Outcome, now: Instant, begin_next: bool) -> LaneHead | None:
        self._refuse_if_fenced()
        entry = self._claims.claimed.get(head.ref)
        if entry is None or entry.settling:
            raise JournalError(f"delivery {head.delivery.event.id} to {head.delivery.camera} is not claimed")
        entry.settling = True
        future: asyncio.Future[LaneHead | None] = self._loop.create_future()
        self._writer.settle(Settling(entry, outcome, head.delivery.possible_duplicate, now, begin_next, future))
        try:
            return await future
        except asyncio.CancelledError:
            written = future.done() and not future.cancelled() and future.exception() is None
            following = future.result() if written else None
            if following is not None:
                self._claims.give_back([self._claims.claimed[following.ref]])
            raise

    async def park(self, parked: Parked) -> None:
        self._refuse_if_fenced()
        self._lanes.parked[parked.vms, parked.camera] = parked
        await self._writer.chore(park(parked), insist=True)

    async def unpark(self, vms: VmsId, camera: CameraId | None) -> None:
        self._refuse_if_fenced()
        self._lanes.parked.pop((vms, camera), None)
        self._claims.unpark(vms, camera)
        await self._writer.chore(unpark(vms, camera), insist=True)

    async def parked(self) -> Sequence[Parked]:
        return sorted(self._lanes.parked.values(), key=lambda each: each.since)

    def set_budgets(self, budgets: Budgets) -> None:
        """New budgets, heard by the next batch."""
        self._budget.set(budgets)
        self._writer.chore(_nothing).add_done_callback(_log_failure)

    def _expired(self, queue: Backlog, count: int) -> None:
        log.warning("%s: %d %s deliveries ended, its budget is spent", queue[0], count, queue[1].name.lower())
        if self.on_expired is not None:
            self.on_expired(queue[0], queue[1], count)

    # ------------------------------------------------------------------------------------------------- waiting lanes

    def _wake_lanes(self, monotonic: float) -> None:
        for lane in self._lanes.wake(monotonic):
            self._claims.offer(lane)

    def _set_sleeper(self) -> None:
        """One sleeper for all lanes, until the soonest of their times."""
        until = self._lanes.next_ready()
        if until is None or (self._sleeper is not None and self._sleeps_until <= until):
            return
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._sleeps_until = until
        self._sleeper = self._loop.create_task(self._sleep(until), name="journal-lanes")

    async def _sleep(self, until: float) -> None:
        await self._clock.sleep(max(until - self._clock.now().monotonic, 0.0))
        self._sleeper = None
        self._wake_lanes(max(until, self._clock.now().monotonic))
        self._set_sleeper()

    # -------------------------------------------------------------------------------------------------- the operator's

    async def replay(self, event: EventId, camera: CameraId, now: Instant) -> int:
        self._refuse_if_fenced()
        replay = replay_dead(event, camera, self._writer.recorder)
        lanes: list[int] = await self._writer.chore(replay, self._claims.replayed)
        return len(lanes)

    async def drop(self, event: EventId, camera: CameraId, why: str, now: Instant) -> int:
        self._refuse_if_fenced()
        return await self._writer.chore(drop_dead(event, camera, why, now))

    async def drop_quarantined(self, message: MessageId, index: int | None = None) -> int:
        """Take a message's items, or one, out of quarantine; its row stays until retention. How many items."""
        self._refuse_if_fenced()
        return await self._writer.chore(drop_quarantined(message, index, self._opened.origins))

    async def purge(self, older_than: float, limit: int = 10_000) -> int:
        """Remove up to ``limit`` settled events and messages that arrived before ``older_than`` (epoch seconds), with
        their pictures, and facts that have expired; younger ones too, the oldest first, while the journal takes nearly
        all it may. In small batches, between which others write; how many went. Raises JournalError."""
        self._refuse_if_fenced()
        async with self._purging:
            if self._backups:  # what a backup has in its tables it also has to find
                return 0
            self._dead_seen = -1
            now = self._clock.now().utc.timestamp()
            try:
                removed = await self._purge.run(older_than, limit, now)
                return removed + await self._make_room(now - older_than, now)
            except (sqlite3.Error, OSError, msgspec.MsgspecError) as failure:
                raise JournalError(f"what is old could not be removed: {failure}") from failure

    async def _make_room(self, retention: float, now: float) -> int:
        short = self._room.running_short()
        deliveries = self._ledger.deliveries()
        settled = sum(deliveries[state.value] for state in FINAL)
        if short is None or (settled < self._look_again[0] and self._loop.time() < self._look_again[1]):
            return 0
        removed, kept_for = await self._purge.make_room(retention, short, now)
        if removed:
            log.warning(
                "the journal took nearly all it may: %d records went before their time, those older than %.1f h; "
                "raise its limit to keep them longer", removed, kept_for / 3600,
            )  # fmt: skip
        else:
            self._look_again = settled + _MORE_SETTLED, self._loop.time() + _FUTILE
        return removed

    async def backup(self, program: str) -> AsyncIterator[bytes]:
        """The journal as it is now, piece by piece (see ``backup``), while it goes on. Raises Full, JournalError."""
        pieces = tape_of(self._opened.folder, program, self._reserve, self._free_space)
        thread = ThreadPoolExecutor(1, thread_name_prefix="journal-backup")
        async with self._purging:  # what is being removed is not in it, pictures and all
            self._backups += 1
        try:
            while (piece := await self._loop.run_in_executor(thread, next, pieces, None)) is not None:
                yield piece
        finally:
            self._backups -= 1
            thread.submit(pieces.close)
            thread.shutdown(wait=False)

    # ------------------------------------------------------------------------------------------------------- reading

    def read(self, query: Query) -> AsyncIterator[Record]:
        return self._reader.read(query)

    async def media(self, media: MediaId) -> bytes:
        return await self._reader.media(media)

    async def feed(self, after: str | None, limit: int) -> FeedPage:
        return await self._reader.ask(lambda connection: feed.page(connection, self._opened.feed_name, after, limit))

    async def head(self) -> str:
        return await self._reader.ask(lambda connection: feed.head(connection, self._opened.feed_name))

    async def behind(self, position: str) -> int:
        return await self._reader.ask(lambda connection: feed.behind(connection, self._opened.feed_name, position))

    async def keep(self, position: Position) -> None:
        self._refuse_if_fenced()
        await self._writer.chore(feed.keep(position))

    async def totals(self) -> Totals:
        return totals_of(self._opened, self._room.taken())

    async def figures(self) -> Figures:
        """What is not kept as a sum: a question to each lane, and one to the remembered facts a minute."""
        waiting = await self._reader.ask(figures.queues)
        now = self._loop.time()
        if now - self._facts_counted_at >= _COUNT_FACTS_EVERY:
            self._facts_counted_at = now
            self._facts_merged = await self._reader.ask(figures.facts)
        held = await self._reader.ask(figures.quarantined)
        unmerged = sum(map(len, self._facts.fresh.values()))
        dropped = sum(self._opened.origins.dropped().values())
        return figures.figures_of(
            self._ledger, waiting, self._facts_merged + unmerged, held, dropped, self._free_space(self._opened.folder)
        )

    async def beat(self) -> None:
        """Go the way of a write, and write nothing: returns when the commit thread has answered. Raises Fenced."""
        self._refuse_if_fenced()
        with contextlib.suppress(Undone):  # it could not write, and said so: it moves
            await self._writer.chore(_nothing)

    @property
    def on_committed(self) -> Callable[[float], None] | None:
        """Called after each batch with the seconds it took to be durable."""
        return self._writer.on_committed

    @on_committed.setter
    def on_committed(self, call: Callable[[float], None] | None) -> None:
        self._writer.on_committed = call

    async def oldest(self, least: Urgency) -> Sequence[Oldest]:
        if not any(urgency <= least for _, urgency in self._ledger.backlog()):
            return ()
        return await self._reader.ask(lambda connection: reads.oldest(connection, least))

    async def refused_alarms(self) -> Sequence[Refused]:
        dead = self._ledger.deliveries()[DeliveryState.DEAD.value]
        if dead != self._dead_seen:
            self._refused = await self._reader.ask(reads.refused_alarms)
            self._dead_seen = dead
        return self._refused

    @property
    def quarantine_dropped(self) -> Mapping[str, int]:
        """Items not kept because their sender's cap was reached, by origin."""
        return self._opened.origins.dropped()

    @property
    def cached_deliveries(self) -> int:
        """Deliveries held in memory ahead of their turn: bounded, however many wait."""
        return self._lanes.cached

    # -------------------------------------------------------------------------------------------------------- closing

    async def close(self) -> None:
        """Write what is queued, as far as the disk lets it within a bound, and let the folder go."""
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._lanes.on_timed = _no_sleeper
        await self._writer.drain(_CLOSING)
        self._writer.closing = True  # from here on the connection is no longer the loop's
        try:
            await asyncio.to_thread(self._stop)
        finally:
            self._writer.tell(JournalError("the journal has been closed"))

    def _stop(self) -> None:
        try:
            self._writer.stop()
            if self._writer.fenced is None:
                self._opened.merge_facts(self._clock)
        finally:  # whatever the disk says, the folder is let go
            self._reader.close()
            self._opened.abandon()


def totals_of(opened: Opened, size: int) -> Totals:
    ledger = opened.ledger
    return Totals(
        messages=ledger.value(MESSAGES),
        items=ledger.items(),
        events=ledger.value(EVENTS),
        amendments=ledger.value(AMENDMENTS),
        deliveries=ledger.deliveries(),
        open_bytes=ledger.backlog(),
        size=size,
    )


def _no_sleeper() -> None: ...


def _nothing(connection: sqlite3.Connection, rows: object) -> None: ...


def _log_failure(future: asyncio.Future[T]) -> None:
    if not future.cancelled() and (failure := future.exception()) is not None:
        log.warning("keeping house in the journal: %s", failure)

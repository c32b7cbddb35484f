"""Everything that goes to one VMS: who claims, who sends, and what is settled. No VMS waits for another.

Two claims wait all the time: one for alarms only, with connections of its own, and one for everything with the rest.
A hand that got a head goes on with its lane until that is empty, or others had better go first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from bridge.clock import Clock
from bridge.delivery.attempt import Attempt, Watch
from bridge.delivery.availability import Availability, Turn
from bridge.delivery.backoff import wait_until
from bridge.delivery.credentials import named_in, of_camera
from bridge.delivery.errand import Errands, Line
from bridge.delivery.observer import Observer
from bridge.delivery.parking import Parking, Trial
from bridge.delivery.pool import Pool
from bridge.delivery.trouble import Troubles
from bridge.delivery.verdict import REJECTIONS, Verdicts, waits
from bridge.journal.contract import Fenced, Journal, JournalError, LaneHead, Lease
from bridge.model import (
    Ambiguous,
    Blocked,
    CameraId,
    Delivered,
    Expired,
    MediaId,
    Outcome,
    Rejected,
    Retry,
    SensorEvent,
    Urgency,
    VmsId,
)
from bridge.secret import SecretRef, Secrets
from bridge.supervision import Conditions
from bridge.vms.base import VmsSettings, VmsTarget

log = logging.getLogger("bridge.delivery")

IN_A_ROW = 16
"""Deliveries of one lane after which others may go first."""
PROBED_AT_ONCE = 100
"""Deliveries that one slow probe takes up at most: most of them expired, a few rejected, one sent."""
JOURNAL_PAUSE = 1.0
"""Seconds until a journal that could not do what it was asked is asked again."""
JOURNAL_TRIES = 300
NOT_SENT = Retry("not sent: its turn has not come")
NOT_LOOKED_FOR = Ambiguous("not looked for: its turn has not come")


class Outlet:
    """One VMS. ``run`` until ``drain`` has been called."""

    def __init__(
        self,
        vms: VmsId,
        target: VmsTarget,
        settings: VmsSettings,
        journal: Journal,
        lease: Lease,
        secrets: Secrets,
        clock: Clock,
        conditions: Conditions,
        observer: Observer | None,
    ) -> None:
        self._vms = vms
        self._settings = settings
        self._journal = journal
        self._lease = lease
        self._clock = clock
        self._conditions = conditions
        self._observer = observer
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False
        self._idle = asyncio.Event()
        self._ended = asyncio.Event()
        self._attended = 0
        alarms, others = _sizes(settings)
        self._alarms = Pool(Urgency.ALARM, alarms, self._hire)
        self._others = Pool(Urgency.NOTICE, others, self._hire)
        self._troubles = Troubles()
        self._parking = Parking(vms, journal, secrets, clock, conditions, self._probe_parked)
        self._availability = Availability(
            f"vms {vms}", alarms + others, clock, conditions, self._stir, lambda: self._parking.whole_vms
        )
        self._verdicts = Verdicts(vms, self._availability, self._parking, self._troubles, self._depends_on)
        self._errands = Errands(
            target, settings, clock, self._availability, self._parking, self._verdicts, self._troubles, self._kept
        )
        self._watch = Watch(clock, lambda: 1.5 * self._settings.timeout + 2.0)

    # -------------------------------------------------------------------------------------------------------- running

    async def run(self) -> None:
        """Deliver until drained or cancelled. Raises Fenced when another process took the journal over."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            if not self._draining:
                await self._parking.load(self._depends_on)
                for name, work in (
                    ("alarms", self._claim(self._alarms)),
                    ("deliveries", self._claim(self._others)),
                    ("availability", self._availability.run()),
                    ("parking", self._parking.run()),
                    ("watch", self._watch.run()),
                ):
                    self._tasks.append(group.create_task(work, name=f"vms {self._vms}: {name}"))
            await self._ended.wait()
            for task in self._tasks:
                task.cancel()

    async def _kept(self, event: SensorEvent) -> Mapping[MediaId, bytes]:
        """Its pictures. One that retention removed, or that cannot be read, is no reason to hold its event back."""
        found = {}
        for each in event.media:
            with suppress(JournalError, OSError):
                found[each.id] = await self._journal.media(each.id)
        return found

    async def drain(self, bound: float) -> None:
        """Claim nothing more, give ``bound`` seconds to what is being sent, then end. What was claimed and not sent
        goes back unsent; what is not finished in time is found as ambiguous at the next start."""
        self._draining = True
        for task in self._tasks[:2]:
            task.cancel()
        self._availability.close()
        self._parking.close()
        self._attend(0)
        await wait_until(self._idle, self._clock, bound)
        self._ended.set()

    async def change(self, target: VmsTarget, settings: VmsSettings) -> None:
        """Go on with another target or other settings; the old target is closed when its last request has ended."""
        alarms, others = _sizes(settings)
        self._settings = settings
        self._alarms.size, self._others.size = alarms, others
        self._availability.resize(alarms + others)
        old = self._errands.change(target, settings)
        if old is not None:
            self._availability.soon()
            self._parking.soon()
            if self._group is not None:
                self._group.create_task(self._retire(old), name=f"vms {self._vms}: closing the old target")
            else:
                await old.target.close()
        self._stir()

    async def close_target(self) -> None:
        await self._retire(self._errands.line)

    async def _retire(self, line: Line) -> None:
        try:
            if line.users:
                await wait_until(line.unused, self._clock, 4 * self._settings.timeout + 10.0)
        finally:
            await line.target.close()

    def _stir(self) -> None:
        self._alarms.stir()
        self._others.stir()

    def _depends_on(self, camera: CameraId | None) -> set[SecretRef]:
        return named_in(self._settings) if camera is None else of_camera(self._errands.line.target, camera)

    def _attend(self, change: int) -> None:
        """Count who is busy with a head outside the pools (a parked one's probe), and notice when nobody is at all."""
        self._attended += change
        if self._draining and not (self._attended or self._alarms.busy or self._others.busy):
            self._idle.set()

    # ------------------------------------------------------------------------------------------------------- claiming

    async def _claim(self, pool: Pool) -> None:
        failed = False
        while True:
            room = self._room(pool)
            if room < 1:
                await pool.change()
                continue
            try:
                heads = await self._journal.claim(self._lease, self._vms, pool.least, self._clock.now(), room)
            except Fenced:
                raise
            except JournalError as error:
                self._conditions.begin("journal", str(error))
                await self._clock.sleep(JOURNAL_PAUSE)
                failed = True
                continue
            if failed:
                failed = False
                self._conditions.end("journal")
            for head in heads:
                pool.give(head)

    def _room(self, pool: Pool) -> int:
        """How many heads may be claimed now. Alarms always have their connections."""
        room = pool.size - pool.busy
        if pool is self._alarms or not self._availability.troubled:
            return room
        if self._availability.away:
            return min(room, 1 if self._availability.wants_candidate else 0)
        return min(room, self._availability.window - self._alarms.busy - self._others.busy)

    # --------------------------------------------------------------------------------------------------------- working

    def _hire(self, pool: Pool) -> None:
        assert self._group is not None
        attempt = Attempt()
        attempt.task = self._group.create_task(self._work(pool, attempt), name=f"vms {self._vms}: a hand")
        self._tasks.append(attempt.task)
        self._watch.add(attempt)

    async def _work(self, pool: Pool, attempt: Attempt) -> None:
        while True:
            head: LaneHead | None = await pool.next()
            in_a_row = 0
            while head is not None:
                in_a_row += 1
                head = await self._carry(head, attempt, in_a_row)
            pool.release()
            if self._draining:
                self._attend(0)

    async def _carry(self, head: LaneHead, attempt: Attempt, in_a_row: int) -> LaneHead | None:
        """One head to its outcome, settled; the next one of its lane if this hand is to go on with it."""
        turn = Turn.OPEN
        if self._availability.away or self._draining:
            fresh = not head.delivery.attempts and not head.ambiguous
            turn = await self._availability.turn(head.lane.urgency, fresh)
            if turn is Turn.NONE:
                return await self._settle(head, NOT_LOOKED_FOR if head.ambiguous else NOT_SENT, False)
        parking = self._parking
        try:
            if parking.entries and (blocked := parking.blocks(head.delivery.camera)):
                return await self._settle(head, blocked, False)
            head, outcome = await self._errands.run(head, attempt, turn is Turn.PROBE)
        finally:
            if turn is Turn.PROBE:
                self._availability.turn_over()
        return await self._settle(head, outcome, self._goes_on(head, outcome, in_a_row))

    def _goes_on(self, head: LaneHead, outcome: Outcome, in_a_row: int) -> bool:
        kind = type(outcome)
        if kind is not Delivered and kind is not Rejected and kind is not Expired:
            return False
        if self._draining or in_a_row >= IN_A_ROW or self._availability.away:
            return False
        alarms = self._alarms
        return alarms.busy < alarms.size or head.lane.urgency is Urgency.ALARM

    async def _settle(self, head: LaneHead, outcome: Outcome, begin_next: bool) -> LaneHead | None:
        try:
            following = await self._journal.settle(head, outcome, self._clock.now(), begin_next)
        except Fenced:
            raise
        except JournalError as error:
            if not await self._settle_later(head, outcome, error):
                return None
            following = None
        if self._observer is not None:
            self._observer.settled(head, outcome)
        return following

    async def _settle_later(self, head: LaneHead, outcome: Outcome, error: JournalError) -> bool:
        """The VMS was asked and the journal could not note it: insist, for a while."""
        for _ in range(JOURNAL_TRIES):
            self._conditions.begin("journal", str(error))
            await self._clock.sleep(JOURNAL_PAUSE)
            try:
                await self._journal.settle(head, outcome, self._clock.now(), False)
            except Fenced:
                raise
            except JournalError as again:
                error = again
            else:
                self._conditions.end("journal")
                return True
        log.error("vms %s: an outcome could not be noted, its lane waits for a restart: %s", self._vms, error)
        return False

    # --------------------------------------------------------------------------------------------------------- probing

    async def _probe_parked(self, camera: CameraId | None) -> Trial:
        """Send one delivery of a parked camera or VMS, an alarm if there is one."""
        if self._draining or not self._availability.take_probe():
            return Trial.UNKNOWN
        attempt = Attempt()
        attempt.task = asyncio.current_task()
        self._watch.add(attempt)
        self._attend(1)
        try:
            return await self._try_parked(camera, attempt)
        finally:
            self._availability.turn_over()
            self._watch.discard(attempt)
            self._attend(-1)

    async def _try_parked(self, camera: CameraId | None, attempt: Attempt) -> Trial:
        """A VMS parked for its rejections works as soon as it accepts a delivery of some other lane: meanwhile those
        it rejects are held, so that the journal gives others."""
        rejected: list[tuple[LaneHead, Outcome, bool]] = []
        trial = Trial.NOTHING_TO_SEND
        for _ in range(PROBED_AT_ONCE):
            head = await self._journal.probe(self._lease, self._vms, camera, self._clock.now())
            if head is None:
                break
            head, outcome = await self._errands.run(head, attempt, self._availability.away, True)
            trial = _trial(camera, outcome)
            if camera is None and _speaks_for_itself(outcome):
                rejected.append((head, outcome, attempt.taken))
                if len(rejected) >= REJECTIONS:
                    break
                continue
            await self._settle(head, outcome, False)
            if type(outcome) is not Expired:
                break
        for head, refused, taken in rejected:
            # Those it refused while it took another are dead; if it took none they wait.
            if isinstance(refused, Rejected) and trial is not Trial.WORKS:
                refused = waits(head, Blocked(refused.why, whole_vms=True), taken)
            await self._settle(head, refused, False)
        return Trial.REFUSED if rejected and trial is not Trial.WORKS else trial


def _trial(camera: CameraId | None, outcome: Outcome) -> Trial:
    """What the outcome of a slow probe says of the parked camera, or with None of the VMS."""
    match outcome:
        case Delivered():
            return Trial.WORKS
        case Rejected() if camera is not None:
            return Trial.WORKS  # it was let in, and refused for what it is
        case Blocked() | Rejected():
            return Trial.REFUSED
        case _:
            return Trial.UNKNOWN


def _speaks_for_itself(outcome: Outcome) -> bool:
    """Refused for what the delivery or its camera is: another lane may fare better."""
    return isinstance(outcome, Rejected) or (isinstance(outcome, Blocked) and not outcome.whole_vms)


def _sizes(settings: VmsSettings) -> tuple[int, int]:
    """Connections for alarms only, and the others; both get at least one."""
    alarms = min(settings.alarm_connections, settings.connections - 1)
    return alarms, settings.connections - alarms

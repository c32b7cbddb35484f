"""The journal against a model small enough to be right: lists per lane, and what is known of each delivery.

Whatever is committed, claimed, settled, parked, failed and killed in whatever order: heads are the firsts of their
lanes, the most urgent first, nothing is lost, nothing comes twice, and what may have been sent is ambiguous.

Threads decide what a claim gets that is cancelled, or waits while several commit. So no rule is chosen, and nothing is
drawn, by what is in flight: Hypothesis wants to see the same choices when it repeats a run.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.journal.contract import DeliveryRecord, LaneHead, Parked, Query, Undone
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.budget import WHY
from bridge.model import (
    Ambiguous,
    CameraId,
    Decision,
    Delivered,
    DeliveryState,
    EventId,
    Expired,
    Lane,
    Outcome,
    Rejected,
    Retry,
    Urgency,
    VmsId,
)
from tests.journal.conftest import Bench
from tests.journal.making import VMS, decision, now

T = TypeVar("T")
FINAL = {Delivered: DeliveryState.DELIVERED, Rejected: DeliveryState.DEAD, Expired: DeliveryState.EXPIRED}
OUTCOMES: tuple[Outcome, ...] = (
    Delivered("remote"), Delivered("remote"), Rejected("no"), Expired("late"), Retry("busy"), Ambiguous("cut"),
)  # fmt: skip
CAMERAS = ("gate-in", "gate-wide")


class Told:
    """One delivery in the model. ``marked``: its row says begun. ``doubtful``: the next claim must say ambiguous.
    ``returned``: a claim left it behind, and its row may or may not have been marked; ``unsure``: so after a kill
    it may come back either way."""

    def __init__(self, event: EventId) -> None:
        self.event = event
        self.marked = False
        self.doubtful = False
        self.attempts = 0
        self.returned = False
        self.unsure = False


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="journal-machine-"))
        self.bench = Bench(self.folder)
        self.journal: SqliteJournal
        self.lives = 0
        self.lanes: dict[Lane, list[Told]] = {}
        self.flying: dict[Lane, LaneHead] = {}
        self.ended = dict.fromkeys(FINAL.values(), 0)
        self.dead: list[tuple[EventId, Lane]] = []
        self.parked: set[str | None] = set()
        self.messages = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(120):
                return await work

        return self.runner.run(bounded())

    @initialize(cached=st.sampled_from([1, 3, 4096]))
    def open(self, cached: int) -> None:
        self.cached = cached
        self.journal = self.run(self.bench.open("0", cached=cached))

    def teardown(self) -> None:
        try:
            if hasattr(self, "journal"):
                self.drain()
        finally:
            self.run(self.bench.end())
            self.runner.close()
            shutil.rmtree(self.folder)

    # ------------------------------------------------------------------------------------------------------ decisions

    def enter(self, made: list[Decision]) -> None:
        self.messages += len(made)
        for each in made:
            for new in each.deliveries:
                lane = Lane(new.sensor, new.camera, new.urgency)
                self.lanes.setdefault(lane, []).append(Told(new.event))

    made = st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from([CAMERAS, CAMERAS[:1], CAMERAS[1:]]),
            st.sampled_from([Urgency.ALARM, Urgency.NOTICE]),
        ),
        min_size=1,
        max_size=6,
    ).map(lambda all: [decision(sensor=sensor, cameras=cameras, urgency=urgency) for sensor, cameras, urgency in all])

    @rule(made=made)
    def commit(self, made: list[Decision]) -> None:
        async def work() -> None:
            await asyncio.gather(*(self.journal.commit(each) for each in made))

        self.run(work())
        self.enter(made)

    @rule(made=made)
    def commit_fails(self, made: list[Decision]) -> None:
        async def work() -> list[object]:
            self.bench.disk.fail()
            return await asyncio.gather(*(self.journal.commit(each) for each in made), return_exceptions=True)

        before = self.journal.generation
        assert all(isinstance(result, Undone) for result in self.run(work()))
        assert self.journal.generation == before + 1

    @rule(made=made, limit=st.integers(1, 4), least=st.sampled_from(Urgency), fails=st.booleans())
    def commit_while_a_claim_waits(self, made: list[Decision], limit: int, least: Urgency, fails: bool) -> None:
        if self.ready(least):
            return

        async def work() -> list[LaneHead]:
            claiming = asyncio.create_task(self.journal.claim(self.journal.lease, VMS, least, now(), limit))
            await asyncio.sleep(0)
            if fails:
                self.bench.disk.fail()
                await asyncio.gather(self.journal.commit(decision(sensor="a")), return_exceptions=True)
                assert self.journal.generation
            await asyncio.gather(*(self.journal.commit(each) for each in made))
            self.enter(made)
            if self.ready(least):
                return list(await claiming)
            claiming.cancel()
            await asyncio.wait([claiming])
            return []

        heads = self.run(work())
        assert len(heads) <= limit
        for head in heads:
            self.take_off(head)

    # ----------------------------------------------------------------------------------------------------- deliveries

    def ready(self, least: Urgency) -> list[Lane]:
        """Lanes a claim may serve, most urgent first."""
        if None in self.parked:
            return []
        lanes = [
            lane
            for lane, waiting in self.lanes.items()
            if waiting and lane not in self.flying and lane.camera not in self.parked and lane.urgency <= least
        ]
        return sorted(lanes, key=lambda lane: lane.urgency)

    def take_off(self, head: LaneHead) -> None:
        first = self.lanes[head.lane][0]
        assert head.lane not in self.flying
        assert head.delivery.event.id == first.event, "not the first of its lane"
        if first.unsure:
            assert head.ambiguous or not first.marked
            first.doubtful, first.attempts = head.ambiguous, head.delivery.attempts
        assert (head.ambiguous, head.delivery.attempts) == (first.doubtful, first.attempts)
        first.marked = True
        first.returned = first.unsure = False
        self.flying[head.lane] = head

    @rule(limit=st.integers(1, 5), least=st.sampled_from(Urgency), fails=st.sampled_from([0, 0, 0, 1]))
    def claim(self, limit: int, least: Urgency, fails: int) -> None:
        ready = self.ready(least)
        if ready:
            if fails:
                self.bench.disk.fail()
            heads = self.run(self.journal.claim(self.journal.lease, VMS, least, now(), limit))
            assert len(heads) == min(limit, len(ready))
            assert [head.lane.urgency for head in heads] == [lane.urgency for lane in ready[: len(heads)]]
            for head in heads:
                self.take_off(head)

    @rule(turns=st.integers(0, 6), limit=st.integers(1, 3))
    def claim_and_leave(self, turns: int, limit: int) -> None:
        """Cancelled anywhere between asking and being answered: what it would have got is for others."""

        async def work() -> list[LaneHead]:
            claiming = asyncio.create_task(self.journal.claim(self.journal.lease, VMS, Urgency.NOTICE, now(), limit))
            for _ in range(turns):
                await asyncio.sleep(0)
            claiming.cancel()
            await asyncio.wait([claiming])
            await self.journal.unpark(VmsId("nobody's"), None)  # its begun marks, under way or not, are done with
            return [] if claiming.cancelled() else list(claiming.result())

        ready = self.ready(Urgency.NOTICE)
        heads = self.run(work())
        for head in heads:
            self.take_off(head)
        for lane in ready:
            if not heads:
                self.lanes[lane][0].returned = True

    @rule(
        pick=st.integers(0, 7),
        outcome=st.sampled_from(OUTCOMES),
        begin_next=st.booleans(),
        fails=st.sampled_from([0, 0, 1]),
    )
    def settle(self, pick: int, outcome: Outcome, begin_next: bool, fails: int) -> None:
        if not self.flying:
            return
        lane = list(self.flying)[pick % len(self.flying)]
        head = self.flying.pop(lane)
        if fails:
            self.bench.disk.fail()
        following = self.run(self.journal.settle(head, outcome, now(), begin_next))
        first = self.lanes[lane][0]
        if type(outcome) in FINAL:
            self.lanes[lane].pop(0)
            self.ended[FINAL[type(outcome)]] += 1
            if isinstance(outcome, Rejected):
                self.dead.append((first.event, lane))
            goes_on = begin_next and self.lanes[lane] and not self.parked & {None, lane.camera}
            assert (following is not None) == bool(goes_on)
            if following is not None:
                self.take_off(following)
            return
        assert following is None
        first.attempts += 1
        first.doubtful = first.marked = isinstance(outcome, Ambiguous)

    @rule(camera=st.sampled_from([*CAMERAS, None]))
    def park(self, camera: str | None) -> None:
        self.parked.add(camera)
        where = None if camera is None else CameraId(camera)
        self.run(self.journal.park(Parked(VMS, where, "refused", datetime.now(UTC))))

    @rule(camera=st.sampled_from([*CAMERAS, None]))
    def unpark(self, camera: str | None) -> None:
        self.parked.discard(camera)
        self.run(self.journal.unpark(VMS, None if camera is None else CameraId(camera)))

    @rule(camera=st.sampled_from([*CAMERAS, None]))
    def probe(self, camera: str | None) -> None:
        if camera not in self.parked:
            return
        where = None if camera is None else CameraId(camera)
        head = self.run(self.journal.probe(self.journal.lease, VMS, where, now()))
        lanes = [
            lane
            for lane, waiting in self.lanes.items()
            if waiting and lane not in self.flying and camera in (None, lane.camera)
        ]
        assert (head is not None) == bool(lanes)
        if head is not None:
            free = [lane for lane in lanes if camera is not None or lane.camera not in self.parked] or lanes
            assert head.lane.urgency == min(lane.urgency for lane in free)
            self.take_off(head)

    @rule(pick=st.integers(0, 7))
    def replay(self, pick: int) -> None:
        if not self.dead:
            return
        event, lane = self.dead.pop(pick % len(self.dead))
        assert self.run(self.journal.replay(event, lane.camera, now())) == 1
        self.ended[DeliveryState.DEAD] -= 1
        self.lanes[lane].append(Told(event))

    # ---------------------------------------------------------------------------------------------------------- kills

    @rule()
    def kill(self) -> None:
        self.lives += 1
        after = self.run(self.bench.crash(str(self.lives - 1), str(self.lives), cached=self.cached))
        self.run(self.bench.close(self.journal))
        shutil.rmtree(self.folder / str(self.lives - 1))
        self.journal = after
        self.look_at_marks()
        self.flying.clear()

    def look_at_marks(self) -> None:
        """What was claimed may have been sent. So may, as far as a table can tell, what was claimed and given back."""
        for lane, waiting in self.lanes.items():
            for place, told in enumerate(waiting):
                assert place == 0 or not told.marked, "only the first of a lane can have been begun"
                if told.marked and lane in self.flying:
                    told.attempts += 1
            if waiting:
                waiting[0].doubtful = waiting[0].marked
                waiting[0].unsure = waiting[0].returned

    @invariant()
    def sums_are_those_of_the_model(self) -> None:
        if hasattr(self, "journal"):
            totals = self.run(self.journal.totals())
            assert totals.messages == totals.events == self.messages
            waiting = sum(len(each) for each in self.lanes.values())
            assert totals.deliveries["pending"] + totals.deliveries["begun"] == waiting
            assert {state: totals.deliveries[state.value] for state in self.ended} == self.ended
            assert bool(totals.open_bytes) == bool(waiting)

    def drain(self) -> None:
        """In the end everything arrives, in order."""
        for camera in list(self.parked):
            self.unpark(camera)
        for lane, head in list(self.flying.items()):
            del self.flying[lane]
            assert self.run(self.journal.settle(head, Delivered(), now(), False)) is None
            self.lanes[lane].pop(0)
            self.ended[DeliveryState.DELIVERED] += 1
        while self.ready(Urgency.NOTICE):
            for head in self.run(self.journal.claim(self.journal.lease, VMS, Urgency.NOTICE, now(), 8)):
                self.take_off(head)
                following: LaneHead | None = head
                while following is not None:
                    del self.flying[head.lane]
                    following = self.run(self.journal.settle(following, Delivered(), now(), True))
                    self.lanes[head.lane].pop(0)
                    self.ended[DeliveryState.DELIVERED] += 1
                    if following is not None:
                        self.take_off(following)
        assert not any(self.lanes.values())
        self.sums_are_those_of_the_model()


class BudgetMachine(JournalMachine):
    """The same with a budget: what it ends is read from the table after each step, and is nothing that was begun."""

    def __init__(self) -> None:
        super().__init__()
        self.spent: Counter[tuple[EventId, Lane]] = Counter()

    @rule(limit=st.sampled_from([1_500, 4_000, 10**6]))
    def set_budget(self, limit: int) -> None:
        self.journal.set_budgets({VMS: dict.fromkeys(Urgency, limit)})
        self.run(self.journal.unpark(VmsId("nobody's"), None))  # any write: it is heard by then

    def take_off(self, head: LaneHead) -> None:
        """A batch that failed while it ended something has its lanes read anew: what a claim left behind, too."""
        first = self.lanes[head.lane][0]
        first.unsure = first.unsure or first.returned
        super().take_off(head)

    async def ended_by_it(self) -> Counter[tuple[EventId, Lane]]:
        found: Counter[tuple[EventId, Lane]] = Counter()
        query = Query(what="deliveries", states=(DeliveryState.EXPIRED,), limit=100_000)
        async for each in self.journal.read(query):
            if isinstance(each, DeliveryRecord) and each.why == WHY:
                found[each.event, Lane(each.sensor, each.camera, each.urgency)] += 1
        return found

    @invariant()
    def sums_are_those_of_the_model(self) -> None:
        if hasattr(self, "journal"):
            found = self.run(self.ended_by_it())
            for event, lane in (found - self.spent).elements():
                [place] = [place for place, told in enumerate(self.lanes[lane]) if told.event == event]
                assert place > 0 or lane not in self.flying, "what is begun does not end"
                del self.lanes[lane][place]
                self.ended[DeliveryState.EXPIRED] += 1
            self.spent = found
        super().sums_are_those_of_the_model()

    def drain(self) -> None:
        self.set_budget(10**6)
        self.sums_are_those_of_the_model()
        super().drain()


def _machine(examples: int, steps: int, base: type[JournalMachine] = JournalMachine) -> Any:
    machine: Any = type("Machine", (base,), {})
    machine.TestCase.settings = settings(
        max_examples=examples, stateful_step_count=steps, suppress_health_check=list(HealthCheck)
    )
    return machine.TestCase


TestJournalMachine = _machine(25, 30)
TestBudgetMachine = _machine(15, 30, BudgetMachine)
TestJournalMachineAtLength = pytest.mark.timeout(3600)(pytest.mark.slow(_machine(1000, 50)))
TestBudgetMachineAtLength = pytest.mark.timeout(3600)(pytest.mark.slow(_machine(300, 50, BudgetMachine)))

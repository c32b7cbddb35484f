"""What a batch does to memory: once it is durable, or when it is not."""

from __future__ import annotations

import asyncio

from bridge.journal.contract import LaneHead
from bridge.journal.sqlite.batch import Batch
from bridge.journal.sqlite.budget import Budget
from bridge.journal.sqlite.claims import Claims
from bridge.journal.sqlite.lanes import Entry, LaneQueue, Lanes
from bridge.journal.sqlite.outcomes import apply
from bridge.journal.sqlite.schema import BEGUN


def land(batch: Batch, lanes: Lanes, claims: Claims) -> None:
    """The batch is durable: lanes go on, then everybody who waited for it is told, deliveries first."""
    touched: dict[int, LaneQueue] = {}
    for new in batch.rows.lanes.values():
        new.stored = True
    for entry in batch.rows.entered:
        lane = entry.lane
        lane.pending.clear()
        if entry not in batch.begun:
            lanes.land(entry)
            touched[lane.id] = lane
    for settling in batch.settlings:
        entry = settling.entry
        entry.settling = False
        claims.claimed.pop(entry.seq, None)
        apply(settling, lanes)
        touched[entry.lane.id] = entry.lane
    for claim in batch.claims:
        for entry in claim.heads:
            entry.state = BEGUN
    lanes.expiring = frozenset()
    for lane in touched.values():
        claims.offer(lane)
    for claim in batch.claims:
        claims.written(claim)
    for settling in batch.settlings:
        _tell(settling.next, settling.future, lanes, claims)
    for chore in batch.chores:
        chore.finish()
    for waiting in batch.decisions:
        if not waiting.future.done():
            waiting.future.set_result(None)


def _tell(following: Entry | None, future: asyncio.Future[LaneHead | None], lanes: Lanes, claims: Claims) -> None:
    """Hand the lane's next delivery to whoever settled the last; if nobody is there any more, to others."""
    if future.done():
        if following is not None:
            claims.give_back([following])
        return
    if following is None:
        future.set_result(None)
        return
    claims.claimed[following.seq] = following
    future.set_result(lanes.seen(following))


def undo(batch: Batch, lanes: Lanes, claims: Claims, budget: Budget | None) -> None:
    """Nothing of the batch was kept: memory as it was before it was built."""
    lanes.expiring = frozenset()
    undone = set(batch.rows.entered)
    for entry in undone:
        entry.lane.pending.clear()
        if entry.lane.current is entry:
            entry.lane.current = None
    reread: set[int] = set()
    if batch.expirations is not None:
        reread = set(batch.expirations.lanes)
        if budget is not None:
            budget.undo(batch.expirations)
    for settling in batch.settlings:
        following, settling.next = settling.next, None
        if following is not None and following not in undone and following.lane.id not in reread:
            lanes.put_back(following)
    for lane_id in reread:
        lanes.reread(lanes.by_id(lane_id))
    claims.undo(batch.claims, undone)

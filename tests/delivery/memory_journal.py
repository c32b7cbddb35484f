"""The journal's lanes in memory: claim, settle, park and probe as the contract says, and a crash on demand."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bridge.clock import Clock
from bridge.delivery.backoff import wait_until
from bridge.journal.contract import LaneHead, Lease, Parked
from bridge.model import (
    Action,
    Ambiguous,
    Blocked,
    CameraId,
    Delivered,
    Delivery,
    DeliveryState,
    Expired,
    Instant,
    Lane,
    Outcome,
    Rejected,
    Retry,
    SensorEvent,
    Urgency,
    VmsId,
)


class Row:
    def __init__(self, seq: int, event: SensorEvent, camera: CameraId, vms: VmsId, action: Action) -> None:
        self.seq = seq
        self.event = event
        self.vms = vms
        self.lane = Lane(event.sensor, camera, event.urgency)
        self.action = action
        self.state = DeliveryState.PENDING
        self.ambiguous = False
        self.attempts = 0
        self.ready_at = 0.0
        self.begun_at: datetime | None = None
        self.possible_duplicate = False
        self.remote_id = ""
        self.why = ""


class MemoryJournal:
    """One claim never hands out a lane that is claimed; settling what is not claimed is an error of the caller."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lease = Lease("journal", "here", 1)
        self.rows: list[Row] = []
        self.claimed: dict[int, Row] = {}
        self.settled: list[tuple[LaneHead, Outcome]] = []
        self.claims: Counter[tuple[VmsId, Urgency]] = Counter()
        self._lanes: dict[tuple[VmsId, Lane], deque[Row]] = {}
        self._held: set[tuple[VmsId, Lane]] = set()
        self._parked: dict[tuple[VmsId, CameraId | None], Parked] = {}
        self._waiting: set[asyncio.Event] = set()
        self._remote_ids: dict[tuple[str, CameraId], str] = {}

    def add(self, event: SensorEvent, camera: str, vms: str = "cloud", action: Action = Action.RAISE) -> Row:
        """A delivery is committed."""
        row = Row(len(self.rows), event, CameraId(camera), VmsId(vms), action)
        self.rows.append(row)
        self._lanes.setdefault((row.vms, row.lane), deque()).append(row)
        self._wake()
        return row

    def crashed(self) -> None:
        """The process died and starts again: what was claimed is begun, and ambiguous."""
        for row in self.claimed.values():
            row.ambiguous = True
        self.claimed.clear()
        self._held.clear()
        self._waiting.clear()

    def states(self) -> Counter[DeliveryState]:
        return Counter(row.state for row in self.rows)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    def is_parked(self, vms: VmsId, camera: CameraId) -> bool:
        return (vms, None) in self._parked or (vms, camera) in self._parked

    # --------------------------------------------------------------------------------------------------- the contract

    async def claim(self, lease: Lease, vms: VmsId, least: Urgency, now: Instant, limit: int) -> Sequence[LaneHead]:
        assert limit > 0
        self.claims[vms, least] += 1
        while True:
            ready, rest = self._ready(vms, least)
            if ready:
                return [self._begin(row) for row in ready[:limit]]
            news = asyncio.Event()
            self._waiting.add(news)
            try:
                if rest is None:
                    await news.wait()
                else:
                    await wait_until(news, self.clock, rest)
            finally:
                self._waiting.discard(news)

    def _ready(self, vms: VmsId, least: Urgency) -> tuple[list[Row], float | None]:
        now = self.clock.now().monotonic
        ready, rest = [], None
        for key, rows in self._lanes.items():
            if not rows or key in self._held or key[0] != vms or self.is_parked(vms, key[1].camera):
                continue
            head = rows[0]
            if head.lane.urgency > least:
                continue
            if head.ready_at > now:
                rest = min(rest, head.ready_at - now) if rest is not None else head.ready_at - now
            else:
                ready.append(head)
        return sorted(ready, key=lambda row: (row.lane.urgency, row.seq)), rest

    def _begin(self, row: Row) -> LaneHead:
        self._held.add((row.vms, row.lane))
        self.claimed[row.seq] = row
        row.state = DeliveryState.BEGUN
        row.begun_at = row.begun_at or self.clock.now().utc
        delivery = Delivery(
            event=row.event,
            camera=row.lane.camera,
            vms=row.vms,
            action=row.action,
            attempts=row.attempts,
            remote_id=self._remote_ids.get((row.event.id, row.lane.camera)) if row.action is Action.AMEND else None,
            possible_duplicate=row.possible_duplicate,
        )
        return LaneHead(lane=row.lane, delivery=delivery, ambiguous=row.ambiguous, begun_at=row.begun_at, ref=row.seq)

    async def settle(self, head: LaneHead, outcome: Outcome, now: Instant, begin_next: bool) -> LaneHead | None:
        await asyncio.sleep(0)  # the commit
        row = self.claimed.pop(head.ref)
        key = (row.vms, row.lane)
        self._held.discard(key)
        self.settled.append((head, outcome))
        row.possible_duplicate = head.delivery.possible_duplicate
        row.attempts += 1
        row.why = getattr(outcome, "why", "")
        following = None
        match outcome:
            case Delivered() | Rejected() | Expired():
                ends = {
                    Delivered: DeliveryState.DELIVERED,
                    Rejected: DeliveryState.DEAD,
                    Expired: DeliveryState.EXPIRED,
                }
                row.state = ends[type(outcome)]
                if isinstance(outcome, Delivered):
                    row.remote_id = outcome.remote_id
                    self._remote_ids.setdefault((row.event.id, row.lane.camera), outcome.remote_id)
                lane = self._lanes[key]
                assert lane.popleft() is row
                if begin_next and lane and not self.is_parked(row.vms, row.lane.camera):
                    following = self._begin(lane[0])
            case Retry(after=after):
                row.state, row.ambiguous, row.ready_at = DeliveryState.PENDING, False, now.monotonic + after
            case Ambiguous(after=after):
                row.state, row.ambiguous, row.ready_at = DeliveryState.BEGUN, True, now.monotonic + after
            case Blocked():
                row.state = DeliveryState.BEGUN if row.ambiguous else DeliveryState.PENDING
                row.ready_at = now.monotonic + 1.0
        self._wake()
        return following

    async def park(self, parked: Parked) -> None:
        self._parked[parked.vms, parked.camera] = parked

    async def unpark(self, vms: VmsId, camera: CameraId | None) -> None:
        self._parked.pop((vms, camera), None)
        for (where, lane), rows in self._lanes.items():
            if where == vms and rows and (camera is None or lane.camera == camera):
                rows[0].ready_at = 0.0
        self._wake()

    async def parked(self) -> Sequence[Parked]:
        return list(self._parked.values())

    async def probe(self, lease: Lease, vms: VmsId, camera: CameraId | None, now: Instant) -> LaneHead | None:
        heads = [
            rows[0]
            for key, rows in self._lanes.items()
            if rows and key not in self._held and key[0] == vms and (camera is None or key[1].camera == camera)
        ]
        return self._begin(min(heads, key=lambda row: (row.lane.urgency, row.seq))) if heads else None


def event_late_by(event: SensorEvent, seconds: float) -> SensorEvent:
    return msgspec.structs.replace(event, occurred_at=event.occurred_at - timedelta(seconds=seconds))

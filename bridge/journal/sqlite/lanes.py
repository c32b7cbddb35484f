"""Lanes in memory: a bounded window on each lane's open deliveries, and which lanes are ready.

The table is the truth. A lane keeps a few of its next deliveries here (``window``); ``more`` says that the table may
have others behind them, ``loaded`` up to where it has been read. All windows together hold ``cap`` deliveries at
most, so that a million waiting ones cost no memory.
"""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from bridge.clock import Clock
from bridge.journal.contract import LaneHead, Parked
from bridge.journal.sqlite.schema import BEGUN
from bridge.model import Action, CameraId, Delivery, EventId, Lane, SensorEvent, SensorId, Urgency, VmsId

WINDOW = 32
CAP = 2048
_REMOTE_IDS = 4096

_EVENT = msgspec.msgpack.Decoder(SensorEvent)
_REFILL = (
    "SELECT d.seq, d.amend, d.size, d.state, d.attempts, d.begun_at, d.ready_at, d.ready_in, d.possible_duplicate, "
    "e.packed FROM delivery d JOIN event e ON e.seq = d.event "
    "WHERE d.lane = ? AND d.state < 2 AND d.seq > ? ORDER BY d.seq LIMIT ?"
)
_REMOTE_ID = (
    "SELECT d.remote_id FROM event e JOIN delivery d ON d.event = e.seq JOIN lane l ON l.id = d.lane "
    "WHERE e.id = ? AND d.amend = 0 AND d.state = 2 AND l.camera = ? AND l.vms = ? ORDER BY d.seq DESC LIMIT 1"
)


UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError)
"""What decoding a row raises that a fault of the disk, or another version of this program, has left."""


def _nobody() -> None: ...


class Entry:
    """One open delivery. ``state`` is its row's; ``attempts`` the sends begun before the one now under way."""

    __slots__ = (
        "ambiguous", "amend", "attempts", "begun_at", "event", "event_seq", "lane", "possible_duplicate", "seq",
        "settling", "size", "state",
    )  # fmt: skip

    def __init__(self, seq: int, lane: LaneQueue, event: SensorEvent, event_seq: int, amend: bool, size: int) -> None:
        self.seq = seq
        self.lane = lane
        self.event = event
        self.event_seq = event_seq
        self.amend = amend
        self.size = size
        self.state = 0
        self.attempts = 0
        self.ambiguous = False
        self.possible_duplicate = False
        self.begun_at: datetime | None = None
        self.settling = False


class LaneQueue:
    """One lane. ``current``: its claimed delivery; ``pending``: what the batch being written adds to it."""

    __slots__ = (
        "current", "id", "lane", "loaded", "more", "pending", "queued", "ready_at", "stored", "timed", "vms",
        "window",
    )  # fmt: skip

    def __init__(self, id: int, lane: Lane, vms: VmsId, stored: bool) -> None:
        self.id = id
        self.lane = lane
        self.vms = vms
        self.stored = stored
        self.window: list[Entry] = []
        self.more = False
        self.loaded = 0
        self.current: Entry | None = None
        self.pending: list[Entry] = []
        self.queued = False
        self.ready_at = 0.0
        self.timed = 0.0


class Lanes:
    """All lanes of one journal. ``connection`` is for reading, on the event loop's thread."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, cap: int = CAP) -> None:
        self.on_timed: Callable[[], None] = _nobody
        """Called when a lane begins to wait for a time: ``next_ready`` may have changed."""
        self.on_unreadable: Callable[[LaneQueue, int, str], None] = lambda lane, seq, why: None
        """Told of a delivery whose event cannot be read; its lane goes on without it."""
        self._connection = connection
        self._clock = clock
        self._cap = cap
        self._lanes: dict[tuple[VmsId, CameraId, SensorId, Urgency], LaneQueue] = {}
        self._by_id: dict[int, LaneQueue] = {}
        self._next_id = 1
        self._ready: dict[VmsId, tuple[deque[LaneQueue], ...]] = {}
        self._timed: list[tuple[float, int, LaneQueue]] = []
        self._order = itertools.count()
        self._remote_ids: OrderedDict[tuple[EventId, CameraId], str] = OrderedDict()
        self.parked: dict[tuple[VmsId, CameraId | None], Parked] = {}
        self.expiring: frozenset[int] = frozenset()
        """Deliveries that the batch under way expires: the read connection still shows them."""
        self.cached = 0
        """Deliveries in all windows."""

    def load(self) -> dict[tuple[VmsId, Urgency], int]:
        """Read all lanes and which have open deliveries, by one index probe each; the oldest open one per queue."""
        oldest: dict[tuple[VmsId, Urgency], int] = {}
        rows = self._connection.execute(
            "SELECT id, vms, camera, sensor, urgency, "
            "(SELECT seq FROM delivery d WHERE d.lane = lane.id AND d.state < 2 ORDER BY d.seq LIMIT 1) FROM lane"
        ).fetchall()
        for vms, camera, why, since in self._connection.execute("SELECT vms, camera, why, since FROM parked"):
            parked = Parked(vms, camera or None, why, datetime.fromtimestamp(since, UTC))
            self.parked[vms, parked.camera] = parked
        for id, vms, camera, sensor, urgency, head in sorted(rows, key=lambda row: row[5] or 0):
            lane = self._add(LaneQueue(id, Lane(sensor, camera, Urgency(urgency)), vms, True))
            if head is not None:
                lane.more = True
                oldest.setdefault((lane.vms, lane.lane.urgency), head)
                self.rest(lane)
        return oldest

    def _add(self, lane: LaneQueue) -> LaneQueue:
        key = lane.lane
        self._lanes[lane.vms, key.camera, key.sensor, key.urgency] = lane
        self._by_id[lane.id] = lane
        self._next_id = max(self._next_id, lane.id + 1)
        return lane

    def find(self, vms: VmsId, camera: CameraId, sensor: SensorId, urgency: Urgency) -> LaneQueue:
        """The lane, made when there is none yet; ``stored`` says whether its row still has to be written."""
        lane = self._lanes.get((vms, camera, sensor, urgency))
        if lane is None:
            lane = self._add(LaneQueue(self._next_id, Lane(sensor, camera, urgency), vms, False))
        return lane

    def by_id(self, id: int) -> LaneQueue:
        return self._by_id[id]

    # ---------------------------------------------------------------------------------------------------- readiness

    def is_parked(self, lane: LaneQueue) -> bool:
        return bool(self.parked) and ((lane.vms, None) in self.parked or (lane.vms, lane.lane.camera) in self.parked)

    def idle(self, lane: LaneQueue) -> bool:
        """Nothing open at all, so that what comes next is the lane's head."""
        return (
            lane.current is None and not lane.more and not lane.window and not lane.pending and not self.is_parked(lane)
        )

    def ready(self, lane: LaneQueue) -> bool:
        """Its head may be claimed now; a head that must wait is put on the clock."""
        if lane.current is not None or lane.queued or not (lane.window or lane.more) or self.is_parked(lane):
            return False
        if lane.ready_at > 0.0:
            if lane.ready_at > self._clock.now().monotonic:
                if lane.timed != lane.ready_at:
                    lane.timed = lane.ready_at
                    heapq.heappush(self._timed, (lane.ready_at, next(self._order), lane))
                    self.on_timed()
                return False
            lane.ready_at = 0.0
        return True

    def rest(self, lane: LaneQueue) -> None:
        """Put a lane where claims look for it, if it is ready."""
        if self.ready(lane):
            lane.queued = True
            self.queues(lane.vms)[lane.lane.urgency].append(lane)

    def queues(self, vms: VmsId) -> tuple[deque[LaneQueue], ...]:
        queues = self._ready.get(vms)
        if queues is None:
            queues = self._ready[vms] = tuple(deque() for _ in Urgency)
        return queues

    def next_ready(self) -> float | None:
        """When, on the monotonic clock, the next waiting lane becomes ready."""
        return self._timed[0][0] if self._timed else None

    def wake(self, monotonic: float) -> list[LaneQueue]:
        """The lanes whose waiting is over."""
        woken = []
        while self._timed and self._timed[0][0] <= monotonic:
            ready_at, _, lane = heapq.heappop(self._timed)
            if lane.ready_at == ready_at:
                lane.ready_at = 0.0
                woken.append(lane)
        return woken

    def of(self, vms: VmsId, camera: CameraId | None) -> Iterator[LaneQueue]:
        """The lanes of a camera, or with None of a whole VMS."""
        for lane in self._by_id.values():
            if lane.vms == vms and (camera is None or lane.lane.camera == camera):
                yield lane

    # ---------------------------------------------------------------------------------------------------- deliveries

    def take(self, vms: VmsId, least: Urgency, limit: int) -> list[Entry]:
        """Up to ``limit`` heads of ready lanes, most urgent first; each is its lane's ``current`` from now on."""
        taken: list[Entry] = []
        for ready in self.queues(vms)[: least + 1]:
            while ready and len(taken) < limit:
                lane = ready.popleft()
                lane.queued = False
                entry = None if lane.current is not None or self.is_parked(lane) else self.head(lane)
                if entry is not None:
                    taken.append(entry)
        return taken

    def head(self, lane: LaneQueue) -> Entry | None:
        """Make a lane's first delivery its ``current``, unless it has to wait."""
        entry = self.pop(lane)
        if entry is not None and lane.ready_at > self._clock.now().monotonic:  # read from the table just now
            self.put_back(entry)
            self.rest(lane)
            return None
        lane.current = entry
        return entry

    def pop(self, lane: LaneQueue) -> Entry | None:
        """Take the first delivery out of the window, read anew when it ran dry."""
        while not lane.window and lane.more:  # again, when all that was read is just ending
            self._refill(lane)
        if not lane.window:
            return None
        self.cached -= 1
        return lane.window.pop(0)

    def put_back(self, entry: Entry) -> None:
        """The entry is its lane's first again, unclaimed."""
        lane = entry.lane
        if lane.current is entry:
            lane.current = None
        lane.window.insert(0, entry)
        self.cached += 1

    def land(self, entry: Entry) -> None:
        """A delivery has been committed: it waits in its lane's window, or in the table alone."""
        lane = entry.lane
        if entry.seq <= lane.loaded or entry.seq in self.expiring:
            return  # read back already, or gone already
        if lane.more or len(lane.window) >= WINDOW or self.cached >= self._cap:
            lane.more = True
        else:
            lane.window.append(entry)
            lane.loaded = entry.seq
            self.cached += 1

    def expire(self, lanes: Mapping[int, set[int]]) -> None:
        """Deliveries that the batch under way expires go from the windows now; ``expiring`` until it has landed."""
        self.expiring = frozenset().union(*lanes.values())
        for lane_id, seqs in lanes.items():
            lane = self._by_id[lane_id]
            kept = [entry for entry in lane.window if entry.seq not in seqs]
            self.cached -= len(lane.window) - len(kept)
            lane.window = kept

    def reread(self, lane: LaneQueue) -> None:
        """Forget the window: the table knows better."""
        self.cached -= len(lane.window)
        lane.window = []
        lane.more = True
        lane.loaded = lane.current.seq if lane.current is not None else 0

    def _refill(self, lane: LaneQueue) -> None:
        limit = min(WINDOW, max(1, self._cap - self.cached))
        rows = self._connection.execute(_REFILL, (lane.id, lane.loaded, limit)).fetchall()
        lane.more = len(rows) == limit
        for seq, amend, size, state, attempts, begun_at, ready_at, ready_in, possible_duplicate, packed in rows:
            lane.loaded = seq
            if seq in self.expiring:
                continue
            try:
                event = _EVENT.decode(packed)
            except UNREADABLE as error:
                self.on_unreadable(lane, seq, str(error))
                continue
            entry = Entry(seq, lane, event, 0, bool(amend), size)
            entry.state = state
            entry.attempts = attempts
            entry.ambiguous = state == BEGUN
            entry.possible_duplicate = bool(possible_duplicate)
            entry.begun_at = None if begun_at is None else datetime.fromtimestamp(begun_at, UTC)
            if ready_at is not None and not lane.window:
                now = self._clock.now()
                remaining = min(max(ready_at - now.utc.timestamp(), 0.0), ready_in)
                lane.ready_at = now.monotonic + remaining if remaining > 0 else 0.0
            lane.window.append(entry)
            self.cached += 1

    # --------------------------------------------------------------------------------------------------- remote ids

    def remember(self, entry: Entry, remote_id: str) -> None:
        """What the VMS called a raised event, for the amendments that may follow."""
        self._remote_ids[entry.event.id, entry.lane.lane.camera] = remote_id
        if len(self._remote_ids) > _REMOTE_IDS:
            self._remote_ids.popitem(last=False)  # of a plain dict it takes 3 µs to find the first

    def _remote_id(self, entry: Entry) -> str | None:
        camera = entry.lane.lane.camera
        known = self._remote_ids.get((entry.event.id, camera))
        if known is None:
            row = self._connection.execute(_REMOTE_ID, (entry.event.id, camera, entry.lane.vms)).fetchone()
            known = row[0] if row is not None else None
        return known or None

    def seen(self, entry: Entry) -> LaneHead:
        """The head as the outside sees it. ``begun_at`` must be set."""
        lane = entry.lane
        assert entry.begun_at is not None
        delivery = Delivery(
            event=entry.event,
            camera=lane.lane.camera,
            vms=lane.vms,
            action=Action.AMEND if entry.amend else Action.RAISE,
            attempts=entry.attempts,
            remote_id=self._remote_id(entry) if entry.amend else None,
            possible_duplicate=entry.possible_duplicate,
        )
        return LaneHead(
            lane=lane.lane, delivery=delivery, ambiguous=entry.ambiguous, begun_at=entry.begun_at, ref=entry.seq
        )

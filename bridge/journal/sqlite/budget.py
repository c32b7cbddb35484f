"""Each VMS's bytes per urgency: one that is away for days ends its own oldest deliveries, nobody else's."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from bridge.journal.sqlite.lanes import Lanes
from bridge.journal.sqlite.ledger import Backlog, Ledger
from bridge.journal.sqlite.rows import Rows
from bridge.journal.sqlite.schema import EXPIRED, PENDING
from bridge.model import Urgency, VmsId

Budgets = Mapping[VmsId, Mapping[Urgency, int]]

WHY = "budget"
_PAGE = 128
# CROSS JOIN keeps SQLite from starting at the lanes: rows are met in their order, the oldest first, each once.
_OLDEST = (
    "SELECT d.seq, d.size, d.lane FROM delivery d CROSS JOIN lane l ON l.id = d.lane "
    "WHERE d.seq > ? AND d.state = 0 AND l.vms = ? AND l.urgency = ? ORDER BY d.seq LIMIT ?"
)


class Budget:
    """``oldest``: the oldest open delivery of each queue at start; the walk over the table begins there."""

    def __init__(self, budgets: Budgets, ledger: Ledger, oldest: Mapping[Backlog, int], newest: int) -> None:
        self._ledger = ledger
        self._passed: dict[Backlog, int] = {queue: seq - 1 for queue, seq in oldest.items()}
        self._newest = newest
        self._limits: dict[Backlog, int] = {}
        self._changed = False
        self.set(budgets)

    def set(self, budgets: Budgets) -> None:
        """New limits; what is over them ends with the next batch."""
        self._limits = {(vms, urgency): limit for vms, each in budgets.items() for urgency, limit in each.items()}
        self._changed = True

    def enforce(self, connection: sqlite3.Connection, lanes: Lanes, rows: Rows, now: float) -> Expirations:
        """End the oldest pending deliveries of every queue that is over its budget, within the open transaction."""
        expirations = Expirations()
        if not self._limits:
            return expirations
        queues = self._limits if self._changed else rows.sums.backlog.keys() & self._limits.keys()
        self._changed = False
        for queue in sorted(queues):
            over = self._ledger.open_bytes(queue) + rows.sums.backlog.get(queue, 0) - self._limits[queue]
            if over > 0:
                expirations.passed[queue] = self._passed.get(queue, self._newest)
                self._expire(connection, lanes, rows, queue, over, now, expirations)
        return expirations

    def _expire(
        self,
        connection: sqlite3.Connection,
        lanes: Lanes,
        rows: Rows,
        queue: Backlog,
        over: int,
        now: float,
        expirations: Expirations,
    ) -> None:
        passed = expirations.passed[queue]
        begins = {seq for _, _, seq in rows.begins}
        while over > 0:
            found = connection.execute(_OLDEST, (passed, queue[0], int(queue[1]), _PAGE)).fetchall()
            for seq, size, lane_id in found:
                if over <= 0:
                    break
                passed = seq
                lane = lanes.by_id(lane_id)
                if seq in begins or (lane.current is not None and lane.current.seq == seq):
                    continue  # claimed: its begun mark is in this batch, or waits for the next
                rows.settles.append((EXPIRED, None, None, now, "", WHY, False, seq))
                rows.sums.move(PENDING, EXPIRED)
                rows.sums.load(queue, -size)
                expirations.add(queue, lane_id, seq)
                over -= size
            if len(found) < _PAGE:
                break
        self._passed[queue] = passed

    def undo(self, expirations: Expirations) -> None:
        self._passed.update(expirations.passed)
        self._changed = True


class Expirations:
    """What one batch expires: by lane, and how many by queue. ``passed``: where the walks stood before."""

    __slots__ = ("counts", "lanes", "passed")

    def __init__(self) -> None:
        self.lanes: dict[int, set[int]] = {}
        self.counts: dict[Backlog, int] = {}
        self.passed: dict[Backlog, int] = {}

    def add(self, queue: Backlog, lane_id: int, seq: int) -> None:
        self.lanes.setdefault(lane_id, set()).add(seq)
        self.counts[queue] = self.counts.get(queue, 0) + 1

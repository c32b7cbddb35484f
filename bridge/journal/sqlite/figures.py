"""The journal in numbers that no counter keeps: asked for now and then, in the reader's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from bridge.journal.contract import Figures, QueueFigures
from bridge.journal.sqlite.ledger import MEDIA_BYTES, Ledger
from bridge.model import Urgency, VmsId

_HEADS = (
    "SELECT l.vms, l.urgency, count(*), min(e.arrived) FROM ("
    "SELECT vms, urgency, (SELECT d.seq FROM delivery d WHERE d.lane = lane.id AND d.state < 2 ORDER BY d.seq LIMIT 1) "
    "AS head FROM lane) l JOIN delivery d ON d.seq = l.head JOIN event e ON e.seq = d.event GROUP BY l.vms, l.urgency"
)
"""One index probe per lane, however many deliveries wait in it: of each lane its first."""


def queues(connection: sqlite3.Connection) -> dict[tuple[VmsId, Urgency], QueueFigures]:
    """Lanes in which something waits, and when the event that waits longest arrived, by VMS and urgency."""
    return {
        (VmsId(vms), Urgency(urgency)): QueueFigures(lanes, oldest)
        for vms, urgency, lanes, oldest in connection.execute(_HEADS).fetchall()
    }


def facts(connection: sqlite3.Connection) -> int:
    """Remembered facts that are merged; walks the whole table."""
    return int(connection.execute("SELECT count(*) FROM state").fetchone()[0])


def quarantined(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(sum(kept), 0) FROM quarantine_origin").fetchone()[0])


def figures_of(
    ledger: Ledger,
    waiting: Mapping[tuple[VmsId, Urgency], QueueFigures],
    facts: int,
    quarantined: int,
    dropped: int,
    free: int,
) -> Figures:
    return Figures(
        queues=waiting, facts=facts, quarantined=quarantined, quarantine_dropped=dropped, free=free,
        media=ledger.value(MEDIA_BYTES),
    )  # fmt: skip

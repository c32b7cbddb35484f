"""What people do to the journal: park, unpark, replay, drop; and what nobody can send is given up. Each returns a
write for one batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from bridge.journal.contract import Parked
from bridge.journal.sqlite.ledger import Backlog
from bridge.journal.sqlite.quarantine import Origins
from bridge.journal.sqlite.rows import Recorder, Rows
from bridge.journal.sqlite.schema import DEAD, EXPIRED, PENDING
from bridge.model import CameraId, EventId, Instant, MessageId, Urgency, VmsId

_DEAD = (
    "SELECT d.seq, d.lane, d.size, l.vms, l.urgency FROM event e JOIN delivery d ON d.event = e.seq "
    "JOIN lane l ON l.id = d.lane WHERE e.id = ? AND l.camera = ? AND d.state = 4 ORDER BY d.seq"
)
# A new number puts it at the end of its lane: what was sent meanwhile stays sent.
_REPLAY = (
    "INSERT INTO delivery (seq, event, lane, amend, state, size, attempts, possible_duplicate) "
    "SELECT ?, event, lane, amend, 0, size, 0, possible_duplicate FROM delivery WHERE seq = ?"
)


def replay_dead(
    event: EventId, camera: CameraId, recorder: Recorder
) -> Callable[[sqlite3.Connection, Rows], list[int]]:
    """The lanes that got something to do."""

    def write(connection: sqlite3.Connection, rows: Rows) -> list[int]:
        lanes = []
        for seq, lane, size, vms, urgency in connection.execute(_DEAD, (event, camera)).fetchall():
            connection.execute(_REPLAY, (recorder.next_delivery(), seq))
            connection.execute("DELETE FROM delivery WHERE seq = ?", (seq,))
            rows.sums.move(DEAD, PENDING)
            rows.sums.load((VmsId(vms), Urgency(urgency)), size)
            lanes.append(lane)
        return lanes

    return write


def drop_dead(event: EventId, camera: CameraId, why: str, now: Instant) -> Callable[[sqlite3.Connection, Rows], int]:
    def write(connection: sqlite3.Connection, rows: Rows) -> int:
        dead = connection.execute(_DEAD, (event, camera)).fetchall()
        for seq, *_ in dead:
            connection.execute(
                "UPDATE delivery SET state = ?, why = ?, settled_at = ? WHERE seq = ?",
                (EXPIRED, why, now.utc.timestamp(), seq),
            )
            rows.sums.move(DEAD, EXPIRED)
        return len(dead)

    return write


def give_up(queue: Backlog, seq: int, why: str, now: Instant) -> Callable[[sqlite3.Connection, Rows], None]:
    """A delivery that cannot be sent by anybody is dead."""

    def write(connection: sqlite3.Connection, rows: Rows) -> None:
        found = connection.execute("SELECT state, size FROM delivery WHERE seq = ? AND state < 2", (seq,)).fetchone()
        if found is not None:
            connection.execute(
                "UPDATE delivery SET state = ?, why = ?, settled_at = ? WHERE seq = ?",
                (DEAD, why, now.utc.timestamp(), seq),
            )
            rows.sums.move(found[0], DEAD)
            rows.sums.load(queue, -found[1])

    return write


def drop_quarantined(
    message: MessageId, index: int | None, origins: Origins
) -> Callable[[sqlite3.Connection, Rows], int]:
    return lambda connection, rows: origins.forget(connection, rows, message, index)


def park(parked: Parked) -> Callable[[sqlite3.Connection, Rows], None]:
    def write(connection: sqlite3.Connection, rows: Rows) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?)",
            (parked.vms, parked.camera or "", parked.why, parked.since.timestamp()),
        )

    return write


def unpark(vms: VmsId, camera: CameraId | None) -> Callable[[sqlite3.Connection, Rows], None]:
    def write(connection: sqlite3.Connection, rows: Rows) -> None:
        connection.execute("DELETE FROM parked WHERE vms = ? AND camera = ?", (vms, camera or ""))

    return write

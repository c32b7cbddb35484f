"""What one batch writes, gathered in Python and given to SQLite one table at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from bridge.journal.sqlite.adoption import Adoption
from bridge.journal.sqlite.facts import Changes, append, value_of
from bridge.journal.sqlite.lanes import Entry, LaneQueue, Lanes
from bridge.journal.sqlite.ledger import AMENDMENTS, DELIVERIES, EVENTS, ITEMS, MEDIA_BYTES, MESSAGES, Sums
from bridge.journal.sqlite.media import pictures_of
from bridge.journal.sqlite.pieces import Decided, first
from bridge.journal.sqlite.quarantine import Origins
from bridge.model import Action, Decision, EventId, KeptMessage, Piece, SensorEvent, StateChange, Urgency

Stored = tuple[SensorEvent, int, int]
"""An event with its ``seq`` and the bytes it takes."""

_ENCODE = msgspec.msgpack.Encoder().encode
_EVENT = msgspec.msgpack.Decoder(SensorEvent)
_ROW = 64  # bytes a delivery takes beside its event

_INSERT_MESSAGE = "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_LANE = "INSERT INTO lane VALUES (?, ?, ?, ?, ?)"
_INSERT_DELIVERY = (
    "INSERT INTO delivery (seq, event, lane, amend, state, size, attempts, begun_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_SET_POSITION = "INSERT INTO position VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_QUARANTINE = (
    "INSERT INTO quarantine (message, item, origin, why, sensor, arrived, unknown, known_by) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_BEGIN = "UPDATE delivery SET state = 1, attempts = ?, begun_at = ?, ready_at = NULL WHERE seq = ?"
_SETTLE = (
    "UPDATE delivery SET state = ?, ready_at = ?, ready_in = ?, settled_at = ?, remote_id = ?, why = ?, "
    "possible_duplicate = ? WHERE seq = ?"
)


class Rows:
    """The rows of one batch."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, str, float, bytes, bytes | None, bytes]] = []
        self.events: list[tuple[int, str, int, str, str, int, float, float, bytes]] = []
        self.lanes: dict[int, LaneQueue] = {}
        self.entered: list[Entry] = []
        self.changes: Changes = {}
        self.change = self.change_size = 0
        """The row of ``change`` that holds them, and its bytes."""
        self.positions: dict[str, str] = {}
        self.quarantined: list[tuple[str, int, str, str, str | None, float, bool, str]] = []
        self.adoptions: list[Adoption] = []
        self.begun: list[Piece] = []
        self.pieces: list[Decided] = []
        self.origins: dict[str, tuple[int, int]] = {}
        self.begins: list[tuple[int, float, int]] = []
        self.settles: list[tuple[int, float | None, float | None, float | None, str, str, bool, int]] = []
        self.pictures: list[tuple[Path, bytes]] = []
        self.sums = Sums()

    def count(self) -> int:
        return len(self.messages) + len(self.events) + len(self.entered) + len(self.settles) + len(self.begins)

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write what is new."""
        many = connection.executemany
        if self.messages:
            many(_INSERT_MESSAGE, self.messages)
        if self.events:
            many(_INSERT_EVENT, self.events)
        if self.lanes:
            many(
                _INSERT_LANE,
                [
                    (each.id, each.vms, each.lane.camera, each.lane.sensor, int(each.lane.urgency))
                    for each in self.lanes.values()
                ],
            )
        if self.entered:
            many(
                _INSERT_DELIVERY,
                [
                    (
                        entry.seq, entry.event_seq, entry.lane.id, entry.amend, entry.state, entry.size,
                        1 if entry.state else 0,
                        None if entry.begun_at is None else entry.begun_at.timestamp(),
                    )
                    for entry in self.entered
                ],
            )  # fmt: skip
        if self.changes:
            self.change_size = append(connection, self.change, self.changes)
        if self.positions:
            many(_SET_POSITION, self.positions.items())
        if self.quarantined:
            many(_QUARANTINE, self.quarantined)
        for adoption in self.adoptions:
            adoption.write(connection, self)
        for piece in self.begun:
            first(connection, piece)
        for decided in self.pieces:
            decided.write(connection, self)

    def update(self, connection: sqlite3.Connection) -> None:
        """Write what changed: begun marks and outcomes."""
        if self.settles:
            connection.executemany(_SETTLE, self.settles)
        if self.begins:
            connection.executemany(_BEGIN, self.begins)

    def sum_up(self, connection: sqlite3.Connection) -> None:
        Origins.write(connection, self.origins)
        self.sums.write(connection)


class Recorder:
    """Turns decisions into rows and hands out the integers that rows know each other by."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, lanes: Lanes, origins: Origins) -> None:
        self._connection = connection
        self._folder = folder
        self._lanes = lanes
        self._origins = origins
        self._message, self._event, self.delivery, self._change = (
            int(connection.execute(f"SELECT coalesce(max(seq), 0) FROM {table}").fetchone()[0])  # noqa: S608
            for table in ("message", "event", "delivery", "change")
        )

    def next_delivery(self) -> int:
        self.delivery += 1
        return self.delivery

    def add(self, rows: Rows, decision: Decision) -> list[Entry]:
        """Add a decision's rows; returns its deliveries, which the lanes have yet to see.

        Raises what a broken decision raises; ``rows`` is then of no use any more.
        """
        at = decision.at.utc.timestamp()
        kept = self._origins.admit(rows, decision, at) if decision.quarantined else True
        piece = decision.piece
        if decision.message is not None:
            self._add_message(rows, decision.message, decision, kept or piece is not None)
            if piece is not None:
                rows.begun.append(piece)
        elif piece is not None:
            rows.pictures.extend(pictures_of(self._folder, piece.media))
            rows.pieces.append(Decided(piece, decision.verdicts))
        elif decision.adopted is not None:
            rows.pictures.extend(pictures_of(self._folder, decision.adopted.media))
            rows.adoptions.append(Adoption(decision.adopted, decision.verdicts, self._origins))
        for verdict in decision.verdicts:
            rows.sums.count(ITEMS[verdict.fate])
        if decision.changes:
            self._add_changes(rows, decision.changes, at)
        stored = {(event.id, event.revision): self._add_event(rows, event) for event in decision.events}
        return self._add_deliveries(rows, decision, stored) if decision.deliveries else []

    def _add_changes(self, rows: Rows, changes: Iterable[StateChange], at: float) -> None:
        if not rows.change:
            self._change += 1
            rows.change = self._change
        for change in changes:
            value, key = value_of(change, at), change.key
            facts = rows.changes.get(key.sensor)
            if facts is None:
                facts = rows.changes[key.sensor] = {}
            facts[key.kind, key.key] = value

    def _add_message(self, rows: Rows, kept: KeptMessage, decision: Decision, keep: bool) -> None:
        rows.sums.count(MESSAGES)
        message = kept.message
        if message.position is not None:
            rows.positions[message.position.name] = message.position.value
        if not keep:
            return
        self._message += 1
        media = None
        if kept.media:
            rows.pictures.extend(pictures_of(self._folder, kept.media))
            rows.sums.count(MEDIA_BYTES, sum(len(each.data) for each in kept.media))
            media = _ENCODE([each.media for each in kept.media])
        rows.messages.append(
            (
                self._message, kept.id, message.arrived.utc.timestamp(), _ENCODE(decision.verdicts), media,
                _ENCODE(message),
            )
        )  # fmt: skip

    def _add_event(self, rows: Rows, event: SensorEvent) -> Stored:
        self._event += 1
        packed = _ENCODE(event)
        rows.events.append(
            (
                self._event, event.id, event.revision, event.sensor, event.type, int(event.urgency),
                event.occurred_at.timestamp(), event.arrived_at.timestamp(), packed,
            )
        )  # fmt: skip
        rows.sums.count(AMENDMENTS if event.revision else EVENTS)
        return event, self._event, len(packed) + _ROW

    def _add_deliveries(
        self, rows: Rows, decision: Decision, stored: Mapping[tuple[EventId, int], Stored]
    ) -> list[Entry]:
        entries = []
        for new in decision.deliveries:
            event, event_seq, size = stored.get((new.event, new.revision)) or self._stored(new.event, new.revision)
            lane = self._lanes.find(new.vms, new.camera, new.sensor, new.urgency)
            if not lane.stored:
                rows.lanes[lane.id] = lane
            self.delivery += 1
            entry = Entry(self.delivery, lane, event, event_seq, new.action is Action.AMEND, size)
            entries.append(entry)
            rows.sums.load((new.vms, new.urgency), size)
        return entries

    def _stored(self, event: EventId, revision: int) -> Stored:
        row = self._connection.execute(
            "SELECT packed, seq FROM event WHERE id = ? AND revision = ?", (event, revision)
        ).fetchone()
        if row is None:
            raise ValueError(f"a delivery names event {event} revision {revision}, which is nowhere")
        return _EVENT.decode(row[0]), row[1], len(row[0]) + _ROW


def open_pending(rows: Rows, entries: Iterable[Entry]) -> None:
    """Count deliveries under the state they are inserted with."""
    for entry in entries:
        rows.sums.count(DELIVERIES[entry.state])


def size_of(decision: Decision) -> int:
    """Bytes a decision will take on disk, roughly: what admission and the queue's bound count."""
    size = 512
    message = decision.message
    if message is not None:
        size += len(message.message.body)
        for picture in message.media:
            size += len(picture.data)
    later = decision.adopted or decision.piece
    if later is not None:
        for picture in later.media:
            size += len(picture.data)
    for event in decision.events:
        size += 512 + len(event.detail)
    return size


def urgency_of(decision: Decision) -> Urgency:
    """The most urgent event in it, without the cost of a generator."""
    most = Urgency.NOTICE
    for event in decision.events:
        if event.urgency < most:
            most = event.urgency
    return most

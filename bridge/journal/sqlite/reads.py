"""Questions to the tables, page by page, on whatever connection is given."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path

import msgspec

from bridge.journal.contract import (
    DeliveryRecord,
    EventRecord,
    JournalError,
    MessageRecord,
    Oldest,
    Parked,
    QuarantineRecord,
    Query,
    Record,
    Refused,
    StateRow,
)
from bridge.journal.sqlite.facts import Changes, Name, Value
from bridge.journal.sqlite.lanes import UNREADABLE
from bridge.journal.sqlite.media import path_of
from bridge.model import (
    Action,
    CameraId,
    DeliveryState,
    EventId,
    Media,
    MediaId,
    Message,
    MessageId,
    Position,
    SensorEvent,
    SensorId,
    StateKey,
    Urgency,
    Verdict,
    VmsId,
)

log = logging.getLogger("bridge.journal")

PAGE = 200
STATES = tuple(DeliveryState)

_MESSAGE = msgspec.msgpack.Decoder(Message)
_VERDICTS = msgspec.msgpack.Decoder(tuple[Verdict, ...])
_MEDIA = msgspec.msgpack.Decoder(tuple[Media, ...])
_EVENT = msgspec.msgpack.Decoder(SensorEvent)

_COLUMNS = {
    "messages": "SELECT m.seq, m.id, m.verdicts, m.media, m.packed FROM message m",
    "events": "SELECT e.seq, e.packed FROM event e",
    "deliveries": (
        "SELECT d.seq, e.packed, l.camera, l.vms, l.sensor, l.urgency, d.amend, d.state, d.attempts, d.remote_id, "
        "d.why, d.begun_at, d.settled_at, d.possible_duplicate "
        "FROM delivery d JOIN event e ON e.seq = d.event JOIN lane l ON l.id = d.lane"
    ),
    "quarantine": (
        "SELECT q.seq, q.message, q.item, q.origin, q.why, q.arrived, q.sensor, q.unknown, q.known_by FROM quarantine q"
    ),
}
_ROW = {"messages": "m", "events": "e", "deliveries": "d", "quarantine": "q"}
_ARRIVED = {"messages": "m.arrived", "events": "e.arrived", "deliveries": "e.arrived", "quarantine": "q.arrived"}

Condition = tuple[str, tuple[object, ...]]


class Page(msgspec.Struct, frozen=True):
    """Some records and where to go on: ``after`` None when there are no more."""

    records: Sequence[Record]
    after: int | None


def page(connection: sqlite3.Connection, query: Query, after: int | None, limit: int) -> Page:
    """The next records of a query. A filter that means nothing for what is asked is not applied."""
    conditions = list(_conditions(connection, query))
    row = f"{_ROW[query.what]}.seq"
    if after is not None:
        conditions.append((f"{row} {'<' if query.newest_first else '>'} ?", (after,)))
    where = " AND ".join(text for text, _ in conditions) or "1"
    sql = f"{_COLUMNS[query.what]} WHERE {where} ORDER BY {row} {'DESC' if query.newest_first else ''} LIMIT ?"
    values = [value for _, each in conditions for value in each]
    rows = connection.execute(sql, (*values, limit)).fetchall()
    make = _MAKE[query.what]
    records = []
    for found in rows:
        try:
            records.append(make(found))
        except UNREADABLE as error:  # what stands behind it is to be found
            log.error("row %d of the %s cannot be read: %s", found[0], query.what, error)  # noqa: TRY400
    if query.what == "messages":
        records = [each for each in records if isinstance(each, MessageRecord) and _speaks_of(each, query)]
    return Page(records, rows[-1][0] if len(rows) == limit else None)


def _conditions(connection: sqlite3.Connection, query: Query) -> Iterable[Condition]:
    what = query.what
    if query.since is not None:
        yield f"{_ARRIVED[what]} >= ?", (query.since.timestamp(),)
    if query.until is not None:
        yield f"{_ARRIVED[what]} < ?", (query.until.timestamp(),)
    if query.message is not None:
        if what == "messages":
            yield "m.id = ?", (query.message,)
        elif what == "quarantine":
            yield "q.message = ?", (query.message,)
        else:
            named = _events_of(connection, query.message)
            yield f"e.id IN ({','.join('?' * len(named))})", tuple(named)
    if query.event is not None and what in ("events", "deliveries"):
        yield "e.id = ?", (query.event,)
    if query.event is not None and what == "messages":
        yield "m.seq >= ?", (_first_message_of(connection, query.event),)
    if query.sensor is not None and what in ("events", "deliveries"):
        yield "e.sensor = ?", (query.sensor,)
    if query.prefix is not None and what in ("messages", "events"):
        # As a range, which the unique index on the ids finds; GLOB or LIKE would walk the table.
        yield f"{_ROW[what]}.id >= ? AND {_ROW[what]}.id < ?", (query.prefix, query.prefix + "\U0010ffff")
    if query.unknown is not None and what == "quarantine":
        yield f"q.unknown = {int(query.unknown)}", ()
    if query.sensor is not None and what == "quarantine":
        yield "q.sensor = ?", (query.sensor,)
    if query.camera is not None and what == "deliveries":
        yield "l.camera = ?", (query.camera,)
    if query.camera is not None and what == "events":
        yield (
            "EXISTS (SELECT 1 FROM delivery d JOIN lane l ON l.id = d.lane WHERE d.event = e.seq AND l.camera = ?)",
            (query.camera,),
        )
    if query.states and what == "deliveries":
        states = tuple(STATES.index(state) for state in query.states)
        # A partial index is used for a constant only.
        yield (
            "d.state = 4" if states == (4,) else f"d.state IN ({','.join('?' * len(states))})",
            (() if states == (4,) else states),
        )


def _events_of(connection: sqlite3.Connection, message: MessageId) -> list[str]:
    row = connection.execute("SELECT verdicts FROM message WHERE id = ?", (message,)).fetchone()
    verdicts = _VERDICTS.decode(row[0]) if row is not None else ()
    return list(dict.fromkeys(verdict.event for verdict in verdicts if verdict.event is not None))


def _first_message_of(connection: sqlite3.Connection, event: EventId) -> int:
    """No message before this one can have gone into the event."""
    row = connection.execute("SELECT packed FROM event WHERE id = ? ORDER BY revision LIMIT 1", (event,)).fetchone()
    if row is None:
        return 0
    first = min(_EVENT.decode(row[0]).message, MessageId(event[:12]))
    row = connection.execute("SELECT seq FROM message WHERE id >= ? ORDER BY id LIMIT 1", (first,)).fetchone()
    return int(row[0]) if row is not None else 0


def _speaks_of(record: MessageRecord, query: Query) -> bool:
    return (query.event is None or any(verdict.event == query.event for verdict in record.verdicts)) and (
        query.sensor is None or any(verdict.sensor == query.sensor for verdict in record.verdicts)
    )


# ------------------------------------------------------------------------------------------------------------ records

# Rows come out of SQLite untyped; each of these functions knows the columns of its own SELECT above.


def _message(row: tuple[int, str, bytes, bytes | None, bytes]) -> MessageRecord:
    _, id, verdicts, media, packed = row
    return MessageRecord(
        id=MessageId(id),
        message=_MESSAGE.decode(packed),
        verdicts=_VERDICTS.decode(verdicts),
        media=tuple(each.id for each in _MEDIA.decode(media)) if media is not None else (),
    )


def _event(row: tuple[int, bytes]) -> EventRecord:
    return EventRecord(event=_EVENT.decode(row[1]))


def _delivery(row: tuple[object, ...]) -> DeliveryRecord:
    _, packed, camera, vms, sensor, urgency, amend, state, attempts, remote_id, why, begun, settled, twice = row
    event = _EVENT.decode(packed)  # type: ignore[arg-type]
    return DeliveryRecord(
        event=event.id,
        revision=event.revision,
        title=event.title,
        sensor=sensor,  # type: ignore[arg-type]
        camera=camera,  # type: ignore[arg-type]
        vms=vms,  # type: ignore[arg-type]
        action=Action.AMEND if amend else Action.RAISE,
        urgency=Urgency(urgency),  # type: ignore[arg-type]
        state=STATES[state],  # type: ignore[call-overload]
        attempts=attempts,  # type: ignore[arg-type]
        remote_id=remote_id or "",  # type: ignore[arg-type]
        why=why or "",  # type: ignore[arg-type]
        begun_at=_when(begun),  # type: ignore[arg-type]
        settled_at=_when(settled),  # type: ignore[arg-type]
        possible_duplicate=bool(twice),
    )


def _quarantined(row: tuple[int, str, int, str, str, float, SensorId | None, int, str]) -> QuarantineRecord:
    _, message, item, origin, why, arrived, sensor, unknown, key = row
    return QuarantineRecord(
        message=MessageId(message), index=item, origin=origin, why=why, arrived=datetime.fromtimestamp(arrived, UTC),
        sensor=sensor, unknown=bool(unknown), key=key,
    )  # fmt: skip


def _when(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)


_MAKE: Mapping[str, Callable[..., Record]] = {
    "messages": _message,
    "events": _event,
    "deliveries": _delivery,
    "quarantine": _quarantined,
}


# -------------------------------------------------------------------------------------------------------------- state

_DUE = itemgetter(5)
_STATE = "SELECT sensor, kind, key, value, expires, due, duration FROM state"


def state_of(
    connection: sqlite3.Connection, sensor: SensorId, now: float, over: Mapping[Name, Value | None], limit: int = -1
) -> list[StateRow] | None:
    """What is remembered of a sensor and still counts at ``now`` (epoch seconds), with ``over`` over the table's; None
    when the table has ``limit`` facts or more."""
    rows = connection.execute(
        f"{_STATE} WHERE sensor = ? AND (expires > ? OR due IS NOT NULL) LIMIT ?", (sensor, now, limit)
    ).fetchall()
    if len(rows) == limit:
        return None
    if over:
        rows = [row for row in rows if (row[1], row[2]) not in over]
        rows += [(sensor, *name, *value) for name, value in over.items() if value is not None and _counts(value, now)]
    return [_state_row(row, now) for row in rows]


def timers(connection: sqlite3.Connection, now: float, over: Changes) -> list[StateRow]:
    """Every fact with a timer, the soonest first; ``over`` stands over the table's."""
    rows = connection.execute(f"{_STATE} WHERE due IS NOT NULL").fetchall()
    if over:
        rows = [row for row in rows if (row[1], row[2]) not in over.get(row[0], ())]
        for sensor, facts in over.items():
            rows += [(sensor, *name, *value) for name, value in facts.items() if value is not None and _is_timer(value)]
    return [_state_row(row, now) for row in sorted(rows, key=_DUE)]


def _counts(value: Value, now: float) -> bool:
    return value[1] > now or value[2] is not None


def _is_timer(value: Value) -> bool:
    return value[2] is not None


def _state_row(row: tuple[str, str, str, bytes, float, float | None, float | None], now: float) -> StateRow:
    sensor, kind, key, value, expires, due, duration = row
    remaining = None if due is None or duration is None else min(max(due - now, 0.0), duration)
    return StateRow(StateKey(SensorId(sensor), kind, key), value, expires, remaining)


def position(connection: sqlite3.Connection, name: str) -> Position | None:
    row = connection.execute("SELECT value FROM position WHERE name = ?", (name,)).fetchone()
    return None if row is None else Position(name, row[0])


def parked(connection: sqlite3.Connection) -> list[Parked]:
    rows = connection.execute("SELECT vms, camera, why, since FROM parked ORDER BY since").fetchall()
    return [Parked(vms, camera or None, why, datetime.fromtimestamp(since, UTC)) for vms, camera, why, since in rows]


_OLDEST = (
    "SELECT vms, urgency, camera, "
    "(SELECT seq FROM delivery d WHERE d.lane = lane.id AND d.state < 2 ORDER BY d.seq LIMIT 1) FROM lane "
    "WHERE urgency <= ?"
)


def oldest(connection: sqlite3.Connection, least: Urgency) -> list[Oldest]:
    """By one probe of the index of open deliveries for each lane."""
    first: dict[tuple[str, int], tuple[int, str]] = {}
    for vms, urgency, camera, seq in connection.execute(_OLDEST, (int(least),)):
        if seq is not None and seq < first.get((vms, urgency), (seq + 1, ""))[0]:
            first[vms, urgency] = (seq, camera)
    found = []
    for (vms, urgency), (seq, camera) in first.items():
        row = connection.execute(
            "SELECT e.packed FROM delivery d JOIN event e ON e.seq = d.event WHERE d.seq = ?", (seq,)
        ).fetchone()
        if row is not None:
            event = _EVENT.decode(row[0])
            found.append(
                Oldest(
                    vms=VmsId(vms), urgency=Urgency(urgency), event=event.id, title=event.title,
                    camera=CameraId(camera), arrived=event.arrived_at,
                )
            )  # fmt: skip
    return found


_REFUSED = (
    "SELECT l.vms, l.camera, max(d.seq), d.why, e.packed, count(*) FROM delivery d "
    "JOIN event e ON e.seq = d.event JOIN lane l ON l.id = d.lane WHERE d.state = 4 AND l.urgency = 0 GROUP BY l.vms"
)


def refused_alarms(connection: sqlite3.Connection) -> list[Refused]:
    """By the index of what is dead."""
    found = []
    for vms, camera, _, why, packed, count in connection.execute(_REFUSED):  # of the row that max() found
        try:
            event = _EVENT.decode(packed)
        except UNREADABLE:  # given up for that; its log says so
            continue
        found.append(
            Refused(
                vms=VmsId(vms), event=event.id, title=event.title, camera=CameraId(camera), why=why or "", count=count
            )
        )
    return found


def picture(connection: sqlite3.Connection, folder: Path, media: MediaId) -> bytes:
    """The bytes of a picture; raises JournalError when it is not, or no longer, kept."""
    row = connection.execute("SELECT media FROM message WHERE id = ?", (media.rpartition(".")[0],)).fetchone()
    for each in _MEDIA.decode(row[0]) if row is not None and row[0] is not None else ():
        if each.id == media:
            try:
                return path_of(folder, each).read_bytes()
            except FileNotFoundError:
                break
    raise JournalError(f"picture {media} is not in the journal: unknown, or older than its retention")

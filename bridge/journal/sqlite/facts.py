"""Remembered facts, appended first and merged into their table later.

``state`` stands in the order of its keys, so a fact written there dirties a page of its own, and one of the index.
So a batch's facts are appended as one row of ``change`` and kept in memory. Once there are enough of them they are
written into ``state`` in the order of their keys, a few in each of the batches that follow, and only when all stand
there are their rows removed, the oldest first: at every moment the table with what ``change`` still has over it,
newest last, is the truth. Facts in memory are durable ones only; a batch that fails leaves them as they were.
"""

from __future__ import annotations

import logging
import sqlite3

import msgspec

from bridge.model import StateChange

log = logging.getLogger("bridge.journal")

UNMERGED = 8192
"""Facts that are appended before they are merged."""
LEAST, EACH, MOST = 16, 2, 256
"""Merged in a batch: so many at least, so many for each fact it brings itself, and so many when memory is over
its bound or somebody waits for the merge."""
_BYTES = 256  # a fact takes on average, before the bytes in memory count rather than the facts
_REFUSED = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError, sqlite3.ProgrammingError)

Name = tuple[str, str]
"""Kind and key of a fact."""
Value = tuple[bytes, float, float | None, float | None]
"""Value, ``expires`` and ``due`` (epoch seconds), and how long after it was set it is due."""
Changes = dict[str, dict[Name, Value | None]]
"""By sensor; None: forget it."""

_ENCODE = msgspec.msgpack.Encoder().encode
_CHANGES = msgspec.msgpack.Decoder(Changes)

_APPEND = "INSERT INTO change VALUES (?, ?)"
_SET = (
    "INSERT INTO state VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "value = excluded.value, expires = excluded.expires, due = excluded.due, duration = excluded.duration"
)
_FORGET = "DELETE FROM state WHERE sensor = ? AND kind = ? AND key = ?"
_READ = "SELECT seq, packed FROM change ORDER BY seq"
_REMOVE = "DELETE FROM change WHERE seq IN (SELECT seq FROM change WHERE seq <= ? ORDER BY seq LIMIT ?)"
_SET_ASIDE = "INSERT INTO change_unreadable (why, packed) VALUES (?, ?)"


def value_of(change: StateChange, at: float) -> Value | None:
    """What is stored of a change made at ``at`` (epoch seconds). Raises TypeError or ValueError for what no table
    would take: it must not get as far as ``change``, from which it would have to be merged for ever."""
    key, value, due_in = change.key, change.value, change.due_in
    if not (isinstance(key.sensor, str) and isinstance(key.kind, str) and isinstance(key.key, str)):
        raise TypeError(f"a fact is named by three texts, not by {key!r}")
    if value is None:
        return None
    if not isinstance(value, bytes):
        raise TypeError(f"the value of fact {key.kind} {key.key} is {type(value).__name__}, not bytes")
    expires = float(change.expires)
    if expires != expires:
        raise ValueError(f"fact {key.kind} {key.key} expires at no time")
    if due_in is None:
        return value, expires, None, None
    due = at + due_in
    if due != due:
        raise ValueError(f"fact {key.kind} {key.key} is due at no time")
    return value, expires, due, float(due_in)


def append(connection: sqlite3.Connection, seq: int, changes: Changes) -> int:
    """Write a batch's facts as one row; its bytes."""
    packed = _ENCODE(changes)
    connection.execute(_APPEND, (seq, packed))
    return len(packed)


class Merging:
    """Facts on their way into the table. ``upto``: the last row of ``change`` that they came from."""

    def __init__(self, facts: Changes, upto: int) -> None:
        self.facts = facts
        self.upto = upto
        self.sensors = sorted(facts, reverse=True)
        self.names: list[tuple[str, Name]] = []
        """The facts to write next, the first of them last."""

    def next(self, count: int) -> list[tuple[str, Name]]:
        """The next facts in the order of their keys; ``written`` says that they stand in the table."""
        while len(self.names) < count and self.sensors:
            sensor = self.sensors.pop()
            self.names[:0] = [(sensor, name) for name in sorted(self.facts[sensor], reverse=True)]
        return self.names[: -count - 1 : -1]

    def written(self, count: int) -> None:
        del self.names[len(self.names) - count :]

    @property
    def all_written(self) -> bool:
        return not self.names and not self.sensors


class Step(msgspec.Struct, frozen=True):
    """What one batch did for the merge; it counts once the batch is durable. ``pages``: about so many it dirtied."""

    of: Merging
    written: int = 0
    removed_all: bool = False
    set_aside: int = 0
    pages: int = 0


class Facts:
    """The facts that stand in ``change`` and not, or not surely, in ``state``."""

    def __init__(self, unmerged: int = UNMERGED) -> None:
        self.limit = unmerged
        self.fresh: Changes = {}
        self.merging: Merging | None = None
        self.newest = 0
        """The last row of ``change``."""
        self.set_aside = 0
        """Rows and facts that could not be read when they were to be merged, by this process."""
        self.hurried = False
        """Somebody waits for the merge: more of it in each batch."""
        self._count = self._bytes = 0

    # ------------------------------------------------------------------------------------------------------ reading

    def of(self, sensor: str) -> dict[Name, Value | None]:
        """What goes over the table's facts of a sensor: a copy, to be taken before the table is read."""
        fresh = self.fresh.get(sensor)
        merging = self.merging.facts.get(sensor) if self.merging is not None else None
        if merging is None:
            return {} if fresh is None else dict(fresh)
        return dict(merging) if fresh is None else {**merging, **fresh}

    def all(self) -> Changes:
        """The same of all sensors."""
        sensors = self.fresh.keys() | (self.merging.facts.keys() if self.merging is not None else ())
        return {sensor: self.of(sensor) for sensor in sensors}

    # ------------------------------------------------------------------------------------------------------ writing

    def landed(self, changes: Changes, seq: int, size: int) -> None:
        """A batch's facts are durable in row ``seq``, which has ``size`` bytes. Takes ``changes`` over."""
        self.newest = seq
        self._bytes += size
        for sensor, facts in changes.items():
            self._count += len(facts)  # one that is set again and again is a row each time
            held = self.fresh.get(sensor)
            if held is None:
                self.fresh[sensor] = facts
            else:
                held.update(facts)
        if self._is_full() and self.merging is None:
            self.freeze()

    def _is_full(self) -> bool:
        return self._count >= self.limit or self._bytes >= self.limit * _BYTES

    def freeze(self) -> None:
        """Begin to merge what there is, unless a merge is under way."""
        if self.merging is None and self._count:
            self.merging = Merging(self.fresh, self.newest)
            self.fresh = {}
            self._count = self._bytes = 0

    def merge(self, connection: sqlite3.Connection, now: float, brings: int = 0) -> Step | None:
        """Write some of what is being merged, within the open transaction; None when nothing is.

        ``brings``: facts that the batch appends itself. Merging keeps ahead of them, so that memory is bounded.
        """
        merging = self.merging
        if merging is None:
            return None
        count = max(LEAST, EACH * brings, MOST if self.hurried or self._is_full() else 0)
        if merging.all_written:
            removed = connection.execute(_REMOVE, (merging.upto, count)).rowcount
            return Step(merging, removed_all=removed < count, pages=count // 16)
        names = merging.next(count)
        facts = [
            (sensor, *name, merging.facts[sensor][name]) for sensor, name in names if name in merging.facts[sensor]
        ]
        refused = write(connection, facts, now)
        return Step(merging, len(names), set_aside=refused, pages=len(names) // 2)

    def stepped(self, step: Step) -> None:
        """The batch of this step is durable."""
        step.of.written(step.written)
        self.set_aside += step.set_aside
        if step.removed_all:
            self.merging = None

    def forget(self, sensor: str, names: list[Name]) -> None:
        """These have been removed from the table; after a crash they may be back, so it must not matter."""
        for facts in (self.fresh, self.merging.facts if self.merging is not None else {}):
            held = facts.get(sensor)
            if held is not None:
                for name in names:
                    held.pop(name, None)

    # ----------------------------------------------------------------------------------------- opening and closing

    def load(self, connection: sqlite3.Connection) -> None:
        """Take up what a crash left in ``change``; a row that cannot be read is set aside."""
        unreadable: list[tuple[int, bytes, str]] = []
        for seq, packed in connection.execute(_READ):
            try:
                changes = _CHANGES.decode(packed)
            except (msgspec.MsgspecError, ValueError, TypeError) as error:
                unreadable.append((seq, packed, str(error)))
                continue
            self.landed(changes, seq, len(packed))
        if unreadable:
            connection.execute("BEGIN IMMEDIATE")
            for seq, packed, why in unreadable:
                connection.execute(_SET_ASIDE, (why, packed))
                connection.execute("DELETE FROM change WHERE seq = ?", (seq,))
            connection.execute("COMMIT")
            self.set_aside += len(unreadable)
            log.error("%d batches of remembered facts could not be read: set aside", len(unreadable))

    def merge_all(self, connection: sqlite3.Connection, now: float) -> None:
        """Merge everything, a transaction for each piece. Raises what the disk raises; what is left stays as it is."""
        self.freeze()
        while self.merging is not None:
            connection.execute("BEGIN IMMEDIATE")
            try:
                step = self.merge(connection, now, MOST)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            assert step is not None
            self.stepped(step)
            self.freeze()


Fact = tuple[str, str, str, Value | None]


def write(connection: sqlite3.Connection, facts: list[Fact], now: float) -> int:
    """Bring facts into the table; those expired at ``now`` (epoch seconds) are not. How many had to be set aside."""
    kept, gone = [], []
    for sensor, kind, key, value in facts:
        if value is None or (value[1] <= now and value[2] is None):
            gone.append((sensor, kind, key))
        else:
            kept.append((sensor, kind, key, *value))
    if gone:
        connection.executemany(_FORGET, gone)
    try:
        connection.executemany(_SET, kept)
    except _REFUSED:
        return sum(_write_alone(connection, each) for each in kept)
    return 0


def _write_alone(connection: sqlite3.Connection, fact: tuple[object, ...]) -> bool:
    """One of a few facts, some of which the table refuses; whether it is one of those."""
    try:
        connection.execute(_SET, fact)
    except _REFUSED as error:
        why = str(error)
        log.error("a remembered fact (%s of %s) could not be merged, set aside: %s", fact[1], fact[0], why)  # noqa: TRY400
        connection.execute(_SET_ASIDE, (why, _ENCODE(fact)))
        return True
    return False

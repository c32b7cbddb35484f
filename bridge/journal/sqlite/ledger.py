"""The ledger's running sums: in memory for reading, one small write per batch for keeping."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from bridge.model import DeliveryState, Fate, Urgency, VmsId

MESSAGES, EVENTS, AMENDMENTS, MEDIA_BYTES = "messages", "events", "amendments", "media_bytes"
ITEMS = {fate: f"item.{fate.value}" for fate in Fate}
DELIVERIES = tuple(f"delivery.{state.value}" for state in DeliveryState)
"""By ``delivery.state``."""

Backlog = tuple[VmsId, Urgency]


class Sums:
    """What one batch adds."""

    __slots__ = ("backlog", "counts")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.backlog: dict[Backlog, int] = {}

    def count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def move(self, before: int, after: int) -> None:
        """One delivery goes from one state to another."""
        if before != after:
            self.count(DELIVERIES[before], -1)
            self.count(DELIVERIES[after])

    def load(self, queue: Backlog, size: int) -> None:
        self.backlog[queue] = self.backlog.get(queue, 0) + size

    def write(self, connection: sqlite3.Connection) -> None:
        if self.counts:
            connection.executemany(
                "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                self.counts.items(),
            )
        if self.backlog:
            connection.executemany(
                "INSERT INTO backlog VALUES (?, ?, ?) "
                "ON CONFLICT (vms, urgency) DO UPDATE SET bytes = bytes + excluded.bytes",
                [(vms, int(urgency), size) for (vms, urgency), size in self.backlog.items()],
            )


class Ledger:
    """The sums as of the last commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._counts: dict[str, int] = dict(connection.execute("SELECT name, value FROM counter").fetchall())
        self._backlog: dict[Backlog, int] = {
            (VmsId(vms), Urgency(urgency)): size
            for vms, urgency, size in connection.execute("SELECT vms, urgency, bytes FROM backlog").fetchall()
        }

    def apply(self, sums: Sums) -> None:
        for name, by in sums.counts.items():
            self._counts[name] = self._counts.get(name, 0) + by
        for queue, size in sums.backlog.items():
            self._backlog[queue] = self._backlog.get(queue, 0) + size

    def value(self, name: str) -> int:
        return self._counts.get(name, 0)

    def items(self) -> Mapping[str, int]:
        return {fate.value: self.value(name) for fate, name in ITEMS.items()}

    def deliveries(self) -> Mapping[str, int]:
        return {state.value: self.value(name) for state, name in zip(DeliveryState, DELIVERIES, strict=True)}

    def open_bytes(self, queue: Backlog) -> int:
        return self._backlog.get(queue, 0)

    def backlog(self) -> Mapping[Backlog, int]:
        return {queue: size for queue, size in self._backlog.items() if size}

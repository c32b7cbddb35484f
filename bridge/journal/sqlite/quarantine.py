"""How many quarantined items each sender has, so that one that speaks nonsense cannot fill the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.model import Decision, Fate

if TYPE_CHECKING:
    from bridge.journal.sqlite.rows import Rows

ORIGINS = 10_000
OTHERS = "(others)"
"""Senders beyond the first ``ORIGINS`` share one cap under this name."""


class Origins:
    """``cap``: items kept per origin. What is over it is counted; its verdict is in the ledger all the same."""

    def __init__(self, connection: sqlite3.Connection, cap: int) -> None:
        self._cap = cap
        self._kept: dict[str, int] = {}
        self._dropped: dict[str, int] = {}
        for origin, kept, dropped in connection.execute("SELECT origin, kept, dropped FROM quarantine_origin"):
            self._kept[origin], self._dropped[origin] = kept, dropped

    def admit(self, rows: Rows, decision: Decision, arrived: float) -> bool:
        """Add the quarantined items there is room for; whether the message is worth keeping for anything."""
        any_kept = False
        message = decision.about or ""
        for item in decision.quarantined:
            origin = item.origin if item.origin in self._kept or len(self._kept) < ORIGINS else OTHERS
            kept, dropped = rows.origins.get(origin, (0, 0))
            if self._kept.get(origin, 0) + kept < self._cap:
                rows.origins[origin] = (kept + 1, dropped)
                rows.quarantined.append(
                    (message, item.index, item.origin, item.why, item.sensor, arrived, item.unknown, item.key)
                )
                any_kept = True
            else:
                rows.origins[origin] = (kept, dropped + 1)
        return any_kept or any(verdict.fate is not Fate.QUARANTINED for verdict in decision.verdicts)

    def forget(self, connection: sqlite3.Connection, rows: Rows, message: str, item: int | None = None) -> int:
        """Remove a message's quarantined items, or one of them: makes room under their senders' caps; how many."""
        gone = connection.execute(
            "DELETE FROM quarantine WHERE message = ? AND (? IS NULL OR item = ?) RETURNING origin",
            (message, item, item),
        ).fetchall()
        for (name,) in gone:
            origin = name if name in self._kept else OTHERS
            kept, dropped = rows.origins.get(origin, (0, 0))
            rows.origins[origin] = (kept - 1, dropped)
        return len(gone)

    def tidy(self, connection: sqlite3.Connection, rows: Rows) -> list[str]:
        """Once half of the places for senders are taken, give those of senders of whom nothing is kept any more to
        others, or a port that strangers find would in time have none for a new device. What they were counted goes to
        the ``OTHERS``. Returns whose; ``forgotten`` has to be told once that is durable."""
        if len(self._kept) <= ORIGINS // 2:
            return []
        found = connection.execute("SELECT origin, kept, dropped FROM quarantine_origin WHERE kept <= 0").fetchall()
        gone = [row for row in found if row[0] != OTHERS and row[0] not in rows.origins]
        connection.executemany("DELETE FROM quarantine_origin WHERE origin = ?", [row[:1] for row in gone])
        kept, dropped = rows.origins.get(OTHERS, (0, 0))
        rows.origins[OTHERS] = (kept + sum(row[1] for row in gone), dropped + sum(row[2] for row in gone))
        return [row[0] for row in gone]

    def forgotten(self, origins: Sequence[str]) -> None:
        for origin in origins:
            del self._kept[origin], self._dropped[origin]

    def apply(self, added: Mapping[str, tuple[int, int]]) -> None:
        for origin, (kept, dropped) in added.items():
            self._kept[origin] = self._kept.get(origin, 0) + kept
            self._dropped[origin] = self._dropped.get(origin, 0) + dropped

    def dropped(self) -> Mapping[str, int]:
        """Items over the cap, by origin."""
        return {origin: count for origin, count in self._dropped.items() if count}

    @staticmethod
    def write(connection: sqlite3.Connection, added: Mapping[str, tuple[int, int]]) -> None:
        if added:
            connection.executemany(
                "INSERT INTO quarantine_origin VALUES (?, ?, ?) ON CONFLICT (origin) DO UPDATE SET "
                "kept = kept + excluded.kept, dropped = dropped + excluded.dropped",
                [(origin, kept, dropped) for origin, (kept, dropped) in added.items()],
            )

"""Admission: whether there is room for a decision, asked before anything of it is taken."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bridge.journal.contract import Full
from bridge.journal.sqlite.ledger import MEDIA_BYTES, Ledger
from bridge.journal.sqlite.schema import DATABASE
from bridge.model import Urgency

FreeSpace = Callable[[Path], int]

LOOK_EVERY = 0.5
QUEUED_DECISIONS = 4096
QUEUED_BYTES = 64 * 2**20
SHORT, ENOUGH = 0.95, 0.9
"""Of ``limit``: above the first share what is settled goes before its time, until the second is reached."""
_COPIES = 2  # what a decision takes stands in the log first and in the tables later


class Limits(Protocol):
    """The site's settings, as far as they are asked for here; see ``JournalSettings``."""

    @property
    def limit(self) -> int: ...

    @property
    def reserve(self) -> int: ...

    @property
    def quarantine_per_origin(self) -> int: ...


class _Defaults:
    limit = 8 * 2**30
    reserve = 64 * 2**20
    quarantine_per_origin = 100


DEFAULTS: Limits = _Defaults()


def free_bytes(folder: Path) -> int:
    """Bytes an ordinary user may still write where ``folder`` is."""
    return shutil.disk_usage(folder).free


class Room:
    """Looks at the disk every half second and counts what is written in between.

    Below ``reserve`` bytes free, or above ``limit`` bytes taken, only alarms are admitted, and they down to a quarter
    of the reserve: the rest is for settling what has been sent. Settling is never refused.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        ledger: Ledger,
        limits: Limits,
        free_space: FreeSpace = free_bytes,
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._ledger = ledger
        self._limit = limits.limit
        self._reserve = limits.reserve
        self._free_space = free_space
        self._looked = -LOOK_EVERY
        self._free = self._taken = 0

    def admit(self, urgency: Urgency, size: int, queued: int, queued_bytes: int, monotonic: float) -> None:
        """Raises Full with the reason and what to do. ``size`` in bytes; ``monotonic`` in seconds."""
        alarm = urgency is Urgency.ALARM
        if queued >= QUEUED_DECISIONS or queued_bytes >= QUEUED_BYTES:
            share = 2 if alarm else 1
            if queued >= QUEUED_DECISIONS * share or queued_bytes >= QUEUED_BYTES * share:
                raise Full(f"the disk is behind: {queued} decisions wait to be written; try again shortly")
        size *= _COPIES
        keep = self._reserve // 4 if alarm else self._reserve
        over = self._reserve - keep
        if monotonic - self._looked >= LOOK_EVERY or not self._fits(size, keep, over):
            self._look(monotonic)  # before refusing, too: it recovers with the first that asks
        if self._free - size < keep:
            raise Full(
                f"the journal's disk has {self._free / 2**20:,.0f} MiB free and {keep / 2**20:,.0f} MiB of it are "
                "kept in reserve: make room; it goes on by itself"
            )
        if self._taken + size > self._limit + over:
            raise Full(
                f"the journal takes {self._taken / 2**20:,.0f} MiB of the {self._limit / 2**20:,.0f} MiB it may: "
                "raise its limit, keep records for a shorter time, or let the VMS take what waits"
            )
        self._free -= size
        self._taken += size // _COPIES

    def _fits(self, size: int, keep: int, over: int) -> bool:
        return self._free - size >= keep and self._taken + size <= self._limit + over

    def _look(self, monotonic: float) -> None:
        self._looked = monotonic
        self._free = self._free_space(self._folder)
        self._taken = self.taken()

    def taken(self) -> int:
        """Bytes of the journal: rows, log and pictures. Freed pages count as free, they are used again."""
        return self._kept() + self._log()

    def running_short(self) -> Callable[[], bool] | None:
        """When nearly all is taken that may be: says whether it still is, of rows and pictures, for the log comes and
        goes."""
        log = self._log()
        if self._kept() + log <= self._limit * SHORT:
            return None
        enough = max(self._limit * ENOUGH - log, self._limit / 2)
        return lambda: self._kept() > enough

    def _kept(self) -> int:
        row = self._connection.execute(
            "SELECT (page_count - freelist_count) * page_size "
            "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        ).fetchone()
        return int(row[0]) + self._ledger.value(MEDIA_BYTES)

    def _log(self) -> int:
        try:
            return (self._folder / f"{DATABASE}-wal").stat().st_size
        except FileNotFoundError:
            return 0

"""What waits to be written, and one batch of it."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import Callable
from typing import Generic, TypeVar

from bridge.journal.contract import Full, LaneHead, Undone
from bridge.journal.sqlite.budget import Expirations
from bridge.journal.sqlite.claims import Claim
from bridge.journal.sqlite.facts import Step
from bridge.journal.sqlite.lanes import Entry
from bridge.journal.sqlite.rows import Rows
from bridge.model import Decision, Instant, Outcome

T = TypeVar("T")


class NoRoom(Undone, Full):
    """A decision already taken could not be kept, because the disk is full."""


class Waiting:
    """A decision on its way to the disk. ``items``: verdicts and events it has, 1 at least."""

    __slots__ = ("decision", "future", "items", "size")

    def __init__(self, decision: Decision, size: int, future: asyncio.Future[None]) -> None:
        self.decision = decision
        self.items = max(1, len(decision.verdicts), len(decision.events))
        self.size = size
        self.future = future


class Settling:
    """An outcome on its way to the disk. ``next``: the lane's next delivery, begun in the same batch."""

    __slots__ = ("begin_next", "entry", "final", "future", "next", "now", "outcome", "possible_duplicate", "state")

    def __init__(
        self,
        entry: Entry,
        outcome: Outcome,
        possible_duplicate: bool,
        now: Instant,
        begin_next: bool,
        future: asyncio.Future[LaneHead | None],
    ) -> None:
        self.entry = entry
        self.outcome = outcome
        self.possible_duplicate = possible_duplicate
        self.now = now
        self.begin_next = begin_next
        self.future = future
        self.next: Entry | None = None
        self.state = 0
        self.final = False


class Chore(Generic[T]):
    """Any other write: ``run`` is called inside the batch's transaction, ``done`` after its commit.

    ``insist``: when the batch fails it is tried again; otherwise whoever waits is told.
    """

    __slots__ = ("done", "failure", "future", "insist", "result", "run")

    def __init__(
        self,
        run: Callable[[sqlite3.Connection, Rows], T],
        done: Callable[[T], None] | None,
        insist: bool,
        future: asyncio.Future[T],
    ) -> None:
        self.run = run
        self.done = done
        self.insist = insist
        self.future = future
        self.result: list[T] = []
        self.failure: Exception | None = None

    def step(self, connection: sqlite3.Connection, rows: Rows) -> None:
        """Run it so that its failure costs nobody else anything; a failing disk is everybody's."""
        self.result.clear()
        self.failure = None
        connection.execute("SAVEPOINT chore")
        try:
            self.result.append(self.run(connection, rows))
        except (sqlite3.OperationalError, OSError):
            raise
        except Exception as failure:  # noqa: BLE001 - handed to whoever asked for it
            self.failure = failure
            connection.execute("ROLLBACK TO chore")
        connection.execute("RELEASE chore")

    def finish(self) -> None:
        if self.failure is not None:
            self.fail(self.failure)
            return
        result = self.result[0]
        if self.done is not None:
            self.done(result)
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, failure: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(failure)


class Batch:
    """What goes to the disk in one transaction."""

    __slots__ = ("begun", "chores", "claims", "decisions", "expirations", "merged", "now", "rows", "settlings", "size")

    def __init__(
        self, decisions: list[Waiting], settlings: list[Settling], chores: list[Chore[object]], now: Instant
    ) -> None:
        self.decisions = decisions
        self.size = sum(waiting.size for waiting in decisions)
        self.settlings = settlings
        self.chores = chores
        self.now = now
        self.claims: list[Claim] = []
        self.begun: set[Entry] = set()
        """New deliveries that are inserted already begun."""
        self.rows = Rows()
        self.expirations: Expirations | None = None
        self.merged: Step | None = None


def is_full(failure: BaseException) -> bool:
    """Whether a failure says that the disk has no room."""
    if isinstance(failure, sqlite3.Error):
        return getattr(failure, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or "disk is full" in str(failure)
    return isinstance(failure, OSError) and failure.errno in _NO_SPACE


_NO_SPACE = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})

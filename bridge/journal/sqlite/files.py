"""The journal's folder on disk: made, locked, migrated and read in before anything is taken. Blocking."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from bridge.clock import Clock
from bridge.journal.contract import JournalError, Lease
from bridge.journal.sqlite import feed, schema
from bridge.journal.sqlite.backup import remove_copies
from bridge.journal.sqlite.checkpoint import BACKSTOP
from bridge.journal.sqlite.facts import UNMERGED, Facts
from bridge.journal.sqlite.lanes import CAP, Lanes
from bridge.journal.sqlite.ledger import Backlog, Ledger
from bridge.journal.sqlite.lock import FolderLock
from bridge.journal.sqlite.media import FOLDER, sweep, sync_folder
from bridge.journal.sqlite.quarantine import Origins
from bridge.model import SiteId

log = logging.getLogger("bridge.journal")

LEASE = "writer"
CHECKPOINT_PAGES = 12_000
"""Pages of 4 KiB in the log after which it is copied into the tables, see ``checkpoint``."""


class Opened:
    """Everything that can be made without an event loop."""

    def __init__(
        self,
        folder: Path,
        site: SiteId,
        node: str,
        clock: Clock,
        *,
        quarantine_per_origin: int,
        cached: int = CAP,
        checkpoint_pages: int = CHECKPOINT_PAGES,
        unmerged: int = UNMERGED,
    ) -> None:
        make_folder(folder)
        self.folder = folder
        self.lock = FolderLock.acquire(folder, node)
        self._connections: list[sqlite3.Connection] = []
        try:
            remove_copies(folder)
            self.writer = self._connect(8192)
            schema.prepare(self.writer, checkpoint_pages=checkpoint_pages * BACKSTOP)
            if schema.version_of(self.writer):
                schema.check_site(self.writer, site)  # before another site's is changed
            schema.migrate(self.writer)
            schema.check_site(self.writer, site)
            self.feed_name = feed.name_of(self.writer)
            self.lease = Lease(LEASE, node, schema.next_epoch(self.writer, LEASE, node))
            (folder / FOLDER).mkdir(exist_ok=True)
            sync_folder(folder)  # SQLite syncs the names of its logs, not the database's own
            self.reader = self._connect(1024)
            self.thread_reader = self._connect(1024)
            self.copier = self._connect(64)
            self.swept = sweep(self.writer, folder)
            self.facts = Facts(unmerged)
            self.facts.load(self.writer)
            self.merge_facts(clock)
            self.ledger = Ledger(self.writer)
            self.origins = Origins(self.writer, quarantine_per_origin)
            self.lanes = Lanes(self.reader, clock, cached)
            self.oldest: dict[Backlog, int] = self.lanes.load()
        except sqlite3.DatabaseError as failure:
            self.abandon()
            raise JournalError(f"the journal {folder} cannot be opened: {failure}") from failure
        except BaseException:
            self.abandon()
            raise

    def _connect(self, cache: int) -> sqlite3.Connection:
        connection = schema.connect(self.folder, cache=cache)
        self._connections.append(connection)
        return connection

    def merge_facts(self, clock: Clock) -> None:
        """Before the journal serves, and after. A disk that has no room now gets them later: they are in memory."""
        try:
            if not schema.holds(self.writer, self.lease.name, self.lease.epoch):
                return  # taken over: they are the other's to merge
            self.facts.merge_all(self.writer, clock.now().utc.timestamp())
        except sqlite3.OperationalError as failure:
            log.warning("remembered facts stay unmerged for now: %s", failure)

    def abandon(self) -> None:
        """Close what is open and let the folder go."""
        for connection in reversed(self._connections):  # the writer last: it copies the log into the tables
            connection.close()
        self.lock.release()


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, each name durable in the one above."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)

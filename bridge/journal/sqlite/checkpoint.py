"""Copying the log into the tables beside the commits, not in front of them.

Left to itself SQLite copies within the commit that fills the log: measured at 500 events/s, that commit takes 5 to
12 ms and with it one event in a hundred. So a thread with a connection of its own copies while others commit, and
only what came meanwhile is copied between two commits, which lets the log start over.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor

log = logging.getLogger("bridge.journal")

BACKSTOP = 3
"""Times the usual length after which SQLite copies within a commit all the same."""

_PAGE = 4096
_PAGES_OF_A_COMMIT = 10  # measured: the last pages of each table and index
_ROW_BYTES = 200


class Checkpoints:
    """``pages``: length of the log, as far as it can be estimated, after which it is copied."""

    def __init__(self, connection: sqlite3.Connection, pages: int) -> None:
        self._connection = connection
        self._pages = pages
        self._length = 0
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-checkpoint")
        self._copying: Future[None] | None = None
        self.tail = False
        """Most has been copied: after the next commit the rest should be."""

    def committed(self, size: int, rows: int, pages: int = 0) -> None:
        """A batch of ``size`` bytes in ``rows`` rows is in the log, and beside them about ``pages`` pages."""
        self._length += _PAGES_OF_A_COMMIT + pages + (size + rows * _ROW_BYTES) // _PAGE
        if self._length >= self._pages and self._copying is None and not self.tail:
            self._copying = self._thread.submit(self._copy)

    def _copy(self) -> None:
        copy(self._connection)
        try:
            self._loop.call_soon_threadsafe(self._copied)
        except RuntimeError:
            return  # the loop has been closed: the next opening copies

    def _copied(self) -> None:
        self._copying = None
        self.tail = True

    def tail_copied(self, whole: bool) -> None:
        """``whole``: nothing is left in the log, the next commit starts it over. Else (somebody reads) soon again."""
        self.tail = False
        self._length = 0 if whole else self._pages // 2

    def close(self) -> None:
        """Blocks for the copying under way."""
        self._thread.shutdown()
        self._connection.close()


def copy(connection: sqlite3.Connection) -> bool:
    """Copy what can be copied without keeping anybody waiting; whether that was all. Never raises: a log that could
    not be copied (a full disk) is still a log, and is tried again."""
    try:
        _, length, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error as failure:
        log.warning("the journal's log could not be copied into its tables: %s", failure)
        return False
    return bool(length == copied)

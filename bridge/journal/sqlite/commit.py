"""The one thread that blocks: pictures to disk, then COMMIT, then one report to the event loop."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from bridge.journal.sqlite.checkpoint import copy
from bridge.journal.sqlite.media import Files

B = TypeVar("B")
Done = Callable[[B, Exception | None], None]
Job = tuple[B, Sequence[tuple[Path, bytes]], Callable[[bool], None] | None]


class Committer(Generic[B]):
    """Takes one batch at a time. While it works, the connection is its own.

    Statements are stepped on the event loop's thread and only the blocking part is done here: a thread that steps
    statements asks for the interpreter's lock back after each, and beside a busy loop waits up to the switch
    interval every time. So there is one hand-over per batch.

    ``before_commit`` is called in this thread just before COMMIT; a test makes a slow or failing disk of it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        done: Done[B],
        before_commit: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._files = Files(folder)
        self._done = done
        self._before_commit = before_commit
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Job[B] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-commit", daemon=True)
        self._thread.start()

    def commit(
        self, batch: B, pictures: Sequence[tuple[Path, bytes]], then_copy: Callable[[bool], None] | None = None
    ) -> None:
        """Returns at once; ``done(batch, failure)`` is called on the loop when it is durable, or rolled back.

        ``then_copy``: copy the tail of the log after that; called on the loop when the connection is free again.
        """
        self._jobs.put((batch, pictures, then_copy))

    def stop(self) -> None:
        """Blocks until the batch under way is done."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, pictures, then_copy = job
            failure = self._try(pictures)
            try:
                self._loop.call_soon_threadsafe(self._done, batch, failure)
                if then_copy is not None:
                    self._loop.call_soon_threadsafe(then_copy, copy(self._connection))
            except RuntimeError:  # the loop was closed under us: nobody is left to tell
                return
            del batch, job

    def _try(self, pictures: Sequence[tuple[Path, bytes]]) -> Exception | None:
        try:
            if pictures:
                self._files.write(pictures)
            if self._before_commit is not None:
                self._before_commit()
            self._connection.execute("COMMIT")
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is told to every waiter of the batch
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error as worse:
                failure.add_note(f"and rolling back failed: {worse}")
            self._files.discard(pictures)
            return failure
        return None

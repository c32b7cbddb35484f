"""A journal in a fresh folder, with a disk the test can fill, slow and break."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SystemClock
from bridge.journal.contract import LaneHead
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Urgency, VmsId
from tests.journal.making import SITE, VMS, now

PLENTY = 10 * 2**30


class Disk:
    """What the journal's seams see: free bytes, and a failure to raise instead of the next commits."""

    def __init__(self) -> None:
        self.free = PLENTY
        self.failure: BaseException | None = None
        self.failures = 0
        self._go = threading.Event()
        self._go.set()
        self.commits = 0

    def fail(self, times: int = 1, failure: Exception | None = None) -> None:
        self.failures, self.failure = times, failure or OSError(errno.EIO, "input/output error")

    def fill(self, times: int = 1) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        self.fail(times, error)

    def hold(self) -> None:
        """Commits wait until ``release``."""
        self._go.clear()

    def release(self) -> None:
        self._go.set()

    def before_commit(self) -> None:
        self._go.wait(10)
        if self.failures > 0:
            self.failures -= 1
            assert self.failure is not None
            raise self.failure
        self.commits += 1


class Bench:
    """Opens journals on folders of one test and closes them after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = Disk()
        self._open: list[SqliteJournal] = []

    async def open(self, name: str = "journal", **options: Any) -> SqliteJournal:
        options.setdefault("free_space", lambda _: self.disk.free)
        options.setdefault("before_commit", self.disk.before_commit)
        options.setdefault("clock", SystemClock())
        journal = await SqliteJournal.open(self.folder / name, site=SITE, node="here", **options)
        self._open.append(journal)
        return journal

    async def close(self, journal: SqliteJournal) -> None:
        self._open.remove(journal)
        await journal.close()

    async def crash(self, name: str = "journal", to: str = "after", **options: Any) -> SqliteJournal:
        """What a kill leaves: the files as they are now, opened by another."""
        shutil.copytree(self.folder / name, self.folder / to, ignore=shutil.ignore_patterns("*-shm"))
        return await self.open(to, **options)

    async def end(self) -> None:
        self.disk.release()
        self.disk.failures = 0
        for journal in self._open:
            await journal.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.end()


@pytest.fixture
async def journal(bench: Bench) -> SqliteJournal:
    return await bench.open()


async def claim(journal: SqliteJournal, limit: int = 1, least: Urgency = Urgency.NOTICE) -> list[LaneHead]:
    async with asyncio.timeout(30):
        return list(await journal.claim(journal.lease, VMS, least, now(), limit))


async def until(met: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(30):
        while not met():
            await asyncio.sleep(0)


async def nothing_to_claim(journal: SqliteJournal, least: Urgency = Urgency.NOTICE) -> bool:
    """A claim would wait. Looks after a few turns of the loop and a commit, which is when a head would be there."""
    claiming = asyncio.ensure_future(journal.claim(journal.lease, VMS, least, now(), 1))
    await journal.unpark(VmsId("nobody's"), None)  # any write: what was to be begun has been begun with it
    for _ in range(5):
        await asyncio.sleep(0)
    if claiming.done():
        return False
    claiming.cancel()
    await asyncio.wait([claiming])
    return True

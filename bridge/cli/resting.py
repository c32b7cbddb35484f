"""The journal of a service that is not running: read without touching it, or opened as the service would."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bridge.cli.asking import Place
from bridge.cli.ending import Code, Failure
from bridge.clock import SystemClock
from bridge.journal.contract import Fenced, Journal, JournalError
from bridge.journal.sqlite import OfflineJournal, SqliteJournal

T = TypeVar("T")


def read_only(where: Place, question: Callable[[OfflineJournal], Awaitable[T]]) -> T:
    """Ask the journal while no service has it. Raises Failure: nothing there, or somebody has it."""
    if where.journal is None:
        raise Failure(Code.NO_SERVICE, f"no service is running here: nobody answers at {where.control}")
    folder = where.journal

    async def ask() -> T:
        journal = await OfflineJournal.open(folder)
        try:
            return await question(journal)
        finally:
            await journal.close()

    return _run(ask)


def writing(where: Place, change: Callable[[Journal], Awaitable[T]]) -> T:
    """Change the journal as its only holder, for as long as it takes. Raises Failure."""
    if where.journal is None:
        raise Failure(Code.NO_SERVICE, f"no service is running here: nobody answers at {where.control}")
    site = where.site
    if site is None:
        raise Failure(Code.USAGE, "no service is running: name the site of this journal with --site to change it")
    folder = where.journal

    async def do() -> T:
        journal = await SqliteJournal.open(
            folder, site=site.id, node=socket.gethostname(), settings=site.journal, clock=SystemClock()
        )
        try:
            return await change(journal)
        finally:
            await journal.close()

    return _run(do)


def _run(main: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        return await main()

    try:
        return asyncio.run(run())
    except Fenced as held:
        why = f"{held}: its control socket is not where it was looked for; name it with --control"
        raise Failure(Code.REFUSED, why) from held
    except (JournalError, OSError) as error:
        raise Failure(Code.REFUSED, f"journal: {error}") from error

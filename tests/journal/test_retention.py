"""Retention takes what is old and settled, and never what still has to be delivered."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from bridge.journal.contract import EventRecord, JournalError, MessageRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.schema import DATABASE
from bridge.model import EventId, MessageId
from tests.journal.conftest import Bench, claim
from tests.journal.making import DONE, decision, now, unknown

DAY = 86400.0


async def left(journal: SqliteJournal) -> tuple[set[MessageId], set[EventId]]:
    """Messages and events that are left."""
    messages = {each.id async for each in journal.read(Query(what="messages")) if isinstance(each, MessageRecord)}
    events = {each.event.id async for each in journal.read(Query(what="events")) if isinstance(each, EventRecord)}
    return messages, events


async def test_old_and_settled_goes_old_and_undelivered_stays(bench: Bench, journal: SqliteJournal) -> None:
    old = [decision(sensor=f"s-{number}", pictures=(b"p%d" % number,), at=now(-40 * DAY)) for number in range(5)]
    young = decision(sensor="young", pictures=(b"young",))
    nonsense = unknown("10.0.0.9", at=now(-40 * DAY))
    for each in (*old, nonsense, young):
        await journal.commit(each)
    heads = await claim(journal, 3)
    assert [head.lane.sensor for head in heads] == ["s-0", "s-1", "s-2"]
    await asyncio.gather(*(journal.settle(head, DONE, now(), False) for head in heads[:2]))
    before = await journal.totals()
    older = now(-30 * DAY).utc.timestamp()

    assert await journal.purge(older) == 5  # two events, their messages, and the nonsense
    messages, events = await left(journal)
    kept = [*old[2:], young]
    assert events == {each.events[0].id for each in kept}
    assert messages == {each.message.id for each in kept if each.message is not None}
    assert [await journal.media(each.events[0].media[0].id) for each in kept] == [b"p2", b"p3", b"p4", b"young"]
    with pytest.raises(JournalError):
        await journal.media(old[0].events[0].media[0].id)
    assert len(list((bench.folder / "journal" / "media").glob("*/*"))) == 4
    after = await journal.totals()
    assert (after.messages, after.events, after.deliveries) == (before.messages, before.events, before.deliveries)
    assert not [each async for each in journal.read(Query(what="quarantine"))]

    # What was kept because it was open is found again once it has been delivered.
    for head in [heads[2], *await claim(journal, 5)]:
        await journal.settle(head, DONE, now(), False)
    assert await journal.purge(older) == 6
    assert await left(journal) == ({young.events[0].message}, {young.events[0].id})
    assert [path.name for path in (bench.folder / "journal" / "media").iterdir()] == [f"{now().utc:%Y-%m-%d}"]


async def test_purging_is_bounded_and_done_in_small_batches_between_which_others_write(
    bench: Bench, journal: SqliteJournal
) -> None:
    nothing = [unknown(f"10.0.0.{number % 50}", at=now(-40 * DAY)) for number in range(1500)]
    await asyncio.gather(*(journal.commit(each) for each in nothing))
    assert await journal.purge(now(-30 * DAY).utc.timestamp(), limit=100) == 100
    before = bench.disk.commits
    purging = asyncio.create_task(journal.purge(now(-30 * DAY).utc.timestamp()))
    await journal.commit(decision())
    assert not purging.done()
    assert await purging == 1400
    assert bench.disk.commits - before > 5
    assert (await journal.totals()).messages == 1501


async def test_purging_gives_disk_back(bench: Bench, journal: SqliteJournal) -> None:
    await asyncio.gather(*(journal.commit(unknown(str(n), b"x" * 20_000, now(-40 * DAY))) for n in range(200)))
    assert (await journal.totals()).size > 4 * 10**6
    await journal.purge(now(-30 * DAY).utc.timestamp())
    await bench.close(journal)
    database = bench.folder / "journal" / DATABASE
    assert database.stat().st_size < 10**6
    connection = sqlite3.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()

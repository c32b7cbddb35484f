"""Retention takes what is old and settled, and never what still has to be delivered."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SystemClock
from bridge.journal.contract import EventRecord, Full, JournalError, LaneHead, MessageRecord, QuarantineRecord, Query
from bridge.journal.sqlite import SqliteJournal, quarantine, retention
from bridge.journal.sqlite.retention import BATCH
from bridge.journal.sqlite.schema import DATABASE
from bridge.model import Decision, EventId, Instant, MessageId
from tests.journal.conftest import Bench, claim, until
from tests.journal.making import DONE, decision, now, unknown

DAY = 86400.0


class HandClock(SystemClock):
    """The system's, wrong ``by`` so many seconds."""

    by = 0.0

    def now(self) -> Instant:
        instant = super().now()
        return Instant(instant.utc + timedelta(seconds=self.by), instant.monotonic)


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


async def deliver(journal: SqliteJournal) -> None:
    """All that waits."""
    while (await journal.totals()).open_bytes:
        for head in await claim(journal, 5):
            following: LaneHead | None = head
            while following is not None:
                following = await journal.settle(following, DONE, now(), True)


async def test_what_came_while_the_clock_was_ahead_does_not_keep_what_came_after_it(
    bench: Bench, journal: SqliteJournal
) -> None:
    """Rows of ten years ahead would end the search for what is old for ten years."""
    before = decision(at=now(-50 * DAY))
    ahead = [decision(at=now(3650 * DAY), pictures=(b"ahead",) if number == 0 else ()) for number in range(BATCH + 50)]
    after, young = decision(at=now(-40 * DAY)), decision()
    await asyncio.gather(*(journal.commit(each) for each in (before, *ahead, after, young)))
    await deliver(journal)
    await journal.purge(now(-30 * DAY).utc.timestamp())
    assert await left(journal) == ({young.events[0].message}, {young.events[0].id})
    assert not list((bench.folder / "journal" / "media").iterdir())


async def test_what_a_new_journal_took_while_the_clock_was_ahead_is_not_taken_for_old(journal: SqliteJournal) -> None:
    ahead = [decision(at=now(3650 * DAY)) for _ in range(BATCH + 50)]
    await asyncio.gather(*(journal.commit(each) for each in (*ahead, decision())))
    await deliver(journal)
    assert await journal.purge(now(-30 * DAY).utc.timestamp()) == 0


@pytest.mark.parametrize("since", [0, 3])
async def test_a_clock_that_is_behind_takes_nothing_for_old(bench: Bench, since: int) -> None:
    """A board without battery begins in some year long ago, until it has asked a time server. ``since``: events that
    came since it began so."""
    clock = HandClock()
    journal = await bench.open(clock=clock)
    old, *others = [decision(at=now(-40 * DAY)), *(decision(at=now()) for _ in range(BATCH + 50))]
    await asyncio.gather(*(journal.commit(each) for each in (old, *others)))
    await deliver(journal)
    assert await journal.purge(now(-30 * DAY).utc.timestamp()) == 2
    clock.by = -2000 * DAY
    for _ in range(since):
        others.append(decision(at=now(-2000 * DAY)))
        await journal.commit(others[-1])
    await deliver(journal)
    assert await journal.purge(now(-2030 * DAY).utc.timestamp()) == 0
    assert (await left(journal))[1] == {each.events[0].id for each in others}


async def test_what_came_while_the_clock_was_ahead_goes_with_what_came_after_it_however_much_it_is(
    journal: SqliteJournal,
) -> None:
    ahead = [decision(at=now(3650 * DAY)) for _ in range(3 * BATCH)]
    sane = [decision(at=now(each * DAY)) for each in (-40, -39, 0)]
    await asyncio.gather(*(journal.commit(each) for each in (*ahead, *sane)))
    await deliver(journal)
    assert await journal.purge(now(-50 * DAY).utc.timestamp()) == 0
    await journal.purge(now(-30 * DAY).utc.timestamp())
    assert (await left(journal))[1] == {sane[-1].events[0].id}


async def test_an_event_stays_while_an_amendment_of_it_is_undelivered(bench: Bench, journal: SqliteJournal) -> None:
    raised = decision(at=now(-40 * DAY))
    await journal.commit(raised)
    [head] = await claim(journal)
    await journal.settle(head, DONE, now(), False)
    await journal.commit(decision(amends=raised.events[0], at=now(-39 * DAY)))
    await journal.commit(decision(sensor="another"))
    await journal.purge(now(-30 * DAY).utc.timestamp())
    after = await bench.crash()
    [amendment, *_] = await claim(after, 2)
    assert amendment.delivery.event.revision == 1
    assert amendment.delivery.remote_id == DONE.remote_id  # or the VMS could not be told what to amend


async def test_a_picture_on_its_way_is_not_taken_for_one_whose_message_is_gone(
    bench: Bench, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, go_on = threading.Event(), threading.Event()
    days = retention.old_days

    def when_told(*asked: Any) -> list[Path]:
        looking.set()
        go_on.wait(10)
        return days(*asked)

    monkeypatch.setattr(retention, "old_days", when_told)
    purging = asyncio.create_task(journal.purge(now(-30 * DAY).utc.timestamp()))
    await until(looking.is_set)
    bench.disk.hold()
    kept = journal.commit(made := decision(pictures=(b"plate",), at=now(-40 * DAY)))
    await until(lambda: bool(list((bench.folder / "journal" / "media").glob("*/*"))))
    go_on.set()  # its file is there, and its row is not yet
    await asyncio.wait([purging], timeout=0.3)
    bench.disk.release()
    await kept
    await purging
    assert await journal.media(made.events[0].media[0].id) == b"plate"


async def test_a_sender_of_whom_nothing_is_kept_any_more_leaves_its_place_to_another(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "ORIGINS", 4)
    journal = await bench.open(settings=Small(quarantine_per_origin=1))

    async def knock(senders: str, at: Instant) -> None:
        await asyncio.gather(*(journal.commit(unknown(sender, at=at)) for sender in senders))

    await knock("abcdd", now(-40 * DAY))  # one of them twice
    await knock("ef", now(-40 * DAY))  # these share the place of the others
    await journal.purge(now(-30 * DAY).utc.timestamp())
    await knock("ghi", now())
    await knock("g", now())
    assert await quarantined(journal) == {"g", "h", "i"}
    assert sum(journal.quarantine_dropped.values()) == 3
    after = await bench.crash(settings=Small(quarantine_per_origin=1))
    assert after.quarantine_dropped == journal.quarantine_dropped


async def quarantined(journal: SqliteJournal) -> set[str]:
    """Senders of what is in quarantine."""
    read = journal.read(Query(what="quarantine"))
    return {each.origin async for each in read if isinstance(each, QuarantineRecord)}


async def test_a_journal_full_of_what_is_undelivered_is_walked_over_once_and_not_each_minute(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    remove = retention.remove_events

    def noted(older_than: float, now: float, after: int, limit: int) -> retention.Write:
        looked.append(after)
        return remove(older_than, now, after, limit)

    monkeypatch.setattr(retention, "BATCH", 40)
    monkeypatch.setattr(retention, "remove_events", noted)
    journal = await bench.open(settings=Small(), checkpoint_pages=100)

    async def flood() -> None:
        for age in range(10_000, 0, -1):
            await journal.commit(decision(body=b"x" * 40_000, at=now(-200.0 * age)))

    with pytest.raises(Full, match="raise its limit"):
        await flood()
    older = now(-30 * DAY).utc.timestamp()
    assert await journal.purge(older) == 0
    assert max(looked) > 100, "it was looked whether there was anything to make room with"
    assert looked == sorted(looked)
    looked.clear()
    assert await journal.purge(older) == 0
    assert looked == [0]


async def test_a_journal_at_its_limit_takes_notices_again_once_what_waited_is_delivered(bench: Bench) -> None:
    journal = await bench.open(settings=Small(), checkpoint_pages=100)
    ages = iter(range(40 * 24, 0, -1))
    taken: list[Decision] = []

    async def flood() -> None:
        for age in ages:
            made = decision(body=b"x" * 40_000, pictures=(b"x" * 1000,) if age % 10 == 0 else (), at=now(-900.0 * age))
            await journal.commit(made)
            taken.append(made)

    with pytest.raises(Full, match="raise its limit"):
        await flood()
    older = now(-30 * DAY).utc.timestamp()
    assert await journal.purge(older) == 0  # nothing of it is settled
    with pytest.raises(Full):
        await flood()
    await deliver(journal)
    removed = 0
    while gone := await journal.purge(older):  # more than once, if the log has become long meanwhile
        removed += gone
    assert removed % 2 == 0  # so many events, and their messages
    kept = [each.events[0].id for each in taken[removed // 2 :]]
    assert len(taken) > len(kept) > len(taken) / 4
    assert await left(journal) == ({each.rpartition(".")[0] for each in kept}, set(kept)), "the oldest went first"
    pictures = {path.name.partition(".")[0] for path in (bench.folder / "journal" / "media").glob("*/*")}
    assert pictures == {each.events[0].message for each in taken[removed // 2 :] if each.events[0].media}
    await journal.commit(decision())


class Small:
    limit = 8 * 2**20
    reserve = 2**20

    def __init__(self, quarantine_per_origin: int = 100) -> None:
        self.quarantine_per_origin = quarantine_per_origin

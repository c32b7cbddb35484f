"""Events in the order they were committed, for who follows them from outside."""

from __future__ import annotations

import asyncio

import msgspec

from bridge.journal.contract import FeedPage, Undone
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Decision, Position
from tests.journal.conftest import Bench, claim
from tests.journal.making import DONE, decision, now

DAY = 86400.0


async def walk(journal: SqliteJournal, after: str | None = None, limit: int = 3) -> list[FeedPage]:
    """Every page from a position on, the last one empty."""
    pages = [await journal.feed(after, limit)]
    while (
        pages[-1].records or pages[-1].gap is not None or (len(pages) > 1 and pages[-1].position != pages[-2].position)
    ):
        pages.append(await journal.feed(pages[-1].position, limit))
    return pages


def ids(pages: list[FeedPage]) -> list[str]:
    return [record.event.id for page in pages for record in page.records]


def said(decisions: list[Decision]) -> list[str]:
    return [event.id for each in decisions for event in each.events]


def withheld(by: str) -> Decision:
    made = decision(cameras=())
    return msgspec.structs.replace(made, events=(msgspec.structs.replace(made.events[0], withheld=by),))


async def test_events_come_in_the_order_of_their_commits_whatever_the_page_with_their_cameras(
    journal: SqliteJournal,
) -> None:
    made = [decision(sensor=f"s-{number % 3}", cameras=("gate-in", "yard")[: number % 3]) for number in range(10)]
    amended = decision(amends=made[4].events[0])
    made.append(amended)
    await asyncio.gather(*(journal.commit(each) for each in made))
    for limit in (1, 3, 10, 1000):
        pages = await walk(journal, limit=limit)
        assert ids(pages) == said(made)
        positions = [record.position for page in pages for record in page.records]
        assert positions == sorted(positions)
        assert len(set(positions)) == len(positions)
    records = [record for page in pages for record in page.records]
    assert [record.cameras for record in records[:4]] == [(), ("gate-in",), ("gate-in", "yard"), ()]
    assert records[-1].event.revision == 1


async def test_what_a_rule_kept_from_the_cameras_is_passed_over_and_the_position_moves_on(
    journal: SqliteJournal,
) -> None:
    first, last = decision(), decision()
    for each in (first, withheld("strangers"), last, withheld("strangers")):
        await journal.commit(each)
    pages = await walk(journal, limit=1)
    assert ids(pages) == said([first, last])
    assert pages[-1].position == await journal.head()


async def test_a_position_is_good_after_a_restart_and_nothing_is_missed_or_told_twice(
    bench: Bench, journal: SqliteJournal
) -> None:
    made = [decision() for _ in range(6)]
    for each in made[:3]:
        await journal.commit(each)
    at = (await journal.feed(None, 2)).position
    await journal.keep(Position("endpoint erp", at))
    journal = await bench.crash()
    for each in made[3:]:
        await journal.commit(each)
    kept = await journal.position("endpoint erp")
    assert kept is not None
    assert ids(await walk(journal, kept.value)) == said(made[2:])
    assert await journal.behind(at) == 4


async def test_a_decision_that_was_undone_is_never_told_and_what_comes_after_it_is(
    bench: Bench, journal: SqliteJournal
) -> None:
    first, lost, last = decision(), decision(), decision()
    await journal.commit(first)
    at = await journal.head()
    bench.disk.fail()
    try:
        await journal.commit(lost)
    except Undone:
        assert journal.generation == 1
    await journal.commit(last)
    assert ids(await walk(journal, at)) == said([last])


async def settled(journal: SqliteJournal, made: list[Decision]) -> None:
    for each in made:
        await journal.commit(each)
    for head in await claim(journal, len(made)):
        while head is not None:
            head = await journal.settle(head, DONE, now(), True)


async def test_who_is_overtaken_by_retention_is_told_from_where_to_where(journal: SqliteJournal) -> None:
    old = [decision(sensor=f"s-{number}", at=now(-40 * DAY)) for number in range(5)]
    await settled(journal, old)
    kept = [decision(), decision()]
    for each in kept:
        await journal.commit(each)
    positions = [record.position for record in (await journal.feed(None, 100)).records]
    await journal.purge(now(-30 * DAY).utc.timestamp())

    page = await journal.feed(positions[1], 100)
    assert page.gap is not None
    assert (page.gap.after, page.gap.until) == (positions[1], positions[4])
    assert ids([page]) == said(kept)
    assert (await journal.feed(positions[4], 100)).gap is None, "who had them all lost nothing"
    assert (await journal.feed(None, 100)).gap is None, "who begins at the oldest lost nothing"


async def test_what_is_left_between_removed_ones_is_told_between_two_gaps(journal: SqliteJournal) -> None:
    old = [decision(sensor=f"s-{number}", cameras=("gate-in",), at=now(-40 * DAY)) for number in range(5)]
    for each in (*old, decision()):
        await journal.commit(each)
    for head in await claim(journal, 5):
        if head.lane.sensor != "s-2":
            await journal.settle(head, DONE, now(), False)
    positions = [record.position for record in (await journal.feed(None, 100)).records]
    await journal.purge(now(-30 * DAY).utc.timestamp())
    pages = await walk(journal, positions[0])
    gaps = [(page.gap.after, page.gap.until) for page in pages if page.gap is not None]
    assert gaps == [(positions[0], positions[1]), (positions[2], positions[4])]
    assert ids(pages)[0] == old[2].events[0].id
    assert len(ids(pages)) == 2


async def test_a_number_is_never_given_twice_even_when_all_that_is_old_was_removed(
    bench: Bench, journal: SqliteJournal
) -> None:
    await settled(journal, [decision(sensor=f"s-{number}", at=now(-40 * DAY)) for number in range(5)])
    at = await journal.head()
    await journal.purge(now(-30 * DAY).utc.timestamp())
    await bench.close(journal)
    journal = await bench.open()
    news = decision()
    await journal.commit(news)
    pages = await walk(journal, at)
    assert ids(pages) == said([news])
    assert pages[0].gap is None


async def test_a_position_of_another_journal_is_told_so_and_begins_anew(bench: Bench, journal: SqliteJournal) -> None:
    other = await bench.open("other")
    made = [decision() for _ in range(4)]
    for each in made:
        await other.commit(each)
        await journal.commit(each)
    foreign = (await other.feed(None, 3)).position
    for wrong in (foreign, "banana", "", (await journal.head())[:-1] + "9"):
        page = await journal.feed(wrong, 100)
        assert page.gap is not None
        assert page.gap.after == wrong
        assert ids([page]) == said(made)

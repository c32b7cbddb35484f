"""A row that cannot be read (a fault of the disk, another version's) costs itself and nothing that stands beside it."""

from __future__ import annotations

import asyncio
import sqlite3

import msgspec
import pytest

from bridge.journal.contract import DeliveryRecord, EventRecord, JournalError, MessageRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.schema import DATABASE
from bridge.model import Decision, DeliveryState, Piece, Rejected, Urgency
from tests.journal.conftest import Bench, claim
from tests.journal.making import DONE, decision, event_of, now

NONSENSE = b"\xc1"


def spoil(bench: Bench, table: str, column: str, id: str, name: str = "journal") -> None:
    connection = sqlite3.connect(bench.folder / name / DATABASE, isolation_level=None)
    assert connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (NONSENSE, id)).rowcount == 1
    connection.close()


def id_of(made: Decision) -> str:
    assert made.message is not None
    return made.message.id


async def test_a_lane_goes_on_without_an_event_that_cannot_be_read(bench: Bench, journal: SqliteJournal) -> None:
    made = [decision(urgency=Urgency.ALARM) for _ in range(3)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    await bench.close(journal)
    spoil(bench, "event", "packed", made[0].events[0].id)
    again = await bench.open(cached=1)
    [head] = await claim(again)
    assert event_of(head) == made[1].events[0].id
    following = await again.settle(head, DONE, now(), True)
    assert following is not None
    await again.settle(following, Rejected("no"), now(), False)
    totals = await again.totals()
    assert totals.deliveries == {"pending": 0, "begun": 0, "delivered": 1, "expired": 0, "dead": 2}
    assert not totals.open_bytes
    [refused] = await again.refused_alarms()
    assert refused.event == made[2].events[0].id


async def test_what_stands_beside_it_is_read(bench: Bench, journal: SqliteJournal) -> None:
    made = [decision() for _ in range(3)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    spoil(bench, "event", "packed", made[1].events[0].id)
    spoil(bench, "message", "packed", id_of(made[1]))
    others = [made[0], made[2]]
    assert [each.event async for each in journal.read(Query(what="events")) if isinstance(each, EventRecord)] == [
        each.events[0] for each in others
    ]
    assert [each.id async for each in journal.read(Query(what="messages")) if isinstance(each, MessageRecord)] == [
        id_of(each) for each in others
    ]
    query = Query(what="deliveries", states=(DeliveryState.PENDING,))
    assert len([each async for each in journal.read(query) if isinstance(each, DeliveryRecord)]) == 2
    page = await journal.feed(None, 10)
    assert [each.event for each in page.records] == [each.events[0] for each in others]
    assert page.position == await journal.head()


async def test_other_messages_that_are_decided_in_part_are_gone_on_with(bench: Bench, journal: SqliteJournal) -> None:
    made = []
    for _ in range(2):
        whole = decision()
        part = msgspec.structs.replace(whole, piece=Piece(id_of(whole), 0, last=False))  # type: ignore[arg-type]
        await journal.commit(part)
        made.append(part)
    spoil(bench, "message", "packed", id_of(made[0]))
    found = await journal.undecided(None)
    assert found is not None
    assert found.record.id == id_of(made[1])


async def test_it_goes_when_its_time_has_come(bench: Bench, journal: SqliteJournal) -> None:
    made = [decision(at=now(-40 * 86400.0)), decision(at=now(-40 * 86400.0)), decision()]
    await asyncio.gather(*(journal.commit(each) for each in made))
    spoil(bench, "message", "verdicts", id_of(made[0]))
    spoil(bench, "message", "media", id_of(made[0]))
    assert b"".join([piece async for piece in journal.backup("0.1.0")])
    for head in await claim(journal):
        following = await journal.settle(head, DONE, now(), True)
        assert following is not None
        await journal.settle(following, DONE, now(), False)
    assert await journal.purge(now(-30 * 86400.0).utc.timestamp()) == 4


async def test_tables_that_cannot_be_read_are_said_to_whoever_asks(bench: Bench, journal: SqliteJournal) -> None:
    connection = sqlite3.connect(bench.folder / "journal" / DATABASE, isolation_level=None)
    connection.execute("DROP TABLE quarantine")
    connection.close()
    with pytest.raises(JournalError, match="could not be read"):
        assert not [each async for each in journal.read(Query(what="quarantine"))]

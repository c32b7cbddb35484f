"""Accepted means kept: what is committed is there, in order, after a kill too; what failed is not."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import partial

import msgspec
import pytest

from bridge.journal.contract import (
    EventRecord,
    Full,
    JournalError,
    MessageRecord,
    QuarantineRecord,
    Query,
    Record,
    Undone,
)
from bridge.journal.sqlite import SqliteJournal
from bridge.model import (
    CameraId,
    Decision,
    EventId,
    MediaId,
    NewDelivery,
    Position,
    SensorId,
    StateChange,
    StateKey,
    Urgency,
)
from tests.journal.conftest import Bench, claim
from tests.journal.making import SENSOR, decision, event_of, now, unknown


async def records(journal: SqliteJournal, query: Query) -> list[Record]:
    return [record async for record in journal.read(query)]


async def kept_messages(journal: SqliteJournal) -> list[str]:
    return [each.id for each in await records(journal, Query(what="messages")) if isinstance(each, MessageRecord)]


def id_of(made: Decision) -> str:
    assert made.message is not None
    return made.message.id


def fact(key: str, value: bytes | None = b"value", due_in: float | None = None, ends: float = 3600.0) -> StateChange:
    return StateChange(StateKey(SENSOR, "dedup", key), value, time.time() + ends, due_in)


async def test_a_committed_decision_is_whole_after_a_kill(bench: Bench, journal: SqliteJournal) -> None:
    made = decision(
        cameras=("gate-in", "gate-wide"),
        pictures=(b"plate", b"vehicle"),
        changes=(fact("a"), fact("hold", due_in=60.0)),
        position=Position("log", "17"),
    )
    await journal.commit(made)
    after = await bench.crash()

    [message] = await records(after, Query(what="messages"))
    assert isinstance(message, MessageRecord)
    assert made.message is not None
    assert (message.id, message.message, message.verdicts) == (made.message.id, made.message.message, made.verdicts)
    assert [await after.media(each) for each in message.media] == [b"plate", b"vehicle"]
    assert await records(after, Query(what="events")) == [EventRecord(event=made.events[0])]
    assert {head.delivery.camera for head in await claim(after, 2)} == {"gate-in", "gate-wide"}
    assert await after.position("log") == Position("log", "17")
    state = await after.state([SENSOR])
    assert {key.key for key in state} == {"a", "hold"}
    [timer] = await after.timers()
    assert timer.key.key == "hold"
    assert timer.remaining is not None
    assert 0 < timer.remaining <= 60


def _note(finished: list[int], number: int, future: asyncio.Future[None]) -> None:
    finished.append(number)


async def test_decisions_become_durable_in_the_order_of_the_calls(journal: SqliteJournal) -> None:
    made = [decision(sensor=f"sensor-{number % 3}") for number in range(700)]  # more than one batch takes
    finished: list[int] = []
    futures = [journal.commit(each) for each in made]
    for number, future in enumerate(futures):
        future.add_done_callback(partial(_note, finished, number))
    await asyncio.gather(*futures)
    assert finished == sorted(finished)
    assert await kept_messages(journal) == [id_of(each) for each in made]


async def test_what_arrives_while_a_batch_is_synced_forms_the_next(bench: Bench, journal: SqliteJournal) -> None:
    bench.disk.hold()
    futures = [journal.commit(decision()) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    futures += [journal.commit(decision()) for _ in range(50)]
    assert not any(future.done() for future in futures)
    before = bench.disk.commits
    bench.disk.release()
    await asyncio.gather(*futures)
    assert bench.disk.commits - before == 2


async def test_a_waiter_that_left_does_not_take_its_decision_back(journal: SqliteJournal) -> None:
    made = decision()
    journal.commit(made).cancel()
    await journal.commit(decision())
    assert id_of(made) in await kept_messages(journal)


# ----------------------------------------------------------------------------------------------------- what fails


async def test_a_failed_commit_undoes_its_decisions_and_all_behind_them(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(kept := decision())
    generation = journal.generation
    bench.disk.hold()
    bench.disk.fail()
    first = [journal.commit(decision()) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    queued = journal.commit(decision())
    bench.disk.release()
    results = await asyncio.gather(*first, queued, return_exceptions=True)
    assert [type(result) for result in results] == [Undone] * 3
    assert await kept_messages(journal) == [id_of(kept)]
    assert (await journal.totals()).messages == 1

    with pytest.raises(Undone):  # made from a memory that is wrong now
        await journal.commit(decision())
    assert journal.generation != generation
    await journal.commit(again := decision())
    assert await kept_messages(journal) == [id_of(kept), id_of(again)]


async def test_a_disk_that_fills_up_under_a_commit_is_undone_and_full(bench: Bench, journal: SqliteJournal) -> None:
    bench.disk.fill()
    future = journal.commit(decision(pictures=(b"plate",)))
    with pytest.raises(Undone) as caught:
        await future
    assert isinstance(caught.value, Full)
    assert not list((bench.folder / "journal" / "media").glob("*/*"))


async def test_a_decision_that_cannot_be_written_fails_alone_with_those_after_it(journal: SqliteJournal) -> None:
    before = [decision(), decision()]
    poison = decision(id=id_of(before[0]))  # the same message twice: the table refuses it
    results = await asyncio.gather(
        *(journal.commit(each) for each in (*before, poison, decision())), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), type(None), Undone, Undone]
    assert await kept_messages(journal) == [id_of(each) for each in before]
    assert journal.generation == 1
    await journal.commit(decision())
    assert len(await claim(journal, 5)) == 1
    assert (await journal.totals()).messages == 3


async def test_who_decides_anew_sees_what_was_decided_before_the_decision_that_failed(journal: SqliteJournal) -> None:
    told = StateKey(SENSOR, "dedup", "told")
    before = decision(changes=(StateChange(told, b"value", 4e9),))
    kept = journal.commit(before)
    with pytest.raises(Undone):
        await journal.commit(decision(id=id_of(before)))
    assert not kept.done()
    assert set(await journal.state([SENSOR])) == {told}
    assert kept.done()


async def test_a_decision_that_cannot_even_be_encoded_fails_alone(journal: SqliteJournal) -> None:
    stray = NewDelivery(
        EventId("nowhere"), 0, CameraId("gate-in"), *(decision().deliveries[0].vms, SENSOR),
        decision().deliveries[0].action, Urgency.NOTICE,
    )  # fmt: skip
    broken = msgspec.structs.replace(decision(), deliveries=(stray,))
    results = await asyncio.gather(journal.commit(decision()), journal.commit(broken), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), Undone]


# ------------------------------------------------------------------------------------------------------------ room


async def test_notices_are_refused_at_the_reserve_and_alarms_at_a_quarter_of_it(bench: Bench) -> None:
    journal = await bench.open(settings=Small(reserve=40 * 2**20))
    bench.disk.free = 30 * 2**20
    with pytest.raises(Full, match="reserve"):
        journal.commit(decision())
    with pytest.raises(Full):
        journal.commit(decision(urgency=Urgency.FAULT))
    await journal.commit(alarm := decision(urgency=Urgency.ALARM))
    [head] = await claim(journal)
    assert event_of(head) == alarm.events[0].id
    bench.disk.free = 9 * 2**20
    await asyncio.sleep(0.6)  # the disk is looked at twice a second
    with pytest.raises(Full):
        journal.commit(decision(urgency=Urgency.ALARM))
    bench.disk.free = 2**30
    await journal.commit(decision())  # recovers by itself
    assert journal.generation == 0


async def test_a_journal_at_its_limit_takes_no_more_notices(bench: Bench) -> None:
    journal = await bench.open(settings=Small(limit=2 * 2**20, reserve=40 * 2**20))
    with pytest.raises(Full, match="limit"):
        await flood(journal)
    await journal.commit(decision(urgency=Urgency.ALARM))


async def flood(journal: SqliteJournal) -> None:
    for _ in range(400):
        await journal.commit(decision(body=b"x" * 20_000))


async def test_more_than_may_wait_is_refused_before_it_is_taken(bench: Bench, journal: SqliteJournal) -> None:
    bench.disk.hold()
    futures = [journal.commit(decision(body=b"x" * 2**20)) for _ in range(64)]
    with pytest.raises(Full, match="behind"):
        journal.commit(decision())
    futures.append(journal.commit(decision(urgency=Urgency.ALARM)))
    bench.disk.release()
    await asyncio.gather(*futures)
    assert journal.generation == 0


class Small:
    def __init__(self, limit: int = 2**30, reserve: int = 2**20, quarantine_per_origin: int = 100) -> None:
        self.limit = limit
        self.reserve = reserve
        self.quarantine_per_origin = quarantine_per_origin


# ----------------------------------------------------------------------------------------------------------- state


async def test_setting_a_fact_replaces_it_and_its_timer_and_forgetting_removes_it(journal: SqliteJournal) -> None:
    await asyncio.gather(
        journal.commit(decision(changes=(fact("a", b"1", 5.0), fact("b", b"1")))),
        journal.commit(decision(changes=(fact("a", b"2"), fact("c", b"1")))),
        journal.commit(decision(changes=(fact("b", None),))),
    )
    rows = await journal.state([SENSOR])
    assert {key.key: row.value for key, row in rows.items()} == {"a": b"2", "c": b"1"}
    assert await journal.timers() == []


async def test_a_timer_persists_as_what_remains_of_it(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(decision(changes=(fact("soon", due_in=30.0),), at=now(-10.0)))
    await journal.commit(decision(changes=(fact("overdue", due_in=5.0),), at=now(-60.0)))
    await journal.commit(decision(changes=(fact("clock set back", due_in=30.0),), at=now(3600.0)))
    remaining = {row.key.key: row.remaining or 0.0 for row in await journal.timers()}
    assert 15.0 < remaining["soon"] <= 20.0
    assert remaining["overdue"] == 0.0
    assert remaining["clock set back"] == 30.0


async def test_expired_facts_are_not_read_and_are_pruned_but_timers_stay(journal: SqliteJournal) -> None:
    await journal.commit(decision(changes=(fact("old", ends=-1.0), fact("held", due_in=9.0, ends=-1.0), fact("new"))))
    assert {key.key for key in await journal.state([SENSOR])} == {"held", "new"}
    await journal.purge(0.0)
    count = await journal._reader.ask(lambda connection: connection.execute("SELECT count(*) FROM state").fetchone()[0])
    assert count == 2


async def test_a_sensors_facts_are_capped_the_first_to_expire_go_first(bench: Bench) -> None:
    journal = await bench.open(state_per_sensor=100)
    many = tuple(fact(f"{number:04d}", ends=1000.0 + number) for number in range(500))
    forever = StateChange(StateKey(SENSOR, "condition", "fire"), b"open", float("inf"))
    await journal.commit(decision(changes=(forever, *many, fact("timer", due_in=5.0, ends=1.0))))
    await journal.commit(decision(changes=tuple(fact(f"{number:04d}", ends=1000.0 + number) for number in range(20))))
    keys = {key.key for key in await journal.state([SENSOR])}
    assert len(keys) <= 110 + 1
    assert {"fire", "timer", "0499"} <= keys


async def test_a_sensor_with_very_many_facts_is_read_whole(journal: SqliteJournal) -> None:
    await journal.commit(decision(changes=tuple(fact(str(number)) for number in range(1500))))
    assert len(await journal.state([SENSOR, SensorId("another")])) == 1500


# ------------------------------------------------------------------------------------------------------ quarantine


async def test_a_sender_of_nonsense_fills_its_own_cap_only(bench: Bench) -> None:
    journal = await bench.open(settings=Small(quarantine_per_origin=3))
    await asyncio.gather(*(journal.commit(unknown("10.0.0.9", b"z" * 1000)) for _ in range(10)))
    await journal.commit(unknown("10.0.0.8"))
    kept = [each for each in await records(journal, Query(what="quarantine")) if isinstance(each, QuarantineRecord)]
    assert [each.origin for each in kept] == ["10.0.0.9"] * 3 + ["10.0.0.8"]
    totals = await journal.totals()
    assert (totals.messages, totals.items["quarantined"]) == (11, 11)  # the ledger has them all
    assert journal.quarantine_dropped == {"10.0.0.9": 7}
    assert await journal.drop_quarantined(kept[0].message) == 1
    await journal.commit(unknown("10.0.0.9"))
    assert len(await records(journal, Query(what="quarantine"))) == 4


# --------------------------------------------------------------------------------------------------------- reading


async def test_queries_filter_and_page(journal: SqliteJournal) -> None:
    start = now(-1000.0)
    made = [
        decision(
            sensor=f"sensor-{number % 2}",
            at=msgspec.structs.replace(start, utc=start.utc + timedelta(seconds=number)),
            cameras=("gate-in",) if number % 3 else ("gate-wide",),
        )
        for number in range(450)
    ]
    await asyncio.gather(*(journal.commit(each) for each in made))

    async def count(query: Query) -> int:
        return len(await records(journal, query))

    assert await count(Query(what="events")) == 450
    assert await count(Query(what="events", limit=301)) == 301
    assert await count(Query(what="events", sensor=SensorId("sensor-1"))) == 225
    assert await count(Query(what="events", camera=CameraId("gate-wide"))) == 150
    assert await count(Query(what="deliveries", camera=CameraId("gate-wide"))) == 150
    assert await count(Query(what="messages", sensor=SensorId("sensor-0"))) == 225
    assert await count(Query(what="events", since=made[100].at.utc, until=made[110].at.utc)) == 10
    assert await records(journal, Query(what="messages", event=made[7].events[0].id)) == await records(
        journal, Query(what="messages", message=made[7].events[0].message)
    )
    newest = await records(journal, Query(what="events", newest_first=True, limit=1))
    assert newest == [EventRecord(event=made[-1].events[0])]
    assert await records(journal, Query(what="events", message=made[3].events[0].message)) == [
        EventRecord(event=made[3].events[0])
    ]


async def test_a_picture_that_is_not_there_is_said_so(journal: SqliteJournal) -> None:
    with pytest.raises(JournalError, match="not in the journal"):
        await journal.media(MediaId("0192aabbccddcafe000001.0"))

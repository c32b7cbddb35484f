"""A VMS that is away: its budget, and memory that stays flat however much waits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator

import pytest

from bridge.journal.contract import DeliveryRecord, LaneHead, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.lanes import WINDOW
from bridge.journal.sqlite.schema import DATABASE
from bridge.model import CameraId, Decision, DeliveryState, Rejected, Urgency, VmsId
from tests.journal.conftest import Bench, claim
from tests.journal.making import DONE, VMS, decision, event_of, now


async def deliveries(journal: SqliteJournal, state: DeliveryState) -> list[DeliveryRecord]:
    query = Query(what="deliveries", states=(state,), limit=100_000)
    return [each async for each in journal.read(query) if isinstance(each, DeliveryRecord)]


async def drain(journal: SqliteJournal, head: LaneHead) -> AsyncIterator[LaneHead]:
    following: LaneHead | None = head
    while following is not None:
        yield following
        following = await journal.settle(following, DONE, now(), True)


async def test_the_oldest_notices_of_the_vms_over_its_budget_end_and_nobody_elses(bench: Bench) -> None:
    told: list[tuple[VmsId, Urgency, int]] = []
    journal = await bench.open(budgets={VMS: {Urgency.NOTICE: 20_000}}, on_expired=lambda *what: told.append(what))
    await journal.commit(other := decision(vms="another", detail=b"x" * 1000))
    await journal.commit(alarm := decision(urgency=Urgency.ALARM, detail=b"x" * 1000))
    made = [decision(sensor=f"sensor-{number % 3}", detail=b"x" * 1000) for number in range(100)]
    for start in range(0, 100, 10):
        await asyncio.gather(*(journal.commit(each) for each in made[start : start + 10]))
    totals = await journal.totals()
    left = totals.deliveries["pending"] - 2
    assert 5 < left < 20
    assert totals.open_bytes[VMS, Urgency.NOTICE] <= 20_000
    assert totals.deliveries["expired"] == 100 - left == sum(count for _, _, count in told)
    assert {(vms, urgency) for vms, urgency, _ in told} == {(VMS, Urgency.NOTICE)}
    ended = await deliveries(journal, DeliveryState.EXPIRED)
    assert [each.event for each in ended] == [each.events[0].id for each in made[: 100 - left]]
    assert {each.why for each in ended} == {"budget"}
    heads = await claim(journal, 10)
    assert event_of(heads[0]) == alarm.events[0].id
    notices = []
    for head in heads[1:]:
        notices += [event_of(each) async for each in drain(journal, head)]
    assert sorted(notices) == sorted(each.events[0].id for each in made[100 - left :])
    assert other.events[0].id not in notices
    assert (await journal.totals()).open_bytes.keys() == {(VMS, Urgency.ALARM), (VmsId("another"), Urgency.NOTICE)}


async def test_what_is_begun_does_not_end_for_the_budget(bench: Bench) -> None:
    journal = await bench.open(budgets={VMS: {Urgency.NOTICE: 5_000}})
    await journal.commit(first := decision(detail=b"x" * 1000))
    [head] = await claim(journal)
    await asyncio.gather(*(journal.commit(decision(detail=b"x" * 1000)) for _ in range(20)))
    assert event_of(head) == first.events[0].id
    assert await journal.settle(head, DONE, now(), True) is not None
    assert (await journal.totals()).deliveries["delivered"] == 1


async def test_what_is_being_claimed_does_not_end_for_the_budget_either(bench: Bench) -> None:
    journal = await bench.open(budgets={VMS: {Urgency.NOTICE: 5_000}})
    made = [decision(detail=b"x" * 1000) for _ in range(3)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    claiming = asyncio.create_task(claim(journal))
    await asyncio.sleep(0)  # its begun mark is in the batch that goes over the budget
    await asyncio.gather(*(journal.commit(decision(detail=b"x" * 1000)) for _ in range(3)))
    [head] = await claiming
    assert event_of(head) == made[0].events[0].id
    await journal.settle(head, DONE, now(), False)
    ended = await deliveries(journal, DeliveryState.EXPIRED)
    assert [each.event for each in ended][:2] == [each.events[0].id for each in made[1:]]
    totals = await journal.totals()
    assert totals.deliveries["delivered"] == 1
    assert totals.deliveries["begun"] == 0
    assert totals.deliveries["expired"] == len(ended)


async def test_what_a_lane_goes_on_with_does_not_end_for_the_budget_in_the_same_batch(bench: Bench) -> None:
    journal = await bench.open(budgets={VMS: {Urgency.NOTICE: 5_000}})
    made = [decision(detail=b"x" * 1000) for _ in range(3)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    [head] = await claim(journal)
    settling = asyncio.create_task(journal.settle(head, DONE, now(), True))
    await asyncio.sleep(0)  # its outcome, and the begun mark of the next, are in the batch that goes over the budget
    await asyncio.gather(*(journal.commit(decision(detail=b"x" * 1000)) for _ in range(4)))
    following = await settling
    assert following is not None
    assert event_of(following) == made[1].events[0].id
    [begun] = await deliveries(journal, DeliveryState.BEGUN)
    assert begun.event == made[1].events[0].id
    await drained(journal, following)
    totals = await journal.totals()
    ended = await deliveries(journal, DeliveryState.EXPIRED)
    assert totals.deliveries["expired"] == len(ended) > 0
    assert totals.deliveries["delivered"] == 7 - len(ended)
    assert totals.deliveries["pending"] == totals.deliveries["begun"] == 0
    assert not totals.open_bytes


async def drained(journal: SqliteJournal, head: LaneHead) -> None:
    async for _ in drain(journal, head):
        pass


async def test_a_lane_goes_on_behind_what_a_budget_is_just_ending(bench: Bench) -> None:
    journal = await bench.open(cached=1)
    made = [decision(detail=b"x" * 1000) for _ in range(6)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    bench.disk.hold()
    journal.set_budgets({VMS: {Urgency.NOTICE: 4_000}})
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the batch that ends the oldest is on its way, and the table still shows them
    claiming = asyncio.create_task(claim(journal))
    await asyncio.sleep(0)
    bench.disk.release()
    [head] = await claiming
    ended = len(await deliveries(journal, DeliveryState.EXPIRED))
    assert ended > 1
    assert event_of(head) == made[ended].events[0].id


async def test_a_budget_made_smaller_is_heard_and_one_that_failed_to_write_is_tried_again(
    bench: Bench, journal: SqliteJournal
) -> None:
    made = [decision(detail=b"x" * 1000) for _ in range(50)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    bench.disk.fail()
    journal.set_budgets({VMS: {Urgency.NOTICE: 10_000}})
    await asyncio.gather(journal.commit(decision(detail=b"x" * 1000)), return_exceptions=True)
    assert journal.generation == 1
    assert (await journal.totals()).deliveries["expired"] == 0
    await journal.commit(decision(detail=b"x" * 1000))
    left = (await journal.totals()).deliveries["pending"]
    assert 3 < left < 10
    [head] = await claim(journal)
    assert [event_of(each) async for each in drain(journal, head)][:-1] == [
        each.events[0].id for each in made[50 - left + 1 :]
    ]


async def test_the_walk_for_the_oldest_begins_after_a_restart_where_something_is_open(bench: Bench) -> None:
    journal = await bench.open()
    made = [decision(sensor=f"sensor-{number}", detail=b"x" * 1000) for number in range(30)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    for head in await claim(journal, 10):
        await journal.settle(head, DONE, now(), False)
    after = await bench.crash(budgets={VMS: {Urgency.NOTICE: 15_000}})
    await after.commit(decision(detail=b"x" * 1000))
    ended = await deliveries(after, DeliveryState.EXPIRED)
    assert [each.event for each in ended] == [each.events[0].id for each in made[10 : 10 + len(ended)]]
    assert len(ended) > 5


# ----------------------------------------------------------------------------------------------------------- memory


async def fill(journal: SqliteJournal, count: int, sensors: int) -> None:
    cameras = tuple(f"camera-{number}" for number in range(20))
    for start in range(0, count // 20, 100):
        made = [decision(sensor=f"sensor-{number % sensors}", cameras=cameras) for number in range(start, start + 100)]
        await asyncio.gather(*(journal.commit(each) for each in made))


async def test_memory_stays_flat_with_two_hundred_thousand_waiting_and_the_alarm_is_at_hand(bench: Bench) -> None:
    journal = await bench.open()
    await fill(journal, 200_000, sensors=50)
    await journal.commit(alarm := decision(urgency=Urgency.ALARM))
    assert (await journal.totals()).deliveries["pending"] == 200_001
    assert journal.cached_deliveries <= 4096
    [head] = await claim(journal)
    assert event_of(head) == alarm.events[0].id
    await bench.close(journal)
    after = await bench.open()
    [head] = await claim(after)
    assert event_of(head) == alarm.events[0].id
    assert head.ambiguous
    heads = await claim(after, 999)
    assert len({head.lane for head in heads}) == 999
    assert after.cached_deliveries <= 4096


@pytest.mark.parametrize("cached", [1, 7, 40])
async def test_order_holds_when_windows_are_read_from_the_table_again_and_again(bench: Bench, cached: int) -> None:
    journal = await bench.open(cached=cached)
    made: list[Decision] = []
    delivered: dict[str, list[str]] = {}

    async def deliver() -> None:
        for head in await claim(journal, 3):
            async for each in drain(journal, head):
                delivered.setdefault(each.lane.sensor, []).append(event_of(each))

    for _ in range(6):
        some = [decision(sensor=f"sensor-{number % 5}") for number in range(100)]
        made += some
        futures = [journal.commit(each) for each in some]
        await deliver()
        await asyncio.gather(*futures)
        assert journal.cached_deliveries <= cached + 5
    while (await journal.totals()).deliveries["pending"]:
        await deliver()
    assert delivered == {
        f"sensor-{number}": [each.events[0].id for each in made if each.events[0].sensor == f"sensor-{number}"]
        for number in range(5)
    }


async def test_what_was_read_back_before_its_batch_was_reported_does_not_come_twice(bench: Bench) -> None:
    journal = await bench.open()
    made = [decision() for _ in range(WINDOW + 3)]
    await asyncio.gather(*(journal.commit(each) for each in made[:-2]))  # the window's fill, one in the table alone
    following: LaneHead | None
    [following] = await claim(journal)
    for number in range(WINDOW):
        assert following is not None
        following = await journal.settle(following, DONE, now(), number < WINDOW - 1)
    bench.disk.hold()
    last = [journal.commit(each) for each in made[-2:]]
    for _ in range(3):
        await asyncio.sleep(0)
    watcher = sqlite3.connect(bench.folder / "journal" / DATABASE)
    bench.disk.release()
    for _ in range(10_000):  # without a turn of the loop: the batch is durable, and nobody has been told yet
        if watcher.execute("SELECT count(*) FROM message").fetchone()[0] == len(made):
            break
    watcher.close()
    assert not last[0].done()
    [head] = await claim(journal)
    order = [event_of(each) async for each in drain(journal, head)]
    assert order == [each.events[0].id for each in made[-3:]]
    await asyncio.gather(*last)
    assert (await journal.totals()).deliveries["delivered"] == len(made)


async def test_dead_letters_do_not_count_against_the_budget(bench: Bench) -> None:
    journal = await bench.open(budgets={VMS: {Urgency.NOTICE: 6_000}})
    await journal.commit(first := decision(detail=b"x" * 1000, cameras=("gate-in",)))
    [head] = await claim(journal)
    await journal.settle(head, Rejected("no"), now(), False)
    assert not (await journal.totals()).open_bytes
    await journal.replay(first.events[0].id, CameraId("gate-in"), now())
    assert (await journal.totals()).open_bytes[VMS, Urgency.NOTICE] > 1000

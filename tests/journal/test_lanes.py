"""Lanes: one delivery of each in flight, in order, alarms first, parked ones left alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from bridge.journal.contract import DeliveryRecord, Fenced, JournalError, LaneHead, Parked, Query
from bridge.journal.sqlite import SqliteJournal, schema
from bridge.model import (
    Ambiguous,
    Blocked,
    Delivered,
    DeliveryState,
    EventId,
    Expired,
    Outcome,
    Rejected,
    Retry,
    Urgency,
    VmsId,
)
from tests.journal.conftest import Bench, claim, nothing_to_claim
from tests.journal.making import CAMERA, DONE, VMS, decision, event_of, now

LATER = Retry("busy", after=3600.0)


async def settle(
    journal: SqliteJournal, head: LaneHead, outcome: Outcome = DONE, begin_next: bool = False
) -> LaneHead | None:
    async with asyncio.timeout(30):
        return await journal.settle(head, outcome, now(), begin_next)


async def deliveries(journal: SqliteJournal, *states: DeliveryState) -> list[DeliveryRecord]:
    query = Query(what="deliveries", states=states)
    return [each async for each in journal.read(query) if isinstance(each, DeliveryRecord)]


async def test_a_delivery_committed_while_a_claim_waits_is_begun_in_the_same_write(
    bench: Bench, journal: SqliteJournal
) -> None:
    waiting = asyncio.create_task(journal.claim(journal.lease, VMS, Urgency.NOTICE, now(), 4))
    await asyncio.sleep(0)
    before = bench.disk.commits
    await journal.commit(made := decision())
    [head] = await waiting
    assert bench.disk.commits - before == 1
    assert event_of(head) == made.events[0].id
    assert not head.ambiguous
    assert head.delivery.attempts == 0
    after = await bench.crash()
    [again] = await claim(after)
    assert again.ambiguous  # it was marked begun before anybody could send it
    assert again.begun_at == head.begun_at


async def test_one_delivery_of_a_lane_at_a_time_and_in_order(journal: SqliteJournal) -> None:
    made = [decision(sensor=f"sensor-{number % 2}") for number in range(100)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    delivered: dict[str, list[EventId]] = {"sensor-0": [], "sensor-1": []}
    for _ in range(50):
        heads = await claim(journal, 10)
        assert sorted(head.lane.sensor for head in heads) == ["sensor-0", "sensor-1"]
        for head in heads:
            delivered[head.lane.sensor].append(event_of(head))
        await asyncio.gather(*(settle(journal, head) for head in heads))
    assert delivered["sensor-0"] == [each.events[0].id for each in made[::2]]
    assert delivered["sensor-1"] == [each.events[0].id for each in made[1::2]]
    assert await nothing_to_claim(journal)


async def test_settling_begins_the_lanes_next_in_the_same_write(bench: Bench, journal: SqliteJournal) -> None:
    made = [decision() for _ in range(80)]  # more than a lane's window
    await asyncio.gather(*(journal.commit(each) for each in made))
    [head] = await claim(journal)
    order = [event_of(head)]
    before = bench.disk.commits
    while (following := await settle(journal, head, begin_next=True)) is not None:
        head = following
        order.append(event_of(head))
    assert order == [each.events[0].id for each in made]
    assert bench.disk.commits - before == len(made)


async def test_the_next_may_come_from_the_very_batch_that_settles(journal: SqliteJournal) -> None:
    await journal.commit(decision())
    [head] = await claim(journal)
    second, third = decision(), decision()
    futures = [journal.commit(second), journal.commit(third)]
    following = await settle(journal, head, begin_next=True)
    await asyncio.gather(*futures)
    assert following is not None
    assert event_of(following) == second.events[0].id
    last = await settle(journal, following, begin_next=True)
    assert last is not None
    assert event_of(last) == third.events[0].id
    assert await settle(journal, last, begin_next=True) is None


async def test_alarms_are_claimed_first_and_alone_when_asked(journal: SqliteJournal) -> None:
    await journal.commit(decision(sensor="a"))
    await journal.commit(decision(sensor="b", urgency=Urgency.FAULT))
    await journal.commit(decision(sensor="c", urgency=Urgency.ALARM))
    assert [head.lane.urgency for head in await claim(journal, 3)] == [Urgency.ALARM, Urgency.FAULT, Urgency.NOTICE]
    await journal.commit(decision(sensor="d"))
    assert await nothing_to_claim(journal, Urgency.ALARM)
    [notice] = await claim(journal)
    assert notice.lane.sensor == "d"


async def test_a_claim_for_everything_gets_an_alarm_before_the_one_kept_for_alarms(journal: SqliteJournal) -> None:
    kept = asyncio.create_task(journal.claim(journal.lease, VMS, Urgency.ALARM, now(), 1))
    every = asyncio.create_task(journal.claim(journal.lease, VMS, Urgency.NOTICE, now(), 1))
    await asyncio.sleep(0)
    await journal.commit(decision(sensor="a", urgency=Urgency.ALARM))
    assert [head.lane.sensor for head in await every] == ["a"]
    await journal.commit(decision(sensor="b"))
    await journal.commit(decision(sensor="c", urgency=Urgency.ALARM))
    assert [head.lane.sensor for head in await kept] == ["c"]


async def test_a_claim_is_for_its_vms_alone(journal: SqliteJournal) -> None:
    await journal.commit(decision(vms="another"))
    assert await nothing_to_claim(journal)
    [head] = await journal.claim(journal.lease, VmsId("another"), Urgency.NOTICE, now(), 1)
    assert head.delivery.vms == "another"


async def test_a_cancelled_claim_gives_its_heads_back_in_order(bench: Bench, journal: SqliteJournal) -> None:
    made = [decision(), decision()]
    await asyncio.gather(*(journal.commit(each) for each in made))
    bench.disk.hold()
    claiming = asyncio.create_task(journal.claim(journal.lease, VMS, Urgency.NOTICE, now(), 1))
    for _ in range(3):
        await asyncio.sleep(0)
    claiming.cancel()  # its begun mark is on its way to the disk
    bench.disk.release()
    with pytest.raises(asyncio.CancelledError):
        await claiming
    [head] = await claim(journal)
    assert event_of(head) == made[0].events[0].id
    assert not head.ambiguous
    assert head.delivery.attempts == 0


async def test_a_settle_that_nobody_waits_for_any_more_leaves_the_next_to_others(
    bench: Bench, journal: SqliteJournal
) -> None:
    made = [decision(), decision()]
    await asyncio.gather(*(journal.commit(each) for each in made))
    [head] = await claim(journal)
    bench.disk.hold()
    settling = asyncio.create_task(settle(journal, head, begin_next=True))
    for _ in range(3):
        await asyncio.sleep(0)
    settling.cancel()
    bench.disk.release()
    with pytest.raises(asyncio.CancelledError):
        await settling
    [following] = await claim(journal)
    assert event_of(following) == made[1].events[0].id
    assert [each.event for each in await deliveries(journal, DeliveryState.DELIVERED)] == [made[0].events[0].id]


# --------------------------------------------------------------------------------------------------------- outcomes


@pytest.mark.parametrize(
    ("outcome", "state", "why"),
    [
        (Delivered("17", "declared the type first"), DeliveryState.DELIVERED, "declared the type first"),
        (Rejected("too long"), DeliveryState.DEAD, "too long"),
        (Expired("too late"), DeliveryState.EXPIRED, "too late"),
    ],
)
async def test_a_final_outcome_ends_a_delivery(
    bench: Bench, journal: SqliteJournal, outcome: Outcome, state: DeliveryState, why: str
) -> None:
    await journal.commit(decision())
    [head] = await claim(journal)
    told = msgspec.structs.replace(head, delivery=msgspec.structs.replace(head.delivery, possible_duplicate=True))
    await settle(journal, told, outcome)
    after = await bench.crash()
    [record] = await deliveries(after)
    assert (record.state, record.why, record.attempts, record.possible_duplicate) == (state, why, 1, True)
    assert record.remote_id == ("17" if state is DeliveryState.DELIVERED else "")
    assert record.settled_at is not None
    totals = await after.totals()
    assert totals.deliveries[state.value] == 1
    assert not totals.open_bytes
    with pytest.raises(JournalError, match="not claimed"):
        await settle(journal, head)


@pytest.mark.parametrize(
    ("outcome", "ambiguous"),
    [
        (Retry("busy"), False),
        (Ambiguous("timed out"), True),
        (Blocked("token refused"), False),
    ],
)
async def test_what_is_not_final_stays_the_head_and_counts_its_attempts(
    bench: Bench, journal: SqliteJournal, outcome: Outcome, ambiguous: bool
) -> None:
    made = [decision(), decision()]
    await asyncio.gather(*(journal.commit(each) for each in made))
    [head] = await claim(journal)
    assert await settle(journal, head, outcome, begin_next=True) is None
    after = await bench.crash()
    for each in (journal, after):
        await each.unpark(VMS, None)  # a blocked lane rests until it is unparked
        [again] = await claim(each)
        assert event_of(again) == made[0].events[0].id
        assert (again.ambiguous, again.delivery.attempts) == (ambiguous, 1)
        assert again.begun_at == head.begun_at


async def test_blocked_says_nothing_about_an_earlier_attempt(journal: SqliteJournal) -> None:
    await journal.commit(decision())
    [head] = await claim(journal)
    await settle(journal, head, Ambiguous("cut"))
    [head] = await claim(journal)
    await settle(journal, head, Blocked("token refused"))
    await journal.unpark(VMS, CAMERA)
    [head] = await claim(journal)
    assert head.ambiguous
    await settle(journal, head, Retry("surely not taken"))
    [head] = await claim(journal)
    assert not head.ambiguous


async def test_a_lane_waits_for_its_time_and_wakes_the_claim_by_itself(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(decision(sensor="a"))
    await journal.commit(decision(sensor="b"))
    first, second = await claim(journal, 2)
    await settle(journal, first, LATER)
    await settle(journal, second, Retry("busy", after=0.05))
    assert [head.lane.sensor for head in await claim(journal, 2)] == ["b"]  # waits 50 ms, woken by nobody else
    assert await nothing_to_claim(journal)
    after = await bench.crash()
    assert [head.lane.sensor for head in await claim(after, 2)] == ["b"]  # the wait persists as what remains
    [head] = await journal.claim(journal.lease, VMS, Urgency.NOTICE, now(4000.0), 1)
    assert head.lane.sensor == "a"


async def test_an_amendment_carries_the_id_its_event_got(bench: Bench, journal: SqliteJournal) -> None:
    raised = decision(cameras=("gate-in", "gate-wide"))
    await journal.commit(raised)
    heads = await claim(journal, 2)
    await asyncio.gather(*(settle(journal, head, Delivered(f"id-at-{head.delivery.camera}")) for head in heads))
    await journal.commit(decision(cameras=("gate-in", "gate-wide"), amends=raised.events[0]))
    after = await bench.crash()
    for each in (journal, after):
        amendments = await claim(each, 2)
        assert {head.delivery.remote_id for head in amendments} == {"id-at-gate-in", "id-at-gate-wide"}
        assert all(head.delivery.remote_id == f"id-at-{head.delivery.camera}" for head in amendments)


# ---------------------------------------------------------------------------------------------------------- parking


async def test_parked_lanes_are_claimed_by_nobody_until_unparked(bench: Bench, journal: SqliteJournal) -> None:
    parked = Parked(VMS, CAMERA, "token refused", datetime.now(UTC))
    await journal.commit(decision(sensor="before"))
    await journal.park(parked)
    await journal.commit(decision(sensor="after"))
    await journal.commit(decision(cameras=("gate-wide",)))
    assert [head.delivery.camera for head in await claim(journal, 5)] == ["gate-wide"]
    crashed = await bench.crash()
    assert list(await crashed.parked()) == [parked]
    [ambiguous] = await claim(crashed, 5)
    assert ambiguous.delivery.camera == "gate-wide"
    await crashed.unpark(VMS, CAMERA)
    assert {head.lane.sensor for head in await claim(crashed, 5)} == {"before", "after"}
    assert not await crashed.parked()


async def test_a_whole_vms_is_parked_and_its_probe_is_an_alarm_if_there_is_one(journal: SqliteJournal) -> None:
    await journal.commit(decision(sensor="a"))
    await journal.commit(decision(sensor="b", urgency=Urgency.ALARM))
    await journal.park(Parked(VMS, None, "licence ended", datetime.now(UTC)))
    assert await nothing_to_claim(journal)
    head = await journal.probe(journal.lease, VMS, None, now())
    assert head is not None
    assert head.lane.sensor == "b"
    await settle(journal, head, Blocked("still refused", whole_vms=True))
    head = await journal.probe(journal.lease, VMS, None, now())  # a resting lane is probed all the same
    assert head is not None
    assert head.lane.sensor == "b"
    assert await settle(journal, head, DONE, begin_next=True) is None
    assert await journal.probe(journal.lease, VmsId("another"), None, now()) is None


async def test_settling_into_a_parked_lane_begins_nothing(journal: SqliteJournal) -> None:
    await asyncio.gather(*(journal.commit(decision()) for _ in range(2)))
    [head] = await claim(journal)
    await journal.park(Parked(VMS, CAMERA, "token refused", datetime.now(UTC)))
    assert await settle(journal, head, begin_next=True) is None


# ------------------------------------------------------------------------------------------------------ dead letters


async def test_dead_deliveries_are_replayed_at_the_end_of_their_lane_or_dropped(journal: SqliteJournal) -> None:
    made = [decision() for _ in range(3)]
    await asyncio.gather(*(journal.commit(each) for each in made))
    [head] = await claim(journal)
    for outcome in (Rejected("bad"), Rejected("bad")):
        following = await settle(journal, head, outcome, begin_next=True)
        assert following is not None
        head = following
    assert await journal.replay(made[0].events[0].id, CAMERA, now()) == 1
    assert await journal.replay(made[0].events[0].id, CAMERA, now()) == 0
    assert await journal.drop(made[1].events[0].id, CAMERA, "by hand", now()) == 1
    [dropped] = await deliveries(journal, DeliveryState.EXPIRED)
    assert (dropped.event, dropped.why) == (made[1].events[0].id, "by hand")
    last = await settle(journal, head, begin_next=True)
    assert last is not None
    assert event_of(last) == made[0].events[0].id
    assert last.delivery.attempts == 0
    await settle(journal, last)
    totals = await journal.totals()
    assert totals.deliveries == {"pending": 0, "begun": 0, "delivered": 2, "expired": 1, "dead": 0}
    assert not totals.open_bytes


# --------------------------------------------------------------------------------------------------------- failures


async def test_outcomes_are_written_again_after_a_failure(bench: Bench, journal: SqliteJournal) -> None:
    made = [decision(), decision()]
    await asyncio.gather(*(journal.commit(each) for each in made))
    [head] = await claim(journal)
    bench.disk.fill(times=3)
    following = await settle(journal, head, begin_next=True)
    assert following is not None
    assert event_of(following) == made[1].events[0].id
    assert bench.disk.failures == 0
    assert journal.generation == 0  # no decision was undone
    bench.disk.fill(times=2)
    assert await settle(journal, following) is None
    bench.disk.fill(times=2)
    await journal.park(Parked(VMS, CAMERA, "token refused", datetime.now(UTC)))
    assert (await journal.totals()).deliveries["delivered"] == 2


async def test_a_disk_that_goes_on_failing_is_asked_less_and_less_often(bench: Bench, journal: SqliteJournal) -> None:
    await asyncio.gather(*(journal.commit(decision(sensor=sensor)) for sensor in ("a", "b")))
    [head] = await claim(journal)
    bench.disk.fill(times=4)
    began = asyncio.get_running_loop().time()
    claiming = asyncio.create_task(claim(journal))
    await settle(journal, head)
    await claiming
    took = asyncio.get_running_loop().time() - began
    assert bench.disk.failures == 0
    assert took >= 0.1 + 0.2 + 0.4  # the first time it is tried again at once


async def test_half_a_character_of_a_vms_costs_nobody_anything(journal: SqliteJournal) -> None:
    await journal.commit(decision())
    [head] = await claim(journal)
    settling = asyncio.create_task(settle(journal, head, Delivered("r\ud83dé", note="\udc00")))
    await asyncio.sleep(0)
    await journal.commit(decision(sensor="another"))  # in one batch with it
    assert await settling is None
    [row] = await deliveries(journal, DeliveryState.DELIVERED)
    assert (row.remote_id, row.why) == ("r?é", "?")


async def test_who_is_told_to_end_while_an_outcome_could_not_be_written_ends(
    bench: Bench, journal: SqliteJournal
) -> None:
    await journal.commit(decision())
    [head] = await claim(journal)
    thief = schema.connect(bench.folder / "journal", cache=256)
    schema.next_epoch(thief, journal.lease.name, "there")
    thief.close()
    settling = asyncio.create_task(journal.settle(head, DONE, now(), True))
    await asyncio.sleep(0)
    told = journal.commit(decision())  # in one batch with the outcome, and told first
    told.add_done_callback(lambda _: settling.cancel())
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert isinstance(told.exception(), Fenced)


async def test_a_claim_survives_failed_commits(bench: Bench, journal: SqliteJournal) -> None:
    waiting = asyncio.create_task(journal.claim(journal.lease, VMS, Urgency.NOTICE, now(), 2))
    await asyncio.sleep(0)
    bench.disk.fail()
    results = await asyncio.gather(journal.commit(decision()), return_exceptions=True)
    assert isinstance(results[0], Exception)
    assert not waiting.done()
    assert journal.generation == 1
    await journal.commit(kept := decision())
    [head] = await waiting
    assert event_of(head) == kept.events[0].id
    await settle(journal, head)
    await journal.commit(decision())
    bench.disk.fail(times=2)
    assert len(await claim(journal)) == 1

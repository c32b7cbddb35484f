"""Facts are appended, then merged: whatever happens in between, what is read is what was kept last."""

from __future__ import annotations

import asyncio
import math
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.clock import SystemClock
from bridge.journal.contract import EventRecord, MessageRecord, Query, Undone
from bridge.journal.sqlite import SqliteJournal, facts, schema
from bridge.journal.sqlite.schema import DATABASE, MIGRATIONS
from bridge.model import Decision, Instant, Position, SensorId, StateChange, StateKey
from tests.journal.conftest import Bench
from tests.journal.making import SENSOR, decision, now

SENSORS = (SENSOR, SensorId("leak"), SensorId("till"))
Told = dict[StateKey, tuple[bytes, float, float | None]]
"""Value, when it expires and when it is due: what the journal should know."""


class SlowClock(SystemClock):
    """The system's, put forward by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> Instant:
        instant = super().now()
        return Instant(instant.utc + timedelta(seconds=self.ahead), instant.monotonic + self.ahead)


def fact(key: str, value: bytes | None = b"value", *, sensor: SensorId = SENSOR, **how: float) -> StateChange:
    expires = how.get("expires", 4e9)
    return StateChange(StateKey(sensor, "dedup", key), value, expires, how.get("due_in"))


def kept(*changes: StateChange, at: Instant | None = None) -> Decision:
    return decision(cameras=(), changes=changes, at=at)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge takes many batches."""
    for name, count in (("LEAST", 1), ("EACH", 0), ("MOST", 1)):
        monkeypatch.setattr(facts, name, count)


async def values(journal: SqliteJournal, sensor: SensorId = SENSOR) -> dict[str, bytes]:
    return {key.key: row.value for key, row in (await journal.state([sensor])).items()}


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / DATABASE)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def change(folder: Path, sql: str, *values: object) -> None:
    connection = sqlite3.connect(folder / DATABASE)
    connection.execute(sql, values)
    connection.commit()
    connection.close()


def merging(journal: SqliteJournal) -> bool:
    return journal._opened.facts.merging is not None


# ---------------------------------------------------------------------------------------------------- appended, merged


async def test_a_fact_is_appended_and_not_yet_in_the_table(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(kept(fact("a"), fact("b")))
    assert rows(bench.folder / "journal", "SELECT count(*) FROM state") == [(0,)]
    assert rows(bench.folder / "journal", "SELECT count(*) FROM change") == [(1,)]
    assert await values(journal) == {"a": b"value", "b": b"value"}


@pytest.mark.usefixtures("slowly")
async def test_a_merge_ends_with_an_empty_log_of_changes_and_the_same_facts(bench: Bench) -> None:
    journal = await bench.open(unmerged=4)
    await journal.commit(kept(*(fact(str(number)) for number in range(4))))
    assert merging(journal)
    expected = {str(number): b"value" for number in range(4)}
    for _ in range(6):
        assert await values(journal) == expected
        await journal.unpark(decision().deliveries[0].vms, None)  # any batch
    assert not merging(journal)
    assert await values(journal) == expected
    assert rows(bench.folder / "journal", "SELECT count(*) FROM state") == [(4,)]
    assert rows(bench.folder / "journal", "SELECT count(*) FROM change") == [(0,)]


@pytest.mark.usefixtures("slowly")
async def test_a_deletion_wins_over_older_values_wherever_they_stand(bench: Bench) -> None:
    journal = await bench.open(unmerged=3)
    await journal.commit(kept(*(fact(name) for name in "abc")))
    await journal._writer.merge_facts()
    await journal.commit(kept(fact("a", None)))  # the value is in the table
    assert set(await values(journal)) == {"b", "c"}
    await journal.commit(kept(fact("d"), fact("e")))  # now all of this is on its way into the table
    await journal.commit(kept(fact("d", None)))
    assert set(await values(journal)) == {"b", "c", "e"}
    after = await bench.crash(unmerged=3)
    assert set(await values(after)) == {"b", "c", "e"}
    await journal._writer.merge_facts()
    assert set(await values(journal)) == {"b", "c", "e"}
    assert rows(bench.folder / "journal", "SELECT key FROM state ORDER BY key") == [("b",), ("c",), ("e",)]


@pytest.mark.usefixtures("slowly")
async def test_a_crash_at_any_batch_of_a_merge_leaves_the_newest_value(bench: Bench) -> None:
    journal = await bench.open(unmerged=4)
    for value in (b"oldest", b"older", b"old", b"new"):  # a row each, and then they are on their way
        await journal.commit(kept(fact("a", value)))
    await journal.commit(kept(fact("b")))
    crash = 0
    while merging(journal):
        await journal.unpark(decision().deliveries[0].vms, None)  # any batch
        crash += 1
        after = await bench.crash(to=f"after-{crash}")
        assert await values(after) == {"a": b"new", "b": b"value"}
        await bench.close(after)
    assert crash > 4


@pytest.mark.usefixtures("slowly")
async def test_what_is_merged_while_it_is_read_is_read(bench: Bench) -> None:
    journal = await bench.open(unmerged=400)
    await journal.commit(kept(*(fact(f"{number:03}") for number in range(300))))
    await journal._writer.merge_facts()  # more than is read at once: the reader's thread is asked
    await journal.commit(kept(*(fact(f"{number:03}", b"newer") for number in range(290, 310))))
    reading = asyncio.ensure_future(journal.state([SENSOR]))
    timers = asyncio.ensure_future(journal.timers())
    await journal._writer.merge_facts()
    assert sorted(row.value for row in (await reading).values()) == [b"newer"] * 20 + [b"value"] * 290
    assert await timers == []


@pytest.mark.usefixtures("slowly")
async def test_a_batch_that_fails_in_the_middle_of_a_merge_does_its_slice_again(bench: Bench) -> None:
    journal = await bench.open(unmerged=4)
    await journal.commit(kept(*(fact(str(number)) for number in range(4))))
    await journal.commit(kept(fact("0", b"newer")))
    bench.disk.fail(2)
    with pytest.raises(Undone):
        await journal.commit(kept(fact("1", b"never"), fact("2", None)))
    expected = {"0": b"newer", "1": b"value", "2": b"value", "3": b"value"}
    assert await values(journal) == expected
    assert journal.generation == 1
    with pytest.raises(Undone):
        await journal._writer.merge_facts()
    await journal._writer.merge_facts()
    assert await values(journal) == expected
    assert dict(rows(bench.folder / "journal", "SELECT key, value FROM state")) == expected


async def test_memory_is_bounded_even_when_one_fact_is_set_again_and_again(bench: Bench) -> None:
    journal = await bench.open(unmerged=100)
    for number in range(400):
        await journal.commit(kept(fact("same", str(number).encode())))
        [[waiting]] = rows(bench.folder / "journal", "SELECT count(*) FROM change")
        assert waiting <= 200
    assert await values(journal) == {"same": b"399"}


@pytest.mark.parametrize("at_once", [50, 600])
async def test_a_merge_keeps_ahead_of_what_comes(bench: Bench, at_once: int) -> None:
    journal = await bench.open(unmerged=200)
    for start in range(0, 9000, at_once):
        await journal.commit(kept(*(fact(str(start + number)) for number in range(at_once))))
        held = journal._opened.facts
        assert sum(map(len, held.fresh.values())) <= 200 + 2 * at_once
    assert len(await values(journal)) == 9000


async def test_an_orderly_stop_leaves_everything_in_the_table(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(kept(fact("a"), fact("old", expires=1.0), fact("timer", expires=1.0, due_in=60.0)))
    await bench.close(journal)
    assert rows(bench.folder / "journal", "SELECT count(*) FROM change") == [(0,)]
    assert rows(bench.folder / "journal", "SELECT key FROM state ORDER BY key") == [("a",), ("timer",)]
    assert set(await values(await bench.open())) == {"a", "timer"}


async def test_a_journal_that_was_taken_over_merges_nothing_at_its_end(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(kept(fact("a")))
    thief = schema.connect(bench.folder / "journal", cache=256)
    schema.next_epoch(thief, journal.lease.name, "there")
    thief.close()
    await bench.close(journal)
    assert rows(bench.folder / "journal", "SELECT count(*) FROM state") == [(0,)]
    assert await values(await bench.open()) == {"a": b"value"}


async def test_a_timer_that_was_only_appended_has_the_same_rest_after_a_crash(
    bench: Bench, journal: SqliteJournal
) -> None:
    await journal.commit(kept(fact("soon", due_in=30.0), at=now(-10.0)))
    await journal.commit(kept(fact("sooner", due_in=5.0), fact("back", due_in=30.0), at=now(3600.0)))
    await journal.commit(kept(fact("sooner")))
    for each in (journal, await bench.crash()):
        remaining = {row.key.key: row.remaining or 0.0 for row in await each.timers()}
        assert list(remaining) == ["soon", "back"]
        assert 15.0 < remaining["soon"] <= 20.0
        assert remaining["back"] == 30.0


async def test_timers_in_memory_stand_over_those_in_the_table(journal: SqliteJournal) -> None:
    await journal.commit(kept(*(fact(name, due_in=50.0) for name in "abc")))
    await journal._writer.merge_facts()
    await journal.commit(kept(fact("a"), fact("b", None), fact("d", due_in=20.0)))
    assert [row.key.key for row in await journal.timers()] == ["d", "c"]


async def test_a_cap_reaches_facts_that_are_not_merged_yet(bench: Bench) -> None:
    journal = await bench.open(state_per_sensor=50)
    for start in range(0, 400, 20):
        await journal.commit(kept(*(fact(f"{n:04}", expires=4e9 + n) for n in range(start, start + 20))))
    found = await values(journal)
    assert len(found) <= 50
    assert {f"{number:04}" for number in range(380, 400)} <= found.keys()


# ------------------------------------------------------------------------------------------------------- what is bad

BAD = [
    fact("nan", expires=math.nan),
    fact("due", due_in=math.nan),
    fact("text", "text"),  # type: ignore[arg-type]
    fact("number", 5),  # type: ignore[arg-type]
    StateChange(StateKey(SENSOR, "dedup", 5), b"value", 4e9),  # type: ignore[arg-type]
    StateChange(StateKey(SENSOR, "dedup", "when"), b"value", "soon"),  # type: ignore[arg-type]
    fact("half \ud800"),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda each: str(each.key.key).encode("ascii", "replace").decode())
async def test_a_fact_that_no_table_takes_is_refused_with_its_decision_and_harms_nobody(
    bench: Bench, journal: SqliteJournal, bad: StateChange
) -> None:
    results = await asyncio.gather(
        journal.commit(kept(fact("before"))), journal.commit(kept(fact("with"), bad)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), Undone]
    assert journal.generation == 1
    await journal.commit(kept(fact("after")))
    assert set(await values(journal)) == {"before", "after"}
    assert set(await values(await bench.crash())) == {"before", "after"}


@pytest.mark.parametrize("packed", [b"", b"\xc1", b"\x81\xa4gate\x05", b"\x81\x05\x80"])
async def test_a_row_that_cannot_be_read_is_set_aside_and_everything_else_is_merged(
    bench: Bench, journal: SqliteJournal, packed: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for name in "abc":
        await journal.commit(kept(fact(name)))
    shutil.copytree(bench.folder / "journal", bench.folder / "hurt")
    change(bench.folder / "hurt", "UPDATE change SET packed = ? WHERE seq = 2", packed)
    hurt = await bench.open("hurt")
    assert set(await values(hurt)) == {"a", "c"}
    assert [each.message for each in caplog.records if "could not be read" in each.message] != []
    assert hurt._opened.facts.set_aside == 1
    assert rows(bench.folder / "hurt", "SELECT packed FROM change_unreadable") == [(packed,)]
    assert rows(bench.folder / "hurt", "SELECT count(*) FROM change") == [(0,)]
    await bench.close(hurt)
    again = await bench.open("hurt")
    assert again._opened.facts.set_aside == 0


async def test_a_fact_that_the_table_refuses_is_set_aside_alone(bench: Bench, journal: SqliteJournal) -> None:
    await journal.commit(kept(*(fact(name) for name in "abc")))
    shutil.copytree(bench.folder / "journal", bench.folder / "hurt")
    broken = {SENSOR: {("dedup", "a"): (b"1", 4e9, None, None), ("dedup", "b"): (b"2", math.nan, None, None)}}
    change(bench.folder / "hurt", "INSERT INTO change VALUES (7, ?)", facts._ENCODE(broken))
    hurt = await bench.open("hurt")
    assert await values(hurt) == {"a": b"1", "c": b"value"}
    assert hurt._opened.facts.set_aside == 1
    assert len(rows(bench.folder / "hurt", "SELECT * FROM change_unreadable")) == 1


async def test_a_disk_without_room_at_opening_leaves_the_facts_in_memory(
    bench: Bench, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.commit(kept(fact("a"), fact("timer", due_in=60.0)))

    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(facts, "write", full)
        after = await bench.crash()
    assert set(await values(after)) == {"a", "timer"}
    await after.commit(kept(fact("b")))
    await after._writer.merge_facts()
    assert set(await values(after)) == {"a", "b", "timer"}
    assert rows(bench.folder / "after", "SELECT count(*) FROM change") == [(0,)]


# ---------------------------------------------------------------------------------------------------------- migration


async def test_a_journal_of_the_first_version_is_taken_over_as_it_is(bench: Bench) -> None:
    (bench.folder / "old").mkdir()
    connection = sqlite3.connect(bench.folder / "old" / DATABASE)
    connection.executescript(Path(__file__).with_name("version_1.sql").read_text())
    connection.close()
    for _ in range(2):
        journal = await bench.open("old")
        found = {(key.kind, key.key): row.value for key, row in (await journal.state([SENSOR])).items()}
        assert found == {
            ("collapse", "car 1"): b"held", ("condition", "fire"): b"0 event", ("dedup", "seen"): b"second",
        }  # fmt: skip
        [timer] = await journal.timers()
        assert (timer.key.key, timer.remaining) == ("car 1", 0.0)
        assert await journal.position("log") == Position("log", "17")
        events = [each.event async for each in journal.read(Query(what="events")) if isinstance(each, EventRecord)]
        assert [each.detail for each in events] == [b'{"plate":"ABC123"}', b'{"plate":"XYZ"}']
        messages = [each async for each in journal.read(Query(what="messages")) if isinstance(each, MessageRecord)]
        assert [each.message.body for each in messages] == [each.detail for each in events]
        await bench.close(journal)
    journal = await bench.open("old")
    await journal.commit(kept(fact("seen", b"third"), StateChange(StateKey(SENSOR, "condition", "fire"), None)))
    assert await values(journal) == {"car 1": b"held", "seen": b"third"}
    await bench.close(journal)
    assert rows(bench.folder / "old", "PRAGMA user_version") == [(len(MIGRATIONS),)]


# ------------------------------------------------------------------------------------------------------- the machine

changes = st.lists(
    st.builds(
        lambda sensor, kind, key, value, lasts, due_in: (StateKey(sensor, kind, key), value, lasts, due_in),
        st.sampled_from(SENSORS),
        st.sampled_from(["dedup", "collapse"]),
        st.sampled_from("abcd"),
        st.one_of(st.none(), st.binary(max_size=3)),
        st.sampled_from([-1000.0, 1000.0, 100_000.0, math.inf]),
        st.sampled_from([None, None, 5000.0]),
    ),
    min_size=1,
    max_size=4,
)


class FactsMachine(RuleBasedStateMachine):
    """A dictionary is the model. Merges are slow and begin early, so that everything happens in the middle of one."""

    @initialize(unmerged=st.sampled_from([1, 3, 10]), least=st.sampled_from([1, 2, 16]))
    def start(self, unmerged: int, least: int) -> None:
        self.before = facts.LEAST, facts.EACH, facts.MOST
        facts.LEAST, facts.EACH, facts.MOST = least, 0, least
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="facts-machine-"))
        self.bench = Bench(self.folder)
        self.clock = SlowClock()
        self.unmerged = unmerged
        self.lives = 0
        self.told: Told = {}
        self.journal = self.run(self.open())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(20):
                return await work

        return self.runner.run(bounded())

    def open(self) -> Coroutine[Any, Any, SqliteJournal]:
        return self.bench.open(str(self.lives), clock=self.clock, unmerged=self.unmerged)

    def decisions(self, made: Sequence[Sequence[tuple[StateKey, bytes | None, float, float | None]]]) -> list[Decision]:
        at = self.clock.now()
        time = at.utc.timestamp()
        return [
            kept(*(StateChange(key, value, time + lasts, due_in) for key, value, lasts, due_in in each), at=at)
            for each in made
        ]

    @rule(made=st.lists(changes, min_size=1, max_size=3))
    def commit(self, made: list[Any]) -> None:
        decisions = self.decisions(made)

        async def work() -> None:
            await asyncio.gather(*(self.journal.commit(each) for each in decisions))

        self.run(work())
        for each in decisions:
            time = each.at.utc.timestamp()
            for made_change in each.changes:
                self.told.pop(made_change.key, None)
                if made_change.value is not None:
                    due = None if made_change.due_in is None else time + made_change.due_in
                    self.told[made_change.key] = (made_change.value, made_change.expires, due)

    @rule(made=changes)
    def commit_fails(self, made: list[Any]) -> None:
        self.bench.disk.fail()

        async def work() -> None:
            with pytest.raises(Undone):
                await self.journal.commit(self.decisions([made])[0])

        self.run(work())
        assert self.journal.generation

    @rule(batches=st.integers(1, 4))
    def others_write(self, batches: int) -> None:
        for _ in range(batches):
            self.run(self.journal.unpark(decision().deliveries[0].vms, None))

    @rule()
    def everything_is_merged(self) -> None:
        self.run(self.journal._writer.merge_facts())
        assert not merging(self.journal)

    @rule()
    def expired_facts_are_pruned(self) -> None:
        self.run(self.journal.purge(0.0))
        time = self.clock.now().utc.timestamp()
        there = {StateKey(*row) for row in rows(self.folder / str(self.lives), "SELECT sensor, kind, key FROM state")}
        assert there == {key for key, (_, expires, due) in self.told.items() if expires > time or due is not None}

    @rule(seconds=st.sampled_from([2000.0, 200_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.ahead += seconds

    @rule()
    def killed(self) -> None:
        self.lives += 1
        after = self.run(
            self.bench.crash(str(self.lives - 1), str(self.lives), clock=self.clock, unmerged=self.unmerged)
        )
        self.run(self.bench.close(self.journal))
        self.journal = after

    @rule()
    def killed_while_writing(self) -> None:
        """The batch under way is lost, and with it its slice of a merge."""

        async def work() -> None:
            self.bench.disk.hold()
            under_way = asyncio.ensure_future(self.journal.unpark(decision().deliveries[0].vms, None))
            for _ in range(3):
                await asyncio.sleep(0)
            self.lives += 1
            shutil.copytree(
                self.folder / str(self.lives - 1), self.folder / str(self.lives), ignore=lambda *_: ["journal.db-shm"]
            )
            self.bench.disk.release()
            await under_way
            await self.bench.close(self.journal)
            self.journal = await self.open()

        self.run(work())

    @rule()
    def stopped_and_started(self) -> None:
        self.run(self.bench.close(self.journal))
        assert rows(self.folder / str(self.lives), "SELECT count(*) FROM change") == [(0,)]
        self.journal = self.run(self.open())

    @invariant()
    def what_is_read_is_what_was_kept_last(self) -> None:
        if not hasattr(self, "journal"):
            return
        time = self.clock.now().utc.timestamp()
        counts = {key: each for key, each in self.told.items() if each[1] > time or each[2] is not None}
        state = self.run(self.journal.state(SENSORS))
        assert {key: (row.value, row.expires) for key, row in state.items()} == {
            key: each[:2] for key, each in counts.items()
        }
        timers = {row.key: row.remaining for row in self.run(self.journal.timers())}
        assert timers.keys() == {key for key, each in self.told.items() if each[2] is not None}
        for key, remaining in timers.items():
            due = self.told[key][2]
            assert due is not None
            assert remaining == pytest.approx(max(due - time, 0.0), abs=20.0)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            facts.LEAST, facts.EACH, facts.MOST = self.before
            self.run(self.bench.end())
            self.runner.close()
            shutil.rmtree(self.folder)


FactsMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestFactsMachine = FactsMachine.TestCase

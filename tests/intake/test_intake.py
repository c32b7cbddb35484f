"""The one door in: nobody is answered before the commit, and what is undone is forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from bridge.intake import Intake
from bridge.journal.contract import Full, JournalError, StateRow, Undone
from bridge.model import ConnectorId, Fate, Receipt, ReceiptKind, SensorId, StateKey
from bridge.routing import Routed
from bridge.supervision import Conditions
from connectors.in_order import InOrder
from tests.intake.conftest import HandClock, HeldJournal, Words, message, site_with_words


class Door:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.journal = HeldJournal()
        self.conditions = Conditions(self.clock)
        self.intake = Intake(site_with_words(), self.journal, self.clock, self.conditions, limit=8)  # type: ignore[arg-type]

    async def submitted(self, *said: dict[str, object]) -> list[asyncio.Task[Receipt]]:
        """Submit these, in order, and let them come as far as they can."""
        tasks = [asyncio.create_task(self.intake.submit(message(self.clock, **each))) for each in said]
        return await self.settled(tasks)

    async def settled(self, tasks: list[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
        for _ in range(20):
            await asyncio.sleep(0)
        return tasks

    async def now(self, work: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.create_task(work)
        await self.settled([task])
        self.journal.keep()
        return await asyncio.wait_for(task, 30)


@pytest.fixture
async def door() -> Door:
    return Door()


async def test_nobody_is_answered_before_the_commit(door: Door) -> None:
    (task,) = await door.submitted({"id": 1, "plate": "A"})
    assert not task.done()
    door.journal.keep()
    assert (await task).kind is ReceiptKind.ACCEPTED


async def test_a_duplicate_waits_for_its_commit_too(door: Door) -> None:
    first, again = await door.submitted({"id": 1}, {"id": 1})
    assert not again.done()
    door.journal.keep()
    assert [(await first).kind, (await again).kind] == [ReceiptKind.ACCEPTED, ReceiptKind.DUPLICATE]


async def test_decisions_reach_the_journal_in_the_order_of_the_calls(door: Door) -> None:
    await door.submitted(*({"id": number} for number in range(6)))
    bodies = [decision.message.message.body for decision, _ in door.journal.committing if decision.message]
    assert bodies == [b'{"id":%d}' % number for number in range(6)]
    assert door.journal.loads == ["gate-lpr"]
    door.journal.keep()


@pytest.mark.parametrize("later", range(12))
async def test_a_message_that_comes_while_others_wait_for_facts_overtakes_none_of_them(door: Door, later: int) -> None:
    """Between two of those that wait, nobody has the lock, and the facts are there already."""
    tasks = [asyncio.create_task(door.intake.submit(message(door.clock, id=number))) for number in range(6)]
    for _ in range(later):
        await asyncio.sleep(0)
    tasks += [asyncio.create_task(door.intake.submit(message(door.clock, id=6)))]
    await door.settled(tasks)
    bodies = [decision.message.message.body for decision, _ in door.journal.committing if decision.message]
    assert bodies == [b'{"id":%d}' % number for number in range(7)]
    door.journal.keep()
    await asyncio.gather(*tasks)


async def test_what_a_failed_commit_decided_is_forgotten_and_the_resend_is_an_event(door: Door) -> None:
    first, second = await door.submitted({"id": 1}, {"id": 1})
    door.journal.fail(Undone("disk"))
    assert [(await first).kind, (await second).kind] == [ReceiptKind.LATER, ReceiptKind.LATER]
    again = await door.now(door.intake.submit(message(door.clock, id=1)))
    assert again.kind is ReceiptKind.ACCEPTED


async def test_what_comes_in_the_turn_in_which_a_commit_failed_does_not_overtake_what_was_undone(door: Door) -> None:
    """Whose commit failed is told one turn of the loop later; the next of the same sender comes within that turn."""
    await door.now(door.intake.submit(message(door.clock, id=0)))
    kept: list[int] = []
    in_order = InOrder(door.intake, Counter(), 2**20)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        await in_order.submit(group, message(door.clock, id=1), lambda: kept.append(1))
        await door.settled([])
        await in_order.submit(group, message(door.clock, id=2), lambda: kept.append(2))
        await in_order.submit(group, message(door.clock, id=3), lambda: kept.append(3))
        door.journal.fail(Undone("disk"))
        while len(kept) < 3:
            await door.settled([])
            door.journal.keep()
            await asyncio.sleep(0.001)
    assert kept == [1, 2, 3]


async def test_a_full_journal_says_later_and_ends_its_condition_by_itself(door: Door) -> None:
    (warm,) = await door.submitted({"id": 0})
    door.journal.keep()
    await warm
    door.journal.refuse = Full("the disk is full")
    receipt = await door.intake.submit(message(door.clock, id=1))
    assert (receipt.kind, receipt.kept) == (ReceiptKind.LATER, False)
    assert [condition.key for condition in door.conditions.held()] == ["journal"]
    door.journal.refuse = None
    again = await door.now(door.intake.submit(message(door.clock, id=1)))
    assert again.kind is ReceiptKind.ACCEPTED
    assert door.conditions.held() == ()


async def test_more_than_it_can_hold_is_told_later(door: Door) -> None:
    tasks = await door.submitted(*({"id": number} for number in range(9)))
    assert tasks[8].result().kind is ReceiptKind.LATER
    door.journal.keep()
    assert [task.result().kind for task in await door.settled(tasks[:8])] == [ReceiptKind.ACCEPTED] * 8


async def test_unreadable_and_unknown_are_kept_and_said(door: Door) -> None:
    unreadable = message(door.clock)
    receipt = await door.now(
        door.intake.submit(
            type(unreadable)(
                connector=unreadable.connector, origin=unreadable.origin, body=b"{", arrived=unreadable.arrived
            )
        )
    )
    assert (receipt.kind, receipt.kept) == (ReceiptKind.MALFORMED, True)
    stranger = type(unreadable)(connector="elsewhere", origin=unreadable.origin, body=b"{}", arrived=unreadable.arrived)
    assert (await door.now(door.intake.submit(stranger))).kind is ReceiptKind.UNKNOWN


async def test_a_hold_that_ends_is_decided_once(door: Door) -> None:
    await door.now(door.intake.submit(message(door.clock, thing="car", hold=1.5, plate="A")))
    door.clock.seconds = 1.4
    await door.intake.fire_due()
    assert door.journal.committing == []
    door.clock.seconds = 1.5
    task = asyncio.create_task(door.intake.fire_due())
    await door.settled([task])
    assert [event.title for decision, _ in door.journal.committing for event in decision.events] == ["A"]
    door.journal.keep()
    await task
    await door.intake.fire_due()
    assert door.journal.committing == []


async def test_holds_of_before_a_restart_end_too(door: Door) -> None:
    await door.now(door.intake.submit(message(door.clock, thing="car", hold=0.0001, plate="A")))
    restarted = Intake(site_with_words(), door.journal, door.clock, door.conditions)  # type: ignore[arg-type]
    running = asyncio.create_task(restarted.run())
    async with asyncio.timeout(30):
        while not door.journal.committing:
            door.clock.seconds += 1.0
            await asyncio.sleep(0)
    assert [event.title for decision, _ in door.journal.committing for event in decision.events] == ["A"]
    running.cancel()


async def test_when_stopping_everything_is_told_later(door: Door) -> None:
    door.intake.stop()
    assert (await door.intake.submit(message(door.clock, id=1))).kind is ReceiptKind.LATER


async def test_each_item_of_a_batch_has_its_verdict(door: Door) -> None:
    batch = message(door.clock)
    batch = type(batch)(
        connector=batch.connector, origin=batch.origin, arrived=batch.arrived, body=b'[{"id":1},{"id":1},{"id":2}]'
    )
    task = asyncio.create_task(door.intake.submit(batch))
    await door.settled([task])
    fates = [verdict.fate for verdict in door.journal.committing[0][0].verdicts]
    assert fates == [Fate.RAISED, Fate.DUPLICATE, Fate.RAISED]
    door.journal.keep()
    await task


async def test_a_profile_that_breaks_its_promise_costs_one_message(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Words, "items", lambda self, message: 1 // 0)
    receipt = await door.now(door.intake.submit(message(door.clock, id=1)))
    assert (receipt.kind, receipt.kept) == (ReceiptKind.MALFORMED, True)
    monkeypatch.undo()
    assert (await door.now(door.intake.submit(message(door.clock, id=1)))).kind is ReceiptKind.ACCEPTED


async def test_a_message_that_cannot_be_decided_is_kept_and_costs_nobody_else(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.decide.decide.event_of", lambda *_: 1 // 0)
    receipt = await door.now(door.intake.submit(message(door.clock, id=1)))
    assert (receipt.kind, receipt.kept) == (ReceiptKind.MALFORMED, True)
    assert "ZeroDivisionError" in receipt.why
    monkeypatch.undo()
    assert (await door.now(door.intake.submit(message(door.clock, id=1)))).kind is ReceiptKind.ACCEPTED


async def test_a_timer_that_cannot_be_decided_is_tried_again_and_stops_no_other(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.now(door.intake.submit(message(door.clock, thing="car", hold=1.5, plate="A")))
    door.clock.seconds = 2.0
    monkeypatch.setattr("bridge.intake.firing.decide_timer", lambda *_: 1 // 0)
    await door.intake.fire_due()
    monkeypatch.undo()
    door.clock.seconds = 63.0
    task = asyncio.create_task(door.intake.fire_due())
    await door.settled([task])
    assert [event.title for decision, _ in door.journal.committing for event in decision.events] == ["A"]
    door.journal.keep()
    await task


async def test_an_end_that_is_put_off_again_and_again_is_one_timer_and_comes_when_it_is_due(door: Door) -> None:
    for _ in range(50):
        await door.now(door.intake.submit(message(door.clock, door="1", state="active", ends=10.0)))
        door.clock.seconds += 1.0
        await door.now(door.intake.fire_due())
    assert len(door.intake._timers) == 1
    door.clock.seconds += 8.9
    await door.now(door.intake.fire_due())
    assert any(key.kind == "condition" for key in door.journal.rows)
    door.clock.seconds += 0.2
    await door.now(door.intake.fire_due())
    assert not any(key.kind in ("condition", "ending") for key in door.journal.rows)
    assert len(door.intake._timers) == 0


async def test_a_fault_that_nobody_thought_of_is_no_fault_of_the_connectors(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever submits does not expect it: with one message it would end all that its connector takes."""

    async def unreadable(_: object) -> None:
        raise OSError(5, "input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(door.journal, "state", unreadable)
        receipt = await door.intake.submit(message(door.clock, id=1))
    assert (receipt.kind, receipt.kept) == (ReceiptKind.LATER, False)
    assert "error" not in receipt.why, "a sender is told no inner things"
    assert (await door.now(door.intake.submit(message(door.clock, id=1)))).kind is ReceiptKind.ACCEPTED


async def test_what_could_not_be_read_is_recorded_as_what_nobody_masked(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[Routed] = []
    door.intake.recorder = recorded.append
    monkeypatch.setattr(Words, "redact", lambda self, message: 1 // 0)
    await door.now(door.intake.submit(message(door.clock, id=1)))
    assert [routed.masked for routed in recorded] == [False]


async def test_a_reload_while_a_sensor_is_read_from_the_journal_decides_by_the_new_site(door: Door) -> None:
    """Else its event would be for cameras that are no longer there, and for none of the new ones."""
    task = asyncio.create_task(door.intake.submit(message(door.clock, id=1)))
    while not door.journal.loads:
        await asyncio.sleep(0)
    door.intake.replace(site_with_words(cameras=("yard",)))
    await door.settled([task])
    ((decision, _),) = door.journal.committing
    assert [new.camera for new in decision.deliveries] == ["yard"]
    door.journal.keep()
    assert (await task).kind is ReceiptKind.ACCEPTED


async def test_a_journal_that_cannot_be_read_for_a_while_loses_no_timer(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.now(door.intake.submit(message(door.clock, thing="car", hold=0.0001, plate="A")))
    restarted = Intake(site_with_words(), door.journal, door.clock, door.conditions)  # type: ignore[arg-type]
    asked: list[str] = []

    def failing_once(name: str) -> None:
        whole = getattr(door.journal, name)

        async def read(*of: object) -> Any:
            asked.append(name)
            if asked.count(name) == 1:
                raise JournalError("the journal could not be read")
            return await whole(*of)

        monkeypatch.setattr(door.journal, name, read)

    failing_once("timers")
    failing_once("state")
    running = asyncio.create_task(restarted.run())
    async with asyncio.timeout(10):
        while not door.journal.committing:
            assert not running.done()
            door.clock.seconds += 1.0
            await asyncio.sleep(0)
    assert asked == ["timers", "timers", "state", "state"]
    assert [event.title for decision, _ in door.journal.committing for event in decision.events] == ["A"]
    assert door.conditions.holds("journal"), "until something is kept again"
    running.cancel()


async def test_while_one_sensor_is_read_from_the_journal_others_are_decided_and_its_own_wait(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal reads in one thread: behind a long search in it an alarm of another sensor would wait for that."""
    await door.now(door.intake.submit(message(door.clock, id=0)))
    site = site_with_words()
    (known,) = site.sensors.values()
    new = msgspec.structs.replace(known, id=SensorId("new"), connector=ConnectorId("elsewhere"))
    door.intake.replace(msgspec.structs.replace(site, sensors={known.id: known, new.id: new}))
    searched, read = asyncio.Event(), door.journal.state

    async def slow(sensors: Sequence[SensorId]) -> Mapping[StateKey, StateRow]:
        await searched.wait()
        return await read(sensors)

    monkeypatch.setattr(door.journal, "state", slow)
    unheard = msgspec.structs.replace(message(door.clock, id=3), connector=new.connector)
    waiting = [asyncio.create_task(door.intake.submit(unheard)) for _ in range(2)]
    await door.settled(waiting)
    assert (await door.now(door.intake.submit(message(door.clock, id=1)))).kind is ReceiptKind.ACCEPTED
    assert not any(each.done() for each in waiting)
    searched.set()
    await door.settled(waiting)
    door.journal.keep()
    assert [(await each).kind for each in waiting] == [ReceiptKind.ACCEPTED, ReceiptKind.DUPLICATE]

"""A large message is read beside the loop: others go on, and its own origin's order is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import pytest

from bridge.intake.reading import LARGE
from bridge.model import Item, Malformed, Message, Origin, ReceiptKind
from tests.intake.conftest import Words, message
from tests.intake.test_intake import Door


@contextmanager
def reading_stops_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """(a large message is being read, let it go on)."""
    reading, go_on = threading.Event(), threading.Event()
    read = Words.items

    def items(self: Words, message: Message) -> Sequence[Item | Malformed]:
        if len(message.body) > LARGE:
            reading.set()
            assert go_on.wait(10)
        return read(self, message)

    monkeypatch.setattr(Words, "items", items)
    try:
        yield reading, go_on
    finally:
        go_on.set()


def large(door: Door, number: int) -> Message:
    return message(door.clock, id=number, padding="x" * LARGE)


def elsewhere(door: Door, number: int) -> Message:
    sent = message(door.clock, id=number)
    return msgspec.structs.replace(sent, origin=Origin("10.0.0.99", sent.origin.place))


def ids(door: Door) -> list[object]:
    bodies = [decision.message.message.body for decision, _ in door.journal.committing if decision.message]
    return [msgspec.json.decode(body)["id"] for body in bodies]


async def test_while_a_large_message_is_read_others_are_decided_and_those_behind_it_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door = Door()
    with reading_stops_at(monkeypatch) as (reading, go_on):
        sent = [large(door, 1), message(door.clock, id=2), large(door, 3), message(door.clock, id=4)]
        tasks = [asyncio.create_task(door.intake.submit(each)) for each in sent]
        assert await asyncio.to_thread(reading.wait, 10)
        tasks.append(asyncio.create_task(door.intake.submit(elsewhere(door, 5))))
        await door.settled(tasks)
        assert ids(door) == [5]
        go_on.set()
        async with asyncio.timeout(10):
            while len(ids(door)) < 5:
                await asyncio.sleep(0.001)
    assert ids(door) == [5, 1, 2, 3, 4]
    door.journal.keep()
    assert {(await each).kind for each in tasks} == {ReceiptKind.ACCEPTED}
    (after,) = await door.submitted({"id": 6})
    assert ids(door) == [6], "nothing is left that it would wait for"
    door.journal.keep()
    await after


async def test_a_large_message_that_is_given_up_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    with reading_stops_at(monkeypatch) as (reading, go_on):
        first = asyncio.create_task(door.intake.submit(large(door, 1)))
        assert await asyncio.to_thread(reading.wait, 10)
        second = asyncio.create_task(door.intake.submit(message(door.clock, id=2)))
        await door.settled([second])
        first.cancel()
        await asyncio.wait([first])
        await door.settled([second])
        assert ids(door) == [2]
        go_on.set()
    door.journal.keep()
    assert (await second).kind is ReceiptKind.ACCEPTED


async def test_large_messages_that_are_read_count_among_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    with reading_stops_at(monkeypatch) as (reading, go_on):
        waiting = [asyncio.create_task(door.intake.submit(large(door, number))) for number in range(8)]
        assert await asyncio.to_thread(reading.wait, 10)
        await door.settled(waiting)
        assert (await door.intake.submit(elsewhere(door, 99))).why == "overloaded"
        go_on.set()
        async with asyncio.timeout(10):
            while len(ids(door)) < 8:
                await asyncio.sleep(0.001)
    door.journal.keep()
    assert {(await each).kind for each in waiting} == {ReceiptKind.ACCEPTED}


async def test_when_one_of_those_that_wait_is_given_up_the_others_wait_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door = Door()
    with reading_stops_at(monkeypatch) as (reading, go_on):
        first = asyncio.create_task(door.intake.submit(large(door, 1)))
        assert await asyncio.to_thread(reading.wait, 10)
        given_up = asyncio.create_task(door.intake.submit(message(door.clock, id=2)))
        behind = asyncio.create_task(door.intake.submit(message(door.clock, id=3)))
        await door.settled([given_up, behind])
        given_up.cancel()
        await asyncio.wait([given_up])
        last = asyncio.create_task(door.intake.submit(message(door.clock, id=4)))
        await door.settled([behind, last])
        assert ids(door) == [], "nobody overtakes the one that is read"
        go_on.set()
        async with asyncio.timeout(10):
            while len(ids(door)) < 3:
                await asyncio.sleep(0.001)
    assert ids(door) == [1, 3, 4]
    door.journal.keep()
    assert {(await each).kind for each in (first, behind, last)} == {ReceiptKind.ACCEPTED}

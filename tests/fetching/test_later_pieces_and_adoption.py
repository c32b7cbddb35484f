"""Items that are decided later have their pictures like any other: after a crash, after a reload, out of quarantine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import pytest

from bridge.adoption import MARK, Adoption
from bridge.config.site import Site
from bridge.decide import decide
from bridge.fetching import Fetcher
from bridge.intake import Intake, remainders
from bridge.journal.contract import Full, Query
from bridge.model import Receipt, ReceiptKind, SensorEvent, SensorId
from tests.fetching.conftest import BOUND, JPEG, Bench, Open, settings, site
from tests.vms.conftest import Played, Vault, answer

T = TypeVar("T")
MANY = 6


def said(host: Played, numbers: Iterable[int], sensor: str = "a") -> list[dict[str, object]]:
    return [
        {"sensor": sensor, "n": number, "links": {"plate": f"http://127.0.0.1:{host.port}/{number}"}}
        for number in numbers
    ]


def asked(host: Played) -> list[str]:
    return sorted(head.split()[1].decode() for head in host.heads)


def shown(events: list[SensorEvent]) -> list[tuple[str, int]]:
    return [(event.title, len(event.media)) for event in events]


def another_site(sensors: Iterable[str] = ("a", "b")) -> Site:
    made = site()
    return msgspec.structs.replace(
        made, sensors={id: msgspec.structs.replace(made.sensors[id], name="renamed") for id in map(SensorId, sensors)}
    )


@asynccontextmanager
async def running(intake: Intake) -> AsyncIterator[None]:
    task = asyncio.create_task(intake.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def all_is_decided(bench: Bench) -> None:
    async with asyncio.timeout(BOUND):
        while bench.intake.decided_in_part:
            await asyncio.sleep(0.005)


async def bounded(work: asyncio.Future[T]) -> T:
    async with asyncio.timeout(BOUND):
        return await work


async def adopts(bench: Bench) -> int:
    adoption = Adoption(bench.journal, bench.intake, bench.clock)
    return (await adoption.replay(bench.journal.read(Query(what="quarantine", unknown=True)))).replayed


def refuse(*_: object) -> None:
    raise Full("no room")


@pytest.fixture(autouse=True)
def _pieces_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "PIECE", 4)  # two items and their events


async def begun(bench: Bench, host: Played) -> asyncio.Task[Receipt]:
    """A message whose first two items are decided; nobody goes on with it until the intake is ``running``."""
    sending = asyncio.create_task(bench.intake.submit(bench.message(said(host, range(MANY)))))
    async with asyncio.timeout(BOUND):
        while len(await bench.events()) < 2:
            await asyncio.sleep(0.005)
    return sending


async def test_what_a_crash_left_of_a_large_message_gets_its_pictures_at_the_next_start(
    opened: Open, host: Played
) -> None:
    host.otherwise = answer(200, JPEG)
    async with opened(settings()) as bench:
        sending = await begun(bench, host)
        sending.cancel()
        await asyncio.wait([sending])
        bench.fetcher._held = 0  # with its process
    host.requests.clear()
    async with opened(settings()) as bench:
        await bench.intake.restore()
        assert bench.intake.decided_in_part == 1
        async with running(bench.intake):
            await all_is_decided(bench)
        events = await bench.events()
        assert shown(events) == [(str(number), 1) for number in range(MANY)]
        assert await bench.journal.media(events[-1].media[0].id) == JPEG
    assert asked(host) == [f"/{number}" for number in range(2, MANY)], "what is decided is not fetched again"


async def test_after_a_reload_the_rest_of_a_large_message_keeps_its_pictures(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    async with opened(settings()) as bench:
        sending = await begun(bench, host)
        bench.intake.replace(another_site())
        async with running(bench.intake):
            assert (await bounded(sending)).kind is ReceiptKind.ACCEPTED
        events = await bench.events()
        assert shown(events) == [(str(number), 1) for number in range(MANY)]
        assert [event.sensor_name == "renamed" for event in events] == [False] * 2 + [True] * (MANY - 2)
    assert asked(host) == [f"/{number}" for number in range(MANY)], "each was fetched once"


async def test_after_a_reload_that_allows_it_pictures_of_the_rest_are_fetched(opened: Open, host: Played) -> None:
    host.otherwise = answer(200, JPEG)
    async with opened(None) as bench:
        sending = await begun(bench, host)
        bench.turns.fetcher = Fetcher(settings(), Vault())
        bench.intake.replace(another_site())
        async with running(bench.intake):
            await bounded(sending)
        assert shown(await bench.events()) == [(str(number), int(number >= 2)) for number in range(MANY)]
        assert bench.turns.fetcher.held == 0
        await bench.turns.fetcher.retire()


async def test_when_a_later_piece_cannot_be_kept_its_pictures_wait_with_it(
    opened: Open, host: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.otherwise = answer(200, JPEG)
    monkeypatch.setattr(remainders, "AGAIN", 0.0)
    async with opened(settings()) as bench:
        sending = await begun(bench, host)
        with monkeypatch.context() as full:
            full.setattr(bench.journal, "commit", refuse)
            async with running(bench.intake):
                assert "decided later" in (await bounded(sending)).why
        assert bench.fetcher.held == MANY * len(JPEG), "they are still there"
        async with running(bench.intake):
            await all_is_decided(bench)
        assert shown(await bench.events()) == [(str(number), 1) for number in range(MANY)]
    assert asked(host) == [f"/{number}" for number in range(MANY)], "each was fetched once"


async def test_a_message_that_waits_behind_a_large_one_keeps_its_pictures_over_a_reload(
    opened: Open, host: Played
) -> None:
    host.otherwise = answer(200, JPEG)
    async with opened(settings()) as bench:
        large = await begun(bench, host)
        behind = asyncio.create_task(bench.say(99, "a", {"plate": f"http://127.0.0.1:{host.port}/99"}))
        async with asyncio.timeout(BOUND):
            while not bench.intake._waiting._order._lines:
                await asyncio.sleep(0.005)
        bench.intake.replace(another_site())
        async with running(bench.intake):
            await bounded(asyncio.gather(large, behind))
        assert shown(await bench.events())[-1] == ("99", 1)


async def test_what_is_adopted_gets_its_pictures_and_later_messages_of_its_sensor_wait(
    opened: Open, host: Played
) -> None:
    host.otherwise = answer(200, JPEG)
    async with opened(settings()) as bench:
        bench.intake.replace(another_site(["a"]))
        receipt = await bench.intake.submit(bench.message(said(host, range(3), "b")))
        assert receipt.kind is ReceiptKind.UNKNOWN
        assert host.connections == 0, "nobody listens for it"
        bench.intake.replace(site())
        host.hold.clear()
        adopting = asyncio.create_task(adopts(bench))
        await host.until(1)
        later = asyncio.create_task(bench.say(9, "b"))
        await bench.say(8, "a")
        assert shown(await bench.events()) == [("8", 0)], "who has nothing to do with it does not wait"
        host.hold.set()
        assert await bounded(adopting) == 3
        await bounded(later)
        events = await bench.events()
        assert shown(events) == [("8", 0), ("0", 1), ("1", 1), ("2", 1), ("9", 0)]
        assert [MARK in event.marks for event in events] == [False, True, True, True, False]
        assert await bench.journal.media(events[1].media[0].id) == JPEG
    assert asked(host) == ["/0", "/1", "/2"]


async def test_what_is_adopted_without_its_picture_says_why(opened: Open, host: Played) -> None:
    host.otherwise = answer(404)
    async with opened(settings()) as bench:
        bench.intake.replace(another_site(["a"]))
        await bench.intake.submit(bench.message(said(host, [1], "b")))
        bench.intake.replace(site())
        assert await bounded(asyncio.create_task(adopts(bench))) == 1
        (event,) = await bench.events()
        assert set(event.marks) == {MARK, "no picture (plate) from 127.0.0.1: the host answers 404"}

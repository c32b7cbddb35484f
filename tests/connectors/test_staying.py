"""Staying connected: when it is tried again, and what is said of it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import pytest

from connectors.backoff import Backoff
from connectors.staying import REFUSED_PAUSE, Alive, Away, Ended, Staying
from tests.connectors.outgoing import Told, until


class Counting(Backoff):
    """``asked``: the pauses between tries, ``resets``: how often they began anew."""

    def __init__(self) -> None:
        super().__init__(0.001, 0.002)
        self.asked = self.resets = 0

    def next(self) -> float:
        self.asked += 1
        return super().next()

    def reset(self) -> None:
        self.resets += 1
        super().reset()


async def lived(
    *ends: Ended | Away, steady: float = 0.0, heard: bool = True, lasting_is_alive: bool = False
) -> tuple[Told, Counting, Staying]:
    """Connections that end, or cannot be made, so; behind them one that stays. ``heard``: each gives a sign of life."""
    link, backoff, left = Told(), Counting(), list(ends)
    staying = Staying("x", link, Counter(), backoff, lasting_is_alive)
    staying.steady = steady
    staying.refused_pause = 0.001
    stays = asyncio.Event()

    async def open() -> int:
        if left and isinstance(left[0], Away):
            raise left.pop(0)  # type: ignore[misc]
        return len(left)

    async def converse(_: int, alive: Alive) -> Ended:
        if heard:
            alive()
        if not left:
            stays.set()
            await asyncio.get_running_loop().create_future()
        ended = left.pop(0)
        assert isinstance(ended, Ended)
        return ended

    task = asyncio.create_task(staying.keep(open, converse, lambda gap: "again" if gap is not None else "first"))
    await until(stays.is_set)
    if lasting_is_alive:
        await until(lambda: link.said[-1].startswith("up"))
    task.cancel()
    await asyncio.wait({task})
    return link, backoff, staying


async def test_a_connection_that_lasted_is_made_again_at_once_and_nothing_is_said() -> None:
    link, backoff, _ = await lived(Ended("over"), Ended("over"))
    assert link.said == ["up: first"]
    assert (backoff.asked, backoff.resets) == (0, 2)


async def test_of_a_gap_that_the_link_does_not_tell_one_line_is_logged_and_of_another_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "connectors")
    await lived(Ended("over"))
    assert caplog.messages == ["connector x: over; again"]
    caplog.clear()
    await lived(Ended("deaf", deaf=True), Away("a"), Away("b"))
    assert caplog.messages == []


async def test_when_it_cannot_be_made_again_it_is_said_how_it_ended_too() -> None:
    link, _, _ = await lived(Ended("over"), Away("refused"), Away("refused"), Ended("over"))
    assert link.said == ["up: first", "down: over; then refused", "up: again"]


async def test_one_that_ended_soon_is_said_and_made_again_after_a_pause() -> None:
    link, backoff, _ = await lived(Ended("over"), steady=60.0)
    assert link.said == ["up: first", "down: over", "up: again"]
    assert (backoff.asked, backoff.resets) == (1, 0)


async def test_a_deaf_one_is_said_and_its_pauses_begin_anew_only_if_anything_was_heard() -> None:
    link, backoff, _ = await lived(Ended("deaf", deaf=True))
    assert link.said == ["up: first", "down: deaf", "up: again"]
    assert backoff.resets == 1
    link, backoff, _ = await lived(Ended("deaf", deaf=True), Ended("deaf", deaf=True), heard=False)
    assert link.said == ["up: first", "down: deaf"]
    assert backoff.resets == 0


async def test_where_lasting_is_alive_a_silent_one_is_back_after_a_while() -> None:
    link, _, _ = await lived(Ended("deaf", deaf=True), heard=False, lasting_is_alive=True)
    assert link.said == ["up: first", "down: deaf", "up: again"]


async def test_the_same_reason_is_said_once_and_another_again() -> None:
    link, backoff, staying = await lived(Away("a"), Away("a"), Away("b", refused=True))
    assert link.said == ["down: a", "down: b", "up: first"]
    assert backoff.asked == 3
    assert not staying.refused


@pytest.mark.parametrize("refused", [True, False])
async def test_a_refusal_is_not_tried_again_soon(refused: bool) -> None:
    link, tries = Told(), 0
    staying = Staying("x", link, Counter(), Counting(), lasting_is_alive=False)

    async def open() -> int:
        nonlocal tries
        tries += 1
        raise Away("no", refused=refused)

    async def converse(_: int, __: Alive) -> Ended:
        raise AssertionError

    task = asyncio.create_task(staying.keep(open, converse, str))
    await (link.hear("down") if refused else until(lambda: tries > 3))
    task.cancel()
    await asyncio.wait({task})
    assert (staying._pause(Away("no")) >= REFUSED_PAUSE) is refused
    assert (tries == 1) is refused

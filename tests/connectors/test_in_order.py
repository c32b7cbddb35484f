"""What one sender said is kept in the order it came, whichever of it is put off, and however."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest

from bridge.model import ConnectorId, Instant, Message, Origin, Receipt
from connectors.in_order import InOrder
from tests.connectors.conftest import ACCEPTED, BOUND, LATER

AT = Instant(datetime(2026, 1, 5, 9, tzinfo=UTC), 0.0)
Answer = tuple[int, Receipt]
"""After so many turns of the loop, this."""


class Slow:
    """An intake that answers each submission as ``answers`` has it, then at once. ``kept``: in that order."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.kept: list[bytes] = []

    async def submit(self, message: Message) -> Receipt:
        turns, receipt = self.answers.pop(0) if self.answers else (0, ACCEPTED)
        for _ in range(turns):
            await asyncio.sleep(0)
        if receipt.kept:
            self.kept.append(message.body)
        return receipt

    async def position(self, name: str) -> None:
        return None


@asynccontextmanager
async def submitting(intake: Slow, counts: Counter[str], most: int = 64) -> AsyncIterator[tuple[InOrder, list[bytes]]]:
    """With the bodies of what was said to be kept."""
    told: list[bytes] = []
    in_order = InOrder(intake, counts, 2**20, most)
    async with asyncio.timeout(BOUND), asyncio.TaskGroup() as group:
        for number in range(6):
            body = b"%d" % number
            message = Message(connector=ConnectorId("a"), origin=Origin("10.0.0.21"), body=body, arrived=AT)
            await in_order.submit(group, message, lambda body=body: told.append(body))  # type: ignore[misc]
        yield in_order, told


IN_ORDER = [b"%d" % number for number in range(6)]


async def test_one_that_is_put_off_at_once_waits_for_one_before_it_that_is_put_off_after_its_commit_failed() -> None:
    intake, counts = Slow([(20, LATER), (0, LATER)]), Counter[str]()
    async with submitting(intake, counts) as (_, told):
        pass
    assert intake.kept == told == IN_ORDER
    assert (counts["messages"], counts["abandoned"]) == (6, 0)


@pytest.mark.parametrize("most", [1, 2, 3, 6])
async def test_however_long_it_takes_until_each_is_put_off_the_order_stays(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.in_order._SHORTEST_PAUSE", 0.0)
    chance, later = random.Random(most), msgspec.structs.replace(LATER, after=0.0)
    for _ in range(50):
        intake, counts = Slow([(chance.randrange(6), later) for _ in range(6)]), Counter[str]()
        async with submitting(intake, counts, most) as (_, told):
            pass
        assert intake.kept == told == IN_ORDER


async def test_what_is_put_off_when_it_is_stopped_is_given_up_and_counted() -> None:
    intake, counts = Slow([(0, LATER)] * 10_000), Counter[str]()
    async with submitting(intake, counts) as (in_order, told):
        await in_order.finish(0.0)
    assert (told, counts["abandoned"]) == ([], 6)

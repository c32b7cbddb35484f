"""The service around its rooms: what goes wrong while it keeps house is said, and stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from bridge.clock import SystemClock
from bridge.config.secrets import SecretStores
from bridge.config.site import Connector, JournalSettings
from bridge.journal.contract import Undone
from bridge.model import ConnectorId, Instant, Urgency, VmsId
from bridge.service import Service
from connectors.http.settings import HttpSettings
from tests.decide.conftest import site_of


class MinuteByHand(SystemClock):
    """The minutes between two rounds of housekeeping pass when the test says so."""

    def __init__(self) -> None:
        self.minutes: asyncio.Queue[None] = asyncio.Queue()
        self.waiting = asyncio.Event()
        self.ahead = self.passed = timedelta()

    def now(self) -> Instant:
        now = super().now()
        return Instant(now.utc + self.ahead + self.passed, now.monotonic + self.passed.total_seconds())

    async def sleep(self, seconds: float) -> None:
        if seconds != 60.0:
            return await super().sleep(seconds)
        self.waiting.set()
        return await self.minutes.get()

    async def pass_a_minute(self) -> None:
        """And wait until the next round is over."""
        async with asyncio.timeout(30):
            await self.waiting.wait()
            self.waiting.clear()
            self.minutes.put_nowait(None)
            await self.waiting.wait()


@pytest.fixture
def clock() -> MinuteByHand:
    return MinuteByHand()


@pytest.fixture
async def service(tmp_path: Path, clock: MinuteByHand) -> AsyncIterator[Service]:
    journal = JournalSettings(path=tmp_path / "journal")
    site = msgspec.structs.replace(site_of(), vms={}, cameras={}, connectors={}, sensors={}, journal=journal)
    started = await Service.start(site, SecretStores(), clock=clock)
    running = asyncio.create_task(started.run())
    yield started
    await started.stop(5.0)
    async with asyncio.timeout(30):
        await running


async def test_old_records_that_cannot_be_removed_are_tried_again_and_stop_nothing(
    service: Service, clock: MinuteByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []

    async def refuse(older_than: float, limit: int = 0) -> int:
        rounds.append(older_than)
        raise Undone("the disk is full")

    monkeypatch.setattr(service.journal, "purge", refuse)
    await clock.pass_a_minute()
    await clock.pass_a_minute()
    assert len(rounds) == 2


async def test_as_many_old_records_go_in_a_round_as_there_are(
    service: Service, clock: MinuteByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a busy site would take more in a minute than goes, until the journal is full."""
    left = [25_000]

    async def purge(older_than: float, limit: int) -> int:
        removed = min(limit, left[0])
        left[0] -= removed
        return removed

    monkeypatch.setattr(service.journal, "purge", purge)
    await clock.pass_a_minute()
    assert left == [0]


async def test_a_clock_that_jumps_ahead_makes_nothing_old_until_it_has_been_so_for_a_day(
    service: Service, clock: MinuteByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[datetime] = []

    async def purge(older_than: float, limit: int) -> int:
        ends.append(datetime.fromtimestamp(older_than, UTC))
        return 0

    monkeypatch.setattr(service.journal, "purge", purge)
    hour, year = timedelta(hours=1), timedelta(days=365)
    for years, hours in ((0, 0), (1, 1), (1, 20), (0, 21), (1, 22), (1, 45), (1, 46)):
        clock.ahead, clock.passed = years * year, hours * hour
        await clock.pass_a_minute()
    moved = [round((end - ends[0]) / hour) for end in ends]
    assert moved == [0, 1, 20, 21, 22, 45, 46 + 365 * 24]


async def test_a_spent_budget_is_a_condition_until_nothing_more_expires(service: Service, clock: MinuteByHand) -> None:
    assert service.journal.on_expired is not None
    await clock.pass_a_minute()
    service.journal.on_expired(VmsId("cloud"), Urgency.NOTICE, 3)
    assert [condition.key for condition in service.conditions.held()] == ["budget cloud notice"]
    await clock.pass_a_minute()
    assert service.conditions.holds("budget cloud notice"), "it may still be spending"
    await clock.pass_a_minute()
    assert not service.conditions.holds("budget cloud notice")


async def test_told_to_stop_before_it_has_begun_it_ends_and_begins_nothing(
    tmp_path: Path, clock: MinuteByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = JournalSettings(path=tmp_path / "journal")
    http = Connector(ConnectorId("lpr"), HttpSettings(type="http", bind="127.0.0.1:0"))
    site = msgspec.structs.replace(
        site_of(), vms={}, cameras={}, connectors={http.id: http}, sensors={}, journal=journal
    )
    service = await Service.start(site, SecretStores(), clock=clock)
    looking, go_on = asyncio.Event(), asyncio.Event()

    async def restore() -> None:
        looking.set()
        await go_on.wait()

    monkeypatch.setattr(service.intake, "restore", restore)
    running = asyncio.create_task(service.run())
    async with asyncio.timeout(30):
        await looking.wait()
        await service.stop(1.0)
        go_on.set()
        await running
    assert [way.bound for way in service.ways.status] == []

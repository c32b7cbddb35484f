"""The same room with the journal it really has, and a crash of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.delivery.dispatch import Deliveries
from bridge.journal.contract import DeliveryRecord, LaneHead, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.model import (
    Action,
    CameraId,
    Decision,
    DeliveryState,
    NewDelivery,
    Outcome,
    SensorEvent,
    SiteId,
    Urgency,
    VmsId,
)
from bridge.supervision import Conditions
from bridge.vms.base import VmsSettings
from tests.delivery.conftest import event
from tests.delivery.scripted_vms import Keys, ScriptedVms, cut_after, errs, hangs, refuses

CLOUD = VmsId("cloud")
BOUND = 20.0


def decision(clock: SystemClock, said: SensorEvent, *cameras: str) -> Decision:
    return Decision(
        at=clock.now(),
        events=(said,),
        deliveries=tuple(
            NewDelivery(said.id, said.revision, CameraId(camera), CLOUD, said.sensor, Action.RAISE, said.urgency)
            for camera in cameras
        ),
    )


class Watcher:
    """Wakes the test after each settled delivery."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        self._news.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND):
            while not is_so():
                self._news.clear()
                await self._news.wait()


class Setting:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SystemClock()
        self.keys = Keys()
        self.keys.values.update(gate="one", yard="one")
        self.vms = ScriptedVms(self.clock, self.keys)
        self.watcher = Watcher()
        self.conditions = Conditions(self.clock)

    @asynccontextmanager
    async def running(self):  # type: ignore[no-untyped-def]
        journal = await SqliteJournal.open(self.path, site=SiteId("depot"), node="here", clock=self.clock)
        deliveries = Deliveries(
            journal,
            journal.lease,
            {CLOUD: self.vms},
            {CLOUD: VmsSettings(type="any")},
            self.keys,
            self.clock,
            self.conditions,
            self.watcher,
        )
        task = asyncio.get_running_loop().create_task(deliveries.run())
        try:
            yield journal, deliveries
        finally:
            task.cancel()
            await asyncio.wait([task])
            await journal.close()


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


async def states(journal: SqliteJournal) -> dict[str, int]:
    return {name: count for name, count in (await journal.totals()).deliveries.items() if count}


async def test_what_is_committed_is_delivered_in_lane_order(setting: Setting) -> None:
    async with setting.running() as (journal, _):
        kept = [
            journal.commit(decision(setting.clock, event(number, sensor=f"s{number % 7}"), "gate", "yard"))
            for number in range(300)
        ]
        await asyncio.gather(*kept)
        await setting.watcher.until(lambda: len(setting.vms.record) == 600)
        for sensor in range(7):
            expected = [str(number) for number in range(300) if number % 7 == sensor]
            assert [name for name in setting.vms.events("gate") if int(name) % 7 == sensor] == expected
    assert len(setting.vms.record) == 600


async def test_a_crash_between_send_and_settle_is_found_at_the_next_start(setting: Setting) -> None:
    setting.vms.script.append(hangs)
    async with setting.running() as (journal, _):
        await journal.commit(decision(setting.clock, event(1), "gate"))
        async with asyncio.timeout(BOUND):
            while not setting.vms.hanging:  # the send is a task of another: give it its turns
                await asyncio.sleep(0)
        setting.vms.take(setting.vms.hanging[0][0])
    async with setting.running() as (journal, _):
        await journal.commit(decision(setting.clock, event(2), "gate"))
        await setting.watcher.until(lambda: len(setting.vms.record) == 2)
    assert setting.vms.events() == ["1", "2"]


async def test_troubles_on_the_way_lose_and_double_nothing(setting: Setting) -> None:
    setting.vms.script.extend([errs, refuses, cut_after] * 4)
    async with setting.running() as (journal, _):
        for number in range(40):
            urgency = Urgency.ALARM if number % 5 == 0 else Urgency.NOTICE
            said = event(number, sensor=f"s{number % 3}", urgency=urgency)
            await journal.commit(decision(setting.clock, said, "gate"))
        await setting.watcher.until(lambda: len(set(setting.vms.events())) == 40)
    assert len(setting.vms.record) == 40


async def test_a_parked_camera_goes_on_after_its_secret_was_changed(setting: Setting) -> None:
    setting.vms.valid[CameraId("gate")] = "two"
    async with setting.running() as (journal, _):
        for number in range(5):
            await journal.commit(decision(setting.clock, event(number), "gate", "yard"))
        await setting.watcher.until(lambda: len(setting.vms.events("yard")) == 5)
        assert [each.camera for each in await journal.parked()] == ["gate"]
    setting.keys.values["gate"] = "two"
    async with setting.running() as (journal, _):
        await setting.watcher.until(lambda: len(setting.vms.events("gate")) == 5)
        assert setting.vms.events("gate") == [str(number) for number in range(5)]


async def test_drain_leaves_nothing_ambiguous_behind(setting: Setting) -> None:
    setting.vms.always = refuses
    async with setting.running() as (journal, deliveries):
        for number in range(20):
            said = event(number, sensor=f"s{number}", urgency=Urgency.ALARM)
            await journal.commit(decision(setting.clock, said, "gate"))
        await setting.watcher.until(lambda: bool(setting.vms.asked))
        await deliveries.drain(5.0)
        rows = [record async for record in journal.read(Query(what="deliveries")) if isinstance(record, DeliveryRecord)]
        assert [row.state for row in rows] == [DeliveryState.PENDING] * 20
        assert await states(journal) == {"pending": 20}

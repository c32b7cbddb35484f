"""A service is alive as long as a message could pass, and its watchdog is fed no longer than that."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bridge.cli.notify import Notifier
from bridge.clock import SystemClock
from bridge.config.secrets import SecretStores
from bridge.config.site import JournalSettings
from bridge.journal.sqlite import SqliteJournal
from bridge.metrics import health
from bridge.metrics.pulse import EVERY, STUCK_AFTER, Pulse
from bridge.model import ConnectorId, Message, Origin
from bridge.service import Service
from bridge.service.rooms import Rooms
from bridge.supervision import Condition
from connectors.base import Mode
from tests.decide.conftest import site_of


class Clock(SystemClock):
    """The pauses between beats pass when the test says so, and time with them."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.resting = asyncio.Event()
        self._go = asyncio.Event()

    def now(self) -> object:  # type: ignore[override]
        found = super().now()
        return msgspec.structs.replace(found, monotonic=found.monotonic + self.ahead)

    async def sleep(self, seconds: float) -> None:
        if seconds != EVERY:
            return await super().sleep(seconds)
        self.resting.set()
        await self._go.wait()
        self._go.clear()
        return None

    async def beat_came_through(self) -> None:
        async with asyncio.timeout(30):
            await self.resting.wait()

    def next_beat(self) -> None:
        self.resting.clear()
        self._go.set()


class Disk:
    """Commits wait for ever while it hangs, as on a disk that is gone."""

    def __init__(self) -> None:
        self._free = threading.Event()
        self._free.set()

    def before_commit(self) -> None:
        self._free.wait(30)

    def hang(self) -> None:
        self._free.clear()

    def answer(self) -> None:
        self._free.set()


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.answer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def service(tmp_path: Path, clock: Clock, disk: Disk) -> AsyncIterator[Service]:
    settings = JournalSettings(path=tmp_path / "journal")
    site = msgspec.structs.replace(site_of(), vms={}, cameras={}, connectors={}, sensors={}, journal=settings)
    journal = await SqliteJournal.open(
        settings.path, site=site.id, node="here", settings=settings, clock=clock, before_commit=disk.before_commit
    )
    made = Service(Rooms(site, SecretStores(), journal, clock, Mode.TAKE, False, None, None))
    running = asyncio.create_task(made.run())
    yield made
    disk.answer()
    await made.stop(5.0)
    async with asyncio.timeout(30):
        await running


async def test_a_disk_that_never_answers_is_found_and_a_slow_one_is_not(
    service: Service, clock: Clock, disk: Disk
) -> None:
    await clock.beat_came_through()
    disk.hang()
    clock.next_beat()
    clock.ahead = STUCK_AFTER - 5
    assert service.live().ok, "slow is not stuck"
    clock.ahead = STUCK_AFTER + 5
    assert not service.live().ok
    assert service.live().why[0].startswith("the journal has not answered for 3")
    assert not service.ready().ok
    disk.answer()
    await clock.beat_came_through()
    assert service.live().ok, "it answers again"


async def test_an_intake_that_lets_nobody_pass_is_found(service: Service, clock: Clock) -> None:
    await clock.beat_came_through()
    async with service.intake._facts.line:
        clock.next_beat()
        await asyncio.sleep(0)
        clock.ahead = STUCK_AFTER + 5
        assert service.live().why[0].startswith("the intake has not answered")
    await clock.beat_came_through()
    assert service.live().ok


async def test_what_senders_were_told_to_send_later_is_counted_by_reason(service: Service, clock: Clock) -> None:
    arrived = SystemClock().now()
    message = Message(connector=ConnectorId("lpr"), origin=Origin("10.0.0.1"), body=b"{}", arrived=arrived)
    assert (await service.intake.submit(message)).kept
    service.intake.stop()
    for _ in range(2):
        assert not (await service.intake.submit(message)).kept
    assert service.intake.refused == {("lpr", "stopping"): 2}
    assert b'vms_bridge_messages_refused_total{connector="lpr",reason="stopping"} 2\n' in await service.metrics()


async def test_the_watchdog_is_fed_while_the_pipeline_moves_and_no_longer(tmp_path: Path) -> None:
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "notify"))
    heard.setblocking(False)
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000000"})
    assert notifier.beats_every == 20.0
    stuck = ""
    rounds: asyncio.Queue[float] = asyncio.Queue()
    go: asyncio.Queue[None] = asyncio.Queue()

    async def pause(seconds: float) -> None:
        rounds.put_nowait(seconds)
        await go.get()

    def told() -> list[str]:
        found = []
        while True:
            try:
                found.append(heard.recv(1000).decode())
            except BlockingIOError:
                return found

    feeding = asyncio.create_task(notifier.beat(lambda: stuck, pause))
    try:
        async with asyncio.timeout(30):
            assert await rounds.get() == 20.0
            assert told() == ["WATCHDOG=1"]
            stuck = "the journal has not answered for 31 s"
            for _ in range(3):
                go.put_nowait(None)
                await rounds.get()
            assert told() == ["STATUS=the journal has not answered for 31 s"], "said once, and not fed"
            stuck = ""
            go.put_nowait(None)
            await rounds.get()
            assert told() == ["WATCHDOG=1"]
    finally:
        feeding.cancel()
        await asyncio.wait([feeding])
        heard.close()


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "1000000"}, {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
     {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}],
)  # fmt: skip
async def test_without_somebody_who_waits_for_it_there_is_no_sign_of_life(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    assert notifier.beats_every is None
    async with asyncio.timeout(30):
        await notifier.beat(lambda: "", asyncio.sleep)


def test_a_socket_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")


def condition(key: str) -> Condition:
    return Condition(key, "it is so", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("key", "ok"),
    [
        ("journal", False),
        ("alarm cloud", False),
        ("alarm-refused cloud", False),
        ("vms cloud", True),
        ("connector lpr", True),
        ("journals", True),
    ],
)
def test_what_keeps_messages_or_alarms_from_being_safe_is_not_ready_and_nothing_else(key: str, ok: bool) -> None:
    assert health.ready("", "running", [condition(key)]).ok is ok


@pytest.mark.parametrize("state", ["starting", "stopping"])
def test_a_service_that_does_not_take_messages_is_not_ready_but_alive(state: str) -> None:
    assert not health.ready("", state, []).ok
    assert health.live("").ok


async def test_a_pulse_without_a_stop_counts_from_its_last_beat() -> None:
    clock = Clock()

    async def step() -> None: ...

    pulse = Pulse(clock, {"the intake": step})
    running = asyncio.create_task(pulse.run())
    for _ in range(3):
        await clock.beat_came_through()
        clock.ahead += 20
        assert pulse.stuck == ""
        clock.next_beat()
        await clock.beat_came_through()
    running.cancel()
    await asyncio.wait([running])

"""A site as the service builds it, up to the decided events: its connectors, the intake, a journal on disk. No VMS is
spoken to. The clock stands still and is moved by hand; what comes in is taken as having come at its moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from msgspec.structs import replace

from bridge.clock import SystemClock
from bridge.config.site import Site
from bridge.intake import Intake
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Instant, Message, Position, Receipt
from bridge.secret import Secrets
from bridge.supervision import Conditions
from bridge.ways_in import WaysIn
from connectors.base import Mode
from tests.cases.told import Told

WITHIN = 20.0
"""Seconds that any wait may take before it is a failure. A case that is right waits for nothing but the bridge."""

_BEGAN = 1000.0


class StandingClock:
    """Says the moment it was given, and what was added by ``move``."""

    def __init__(self, at: datetime) -> None:
        self._now = Instant(at, _BEGAN)

    def now(self) -> Instant:
        return self._now

    def move(self, seconds: float) -> None:
        self._now = Instant(self._now.utc + timedelta(seconds=seconds), self._now.monotonic + seconds)

    async def sleep(self, seconds: float) -> None:
        """Of nothing that a case waits for: a connector that failed begins again, and that takes real time."""
        await SystemClock().sleep(seconds)


class House:
    """``kept``: how many messages are durable. The intake of the connectors: gives what they bring the clock's time."""

    def __init__(self, intake: Intake, clock: StandingClock, told: Told) -> None:
        self._intake = intake
        self._clock = clock
        self.told = told
        self.ways: WaysIn
        self.kept = 0
        self._news = asyncio.Condition()

    async def submit(self, message: Message) -> Receipt:
        receipt = await self._intake.submit(replace(message, arrived=self._clock.now()))
        self.kept += receipt.kept
        async with self._news:
            self._news.notify_all()
        return receipt

    async def position(self, name: str) -> Position | None:
        return await self._intake.position(name)

    async def keep(self, messages: int) -> None:
        """Wait until so many were kept. Raises TimeoutError."""
        async with asyncio.timeout(WITHIN), self._news:
            await self._news.wait_for(lambda: self.kept >= messages)

    async def wait(self, seconds: float) -> None:
        """Let the clock go on, and whatever waits for it happen."""
        self._clock.move(seconds)
        await self._intake.fire_due()

    async def bound(self, connector: str) -> tuple[str, int]:
        """Host and port at which it listens. Raises TimeoutError."""
        async with asyncio.timeout(WITHIN):
            while True:
                (status,) = (each for each in self.ways.status if each.name == connector)
                if status.up and status.bound:
                    host, _, port = status.bound.rpartition(":")
                    return host.strip("[]"), int(port)
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(site: Site, secrets: Secrets, at: datetime, folder: Path, told: Told) -> AsyncIterator[House]:
    """The site with its journal in ``folder``. When it ends, all that its connectors have taken is decided and told."""
    clock = StandingClock(at)
    conditions = Conditions(clock)
    conditions.on_change = told.changed
    journal = await SqliteJournal.open(folder, site=site.id, node="here", settings=site.journal, clock=clock)
    intake = Intake(site, journal, clock, conditions, told)
    house = House(intake, clock, told)
    house.ways = WaysIn(house, clock, conditions, secrets, Mode.TAKE, accept=False)
    try:
        with nothing_by_chance():
            async with asyncio.TaskGroup() as group:
                deciding = group.create_task(intake.run(), name="timers")
                house.ways.start(group, site)
                try:
                    yield house
                finally:
                    told.links_are_over()
                    await house.ways.stop()
                    deciding.cancel()
    finally:
        await journal.close()


@contextlib.contextmanager
def nothing_by_chance() -> Iterator[None]:
    """What libraries draw by chance for the wire is the same each time, so that a recorded answer still fits: ids of
    SNMP's questions, keys and masks of WebSocket."""
    import pysnmp.nextid
    import websockets.frames
    import websockets.utils

    ids = itertools.count(1_000_001)
    drawn = random.Random(1)
    with contextlib.ExitStack() as all_of:
        all_of.enter_context(patch.object(pysnmp.nextid.Integer, "__call__", lambda _: next(ids)))
        for module in (websockets.frames, websockets.utils):
            all_of.enter_context(patch.object(module, "secrets", _Drawn(drawn)))
        yield


class _Drawn:
    def __init__(self, chance: random.Random) -> None:
        self.token_bytes = chance.randbytes

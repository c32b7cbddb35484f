"""The room of clips over a real journal, with a VMS at our own seam, and hours that pass when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.clips.clips import ClipRoom
from bridge.clock import SystemClock
from bridge.config.site import Camera, Site, Vms
from bridge.endpoints.stream import Stream
from bridge.journal.clips import ClipRecord
from bridge.journal.sqlite import SqliteJournal
from bridge.model import CameraId, Decision, Delivered, Instant, Outcome, SensorEvent, Urgency, VmsId
from bridge.vms.base import CameraSettings, VmsSettings
from bridge.vms.clip import ClipSettings
from tests.decide.conftest import site_of
from tests.journal.making import SITE, decision

GATE, WIDE, HOOKED = CameraId("gate-in"), CameraId("gate-wide"), CameraId("hooked")
CLOUD = VmsId("cloud")
BOUND = 30.0


class Clock(SystemClock):
    """Ahead of the real one by as much as the test says; what is waited for on purpose takes a moment."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def now(self) -> Instant:
        real = super().now()
        return Instant(real.utc + timedelta(seconds=self.ahead), real.monotonic + self.ahead)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.002))


class Settings(VmsSettings):
    clip: ClipSettings | None = None


class FakeVms:
    """``made``: title → id, for each camera. ``script``: what is raised instead, in order; then ``otherwise``."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], str] = {}
        self.asked: list[tuple[CameraId, datetime, datetime, str, datetime]] = []
        self.script: list[Exception | None] = []
        self.otherwise: Exception | None = None
        self.hold: asyncio.Event | None = None

    async def clip(self, camera: CameraId, since: datetime, until: datetime, title: str, at: datetime) -> str:
        self.asked.append((camera, since, until, title, at))
        if self.hold is not None:
            await self.hold.wait()
        failure = self.script.pop(0) if self.script else self.otherwise
        if failure is not None:
            raise failure
        return self.made.setdefault((camera, title), f"clip {len(self.made) + 1}")


def site_with(cloud: dict[str, Any] | None = None, *, hook: dict[str, Any] | None = None) -> Site:
    """A site with two cameras in a VMS that may make clips, and one in another."""
    settings = {
        name: Settings(type="any", clip=ClipSettings.model_validate(said) if said is not None else None)
        for name, said in {"cloud": cloud, "hook": hook}.items()
    }
    where = {GATE: "cloud", WIDE: "cloud", HOOKED: "hook"}
    return msgspec.structs.replace(
        site_of(),
        vms={VmsId(name): Vms(VmsId(name), each) for name, each in settings.items()},
        cameras={
            camera: Camera(camera, VmsId(vms), CameraSettings(vms=vms, name=camera)) for camera, vms in where.items()
        },
    )


class Scene:
    """``targets`` may be changed by the test. ``raised`` events are undelivered until ``settle``."""

    def __init__(self, journal: SqliteJournal, clock: Clock, site: Site, vms: FakeVms) -> None:
        self.journal = journal
        self.clock = clock
        self.site = site
        self.vms = vms
        self.targets: dict[VmsId, Any] = {CLOUD: vms, VmsId("hook"): object()}
        self.stream = Stream(journal)
        self.room = ClipRoom(site, journal, self.stream, lambda: self.targets, clock)
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """And wait until it follows the events."""
        self._running = asyncio.create_task(self.room.run())
        await self.until(self.follows)

    async def follows(self) -> bool:
        kept = await self.journal.position("clips")
        return kept is not None and bool(kept.value)

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
            self._running = None

    def replace(self, site: Site) -> None:
        self.site = site
        self.room.replace(site)

    async def raised(self, **more: Any) -> SensorEvent:
        """An event, committed: an alarm of now on the two cameras unless said otherwise."""
        event = more.pop("event", {})
        given = {"urgency": Urgency.ALARM, "cameras": (GATE, WIDE), "at": self.clock.now(), **more}
        made = decision(**given)
        if event:
            made = msgspec.structs.replace(made, events=(msgspec.structs.replace(made.events[0], **event),))
        await self.commit(made)
        return made.events[0]

    async def commit(self, made: Decision) -> None:
        await self.journal.commit(made)
        self.stream.decided(made)

    async def settle(self, count: int = 2, outcome: Outcome | None = None, vms: str = CLOUD) -> None:
        """Deliver what waits for a VMS."""
        for _ in range(count):
            async with asyncio.timeout(BOUND):
                heads = await self.journal.claim(self.journal.lease, VmsId(vms), Urgency.NOTICE, self.clock.now(), 1)
                for head in heads:
                    await self.journal.settle(head, outcome or Delivered("900001"), self.clock.now(), False)

    async def clips(self, event: SensorEvent) -> dict[str, ClipRecord]:
        return {each.camera: each for each in await self.journal.clips.of(event.id)}

    async def until(self, so: Callable[[], Any]) -> None:
        async with asyncio.timeout(BOUND):
            while not await so():
                await asyncio.sleep(0.002)

    async def until_counted(self, **counts: int) -> None:
        """``made=2``; ``gave_up``."""
        wanted = {name.replace("_", " "): count for name, count in counts.items()}

        async def counted() -> bool:
            found = await self.journal.clips.counts()
            return all(found[name] == count for name, count in wanted.items())

        await self.until(counted)


async def opened(folder: Path, clock: Clock, **more: Any) -> SqliteJournal:
    return await SqliteJournal.open(folder, site=SITE, node="here", clock=clock, **more)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = Clock()
    journal = await opened(tmp_path / "journal", clock)
    made = Scene(journal, clock, site_with({"before": "10 s", "after": "30 s"}), FakeVms())
    yield made
    await made.stop()
    await journal.close()

"""Wherever the process is killed: after the restart each wanted event has one clip in the VMS and one record of it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from bridge.journal.clips import ClipState
from bridge.journal.contract import EventRecord, Query
from bridge.model import DeliveryState
from bridge.vms.clip import clip_title
from tests.clips.conftest import Clock, FakeVms, Scene, opened, site_with

SITE = site_with({"before": "10 s", "after": "5 s"})
EVENTS = 6


class Cuts:
    """At each commit a copy of the journal as it is on the disk, and of the clips that the VMS had made by then."""

    def __init__(self, journal: Path, into: Path, vms: FakeVms) -> None:
        self._journal = journal
        self._into = into
        self._vms = vms
        self.taken: list[tuple[Path, dict[tuple[str, str], str]]] = []
        self.on = False

    def before_commit(self) -> None:
        if self.on:
            place = self._into / f"cut-{len(self.taken)}"
            shutil.copytree(self._journal, place, ignore=shutil.ignore_patterns("*.lock", "lock", "*.sock"))
            self.taken.append((place, dict(self._vms.made)))


async def one_life(folder: Path, into: Path) -> Cuts:
    """Events raised, delivered and clipped, with a commit around every step."""
    clock, vms = Clock(), FakeVms()
    cuts = Cuts(folder, into, vms)
    journal = await opened(folder, clock, before_commit=cuts.before_commit)
    scene = Scene(journal, clock, SITE, vms)
    await scene.start()
    cuts.on = True
    for number in range(EVENTS):
        await scene.raised()
        await scene.settle()
        clock.ahead += 10 * (number % 2)  # some are due while others are raised
    clock.ahead += 10
    await scene.until_counted(made=2 * EVENTS)
    cuts.on = False
    await scene.stop()
    await journal.close()
    return cuts


async def next_life(folder: Path, made: dict[tuple[str, str], str]) -> tuple[int, FakeVms]:
    """The bridge starts on what the cut left; how many events there are, and what the VMS has in the end."""
    clock, vms = Clock(ahead=1000.0), FakeVms()
    vms.made = dict(made)
    journal = await opened(folder, clock)
    scene = Scene(journal, clock, SITE, vms)
    events = [each.event async for each in journal.read(Query(what="events")) if isinstance(each, EventRecord)]
    open_states = (DeliveryState.PENDING, DeliveryState.BEGUN)
    waiting = [each async for each in journal.read(Query(what="deliveries", states=open_states))]
    await scene.start()
    await scene.settle(len(waiting))
    await scene.until_counted(made=2 * len(events), waiting=0)
    for event in events:
        for camera, clip in (await scene.clips(event)).items():
            assert clip.state is ClipState.MADE
            assert clip.remote_id == vms.made[camera, clip_title(event)]
    assert len(vms.made) == 2 * len(events), "one for each event and camera"
    await scene.stop()
    await journal.close()
    return len(events), vms


async def test_every_event_has_one_clip_wherever_the_process_was_killed(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        cuts = await one_life(tmp_path / "journal", tmp_path)
        assert len(cuts.taken) > 4 * EVENTS
        seen = set()
        for folder, made in cuts.taken:
            events, _ = await next_life(folder, made)
            seen.add((events, len(made)))
            shutil.rmtree(folder)
    assert len(seen) > EVENTS, "cuts between the steps, not only before and after all of them"

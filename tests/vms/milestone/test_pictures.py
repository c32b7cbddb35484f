"""Pictures on their way from the journal: for a VMS that takes them, and never at the cost of the event."""

from __future__ import annotations

import asyncio
from base64 import b64decode

import pytest

from bridge.clock import SystemClock
from bridge.delivery.dispatch import Deliveries
from bridge.journal.contract import JournalError, LaneHead
from bridge.model import DeliveryState, Media, MediaId, Outcome, VmsId
from bridge.simulator.milestone import SimulatedMilestone
from bridge.supervision import Conditions
from bridge.vms.base import VmsSettings, VmsTarget
from tests.delivery.memory_journal import MemoryJournal
from tests.vms.conftest import BOUND, Vault, event
from tests.vms.milestone.conftest import DOOR, Made

DEPOT = VmsId("depot")
JPEG = b"\xff\xd8\xff\xe0 a picture"
PICTURES = (Media(MediaId("kept"), "image/jpeg", len(JPEG)), Media(MediaId("gone"), "image/jpeg", 9))


class Journal(MemoryJournal):
    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.asked: list[MediaId] = []

    async def media(self, media: MediaId) -> bytes:
        self.asked.append(media)
        if media != "kept":
            raise JournalError(f"picture {media} is older than its retention")
        return JPEG


class Ended:
    def __init__(self) -> None:
        self.news = asyncio.Event()

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        self.news.set()


async def delivered(target: VmsTarget) -> Journal:
    journal, ended, clock = Journal(), Ended(), SystemClock()
    settings = VmsSettings(type="any")
    row = journal.add(event(media=PICTURES, occurred_at=clock.now().utc), DOOR, DEPOT)
    room = Deliveries(
        journal,  # type: ignore[arg-type]  # only its lanes
        journal.lease,
        {DEPOT: target},
        {DEPOT: settings},
        Vault(xprotect="first pass"),
        clock,
        Conditions(clock),
        ended,
    )
    task = asyncio.get_running_loop().create_task(room.run())
    try:
        await asyncio.wait_for(ended.news.wait(), BOUND)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert row.state is DeliveryState.DELIVERED
    return journal


async def test_pictures_that_are_kept_go_with_their_event(xprotect: SimulatedMilestone, made: Made) -> None:
    journal = await delivered(made())
    assert journal.asked == ["kept", "gone"]
    (raised,) = xprotect.state.events
    assert raised.analytics is not None
    assert [b64decode(each) for each in raised.analytics.pictures] == [JPEG]
    assert '"id":"gone"' in raised.analytics.values["Vendor/CustomData"]


@pytest.mark.parametrize(("way", "more"), [("alarms", {}), ("analytics", {"pictures": False})])
async def test_where_none_are_taken_none_are_read(made: Made, way: str, more: dict[str, bool]) -> None:
    assert (await delivered(made(way, **more))).asked == []

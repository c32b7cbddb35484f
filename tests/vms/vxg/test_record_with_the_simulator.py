"""VXG's own record and the simulated cloud, which were written apart from the same reference."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bridge.model import Delivered
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.picture import JPEG
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.vxg.media import video
from bridge.vms.clip import around
from bridge.vms.recorded import Away, CannotTell, Held, MediaKind, Query, Recorded
from bridge.vms.vxg import VxgTarget
from tests.vms.conftest import BOUND, event, sent
from tests.vms.vxg.conftest import GATE, delivery
from tests.vms.vxg.test_with_the_simulator import Ours, cloud, ours

__all__ = ["cloud", "ours"]

AT = datetime(2026, 2, 3, 10, 15, 30, 250000, UTC)


async def raised(target: VxgTarget, number: int = 1, **more: object) -> Recorded:
    told = event(id=f"0197c3-{number}.0", occurred_at=AT + timedelta(seconds=number), **more)
    outcome = await sent(target, delivery(told))
    assert isinstance(outcome, Delivered)
    found = await target.recorded_as(GATE, outcome.remote_id)
    assert found is not None
    return found


def query(**more: object) -> Query:
    return Query(cameras=(GATE,), since=AT - timedelta(hours=1), until=AT + timedelta(hours=1), **more)  # type: ignore[arg-type]


async def bytes_of(target: VxgTarget, held: Held) -> bytes:
    return b"".join([piece async for piece in target.fetch(GATE, held)])


async def test_events_are_found_again_over_all_pages_the_newest_first(ours: Ours) -> None:
    target, _ = ours
    for number in range(1, 231):
        await raised(target, number, fields={"plate": f"P{number}", "lane": str(number % 2)})
    found = [each.event async for each in target.recorded(query(most=1000))]
    assert found == [f"0197c3-{number}.0" for number in range(230, 0, -1)]
    assert len([each async for each in target.recorded(query(tag="lane", value="1", most=1000))]) == 115
    assert [each.event async for each in target.recorded(query(tag="plate", value="P77"))] == ["0197c3-77.0"]
    assert [each async for each in target.recorded(query(sensor="another"))] == []


async def test_an_event_is_there_as_it_was_told_after_amendments_too(ours: Ours) -> None:
    target, _ = ours
    first = event(fields={"plate": "1AB"}, detail=b'{"p":"%b"}' % (b"x" * 5000))
    better = event(revision=1, fields={"plate": "1AB2345"}, changes=("plate",), title="Better")
    outcome = await sent(target, delivery(first))
    assert isinstance(outcome, Delivered)
    from bridge.model import Action

    await sent(target, delivery(better, action=Action.AMEND, remote_id=outcome.remote_id))
    found = await target.recorded_as(GATE, outcome.remote_id)
    assert found is not None
    assert found.tags == target.told(GATE, [first, better])


async def test_pictures_and_video_of_an_event_are_fetched(cloud: SimulatedVxg, ours: Ours) -> None:
    target, _ = ours
    cloud.cloud.event_images, cloud.cloud.video_bytes = True, 3 * 2**20
    held = await target.held(await raised(target), 10.0, 30.0)
    kinds = [each.kind.value for each in held]
    assert (kinds.count("picture"), kinds.count("video")) == (1 + 4, 3)
    assert await bytes_of(target, held[0]) == JPEG
    got = await bytes_of(target, held[-1])
    assert len(got) == 3 * 2**20
    assert got == video(cloud.cloud, held[-1].reference.partition("/media/")[2].partition("?")[0])


async def test_a_link_that_was_changed_opens_nothing(cloud: SimulatedVxg, ours: Ours) -> None:
    target, _ = ours
    held = (await target.held(await raised(target), 10.0, 30.0))[-1]
    other = Held(kind=MediaKind.VIDEO, name="video", reference=held.reference.replace("ticket=", "ticket=9"))
    with pytest.raises(CannotTell, match="links run out"):
        await bytes_of(target, other)


async def test_a_clip_is_made_once_though_the_answer_was_lost_and_fetched_when_it_is_done(
    cloud: SimulatedVxg, ours: Ours
) -> None:
    target, _ = ours
    cloud.cloud.clip_takes = 0.05
    there = await raised(target)
    assert there.at is not None
    cloud.faults.add(Fault(kind=Kind.CUT_AFTER, path="/api/v4/clips/", method="POST", next=1))
    with pytest.raises(Away):
        await target.clip(GATE, *around(there.at, 10.0, 30.0), "door [0197c3-1.0]", there.at)
    made = await target.clip(GATE, *around(there.at, 10.0, 30.0), "door [0197c3-1.0]", there.at)
    assert [str(clip.id) for clip in cloud.cloud.clips.values()] == [made]
    async with asyncio.timeout(BOUND):
        while True:
            (clip,) = [each for each in await target.held(there, 10.0, 30.0) if each.kind is MediaKind.CLIP]
            if not clip.pending:
                break
            await asyncio.sleep(0.01)
    assert clip.remote_id == made
    assert len(await bytes_of(target, clip)) == clip.size == cloud.cloud.video_bytes


async def test_where_nothing_was_recorded_nothing_is_held_and_a_clip_fails(cloud: SimulatedVxg, ours: Ours) -> None:
    target, _ = ours
    cloud.cloud.clip_takes = 0.0
    there = await raised(target)
    assert there.at is not None
    cloud.cloud.gaps = [(AT - timedelta(minutes=2), AT + timedelta(minutes=2))]
    made = await target.clip(GATE, *around(there.at, 10.0, 30.0), "t", there.at)
    assert [(each.remote_id, each.without, each.pending) for each in await target.held(there, 10.0, 30.0)] == [
        (made, "VXG failed to make it", False)
    ]
    assert await target.clip(GATE, *around(there.at, 10.0, 30.0), "t", there.at) != made, "a failed one is no clip"

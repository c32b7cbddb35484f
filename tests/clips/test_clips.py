"""A clip around an event: after its delivery, after what it shows, durable, and never in the event's way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from bridge.clips.making import MOST_AT_ONCE, MOST_TRIES
from bridge.config.site import Site
from bridge.journal.clips import ClipState
from bridge.model import Rejected, State, Urgency, VmsId
from bridge.vms.base import VmsTarget
from bridge.vms.clip import ClipSettings, around, clip_title
from bridge.vms.recorded import Away, CannotTell, Refused
from tests.clips.conftest import GATE, HOOKED, WIDE, Clock, FakeVms, Scene, opened, site_with
from tests.journal.making import decision


async def test_a_delivered_event_gets_its_clip_once_what_it_shows_is_over(scene: Scene) -> None:
    await scene.start()
    event = await scene.raised()
    await scene.settle()
    await scene.until_counted(waiting=2)
    assert scene.vms.asked == [], "its 30 seconds are not over"
    scene.clock.ahead += 31
    await scene.until_counted(made=2)
    since, until = around(event.occurred_at, 10.0, 30.0)
    assert {each[0] for each in scene.vms.asked} == {GATE, WIDE}
    assert scene.vms.asked[0][1:] == (since, until, clip_title(event), event.occurred_at)
    found = (await scene.clips(event))[GATE]
    assert (found.state, found.remote_id, found.tries, found.why) == (
        ClipState.MADE,
        scene.vms.made[GATE, found.title],
        1,
        "",
    )


async def test_none_is_asked_for_as_long_as_the_event_is_not_delivered(scene: Scene) -> None:
    await scene.start()
    event = await scene.raised()
    await scene.until_counted(waiting=2)
    scene.clock.ahead += 3600

    async def looked() -> bool:
        return all(each.why == "the event is not delivered yet" for each in (await scene.clips(event)).values())

    await scene.until(looked)
    assert scene.vms.asked == []
    assert (await scene.clips(event))[GATE].tries == 0
    await scene.settle()
    scene.clock.ahead += 3600
    await scene.until_counted(made=2)


async def test_an_event_the_vms_refused_gets_none(scene: Scene) -> None:
    await scene.start()
    event = await scene.raised()
    await scene.settle(outcome=Rejected("400: title too long"))
    scene.clock.ahead += 31
    await scene.until_counted(gave_up=2)
    assert (await scene.clips(event))[GATE].why == "the event was not delivered (dead: 400: title too long)"
    assert scene.vms.asked == []


@pytest.mark.parametrize(
    ("settings", "event", "wanted"),
    [
        ({}, {"urgency": Urgency.ALARM}, True),
        ({}, {"urgency": Urgency.FAULT}, False),
        ({"urgency": "fault"}, {"urgency": Urgency.FAULT}, True),
        ({"urgency": "fault"}, {"urgency": Urgency.NOTICE}, False),
        ({"urgency": "notice"}, {"urgency": Urgency.NOTICE}, True),
        ({"kinds": ["door"]}, {"urgency": Urgency.ALARM}, False),
        ({"kinds": ["door", "lpr"]}, {"urgency": Urgency.ALARM}, True),
        ({}, {"urgency": Urgency.ALARM, "state": State.RESTORED}, False),
        ({}, {"urgency": Urgency.ALARM, "state": State.ACTIVE}, True),
    ],
)
def test_which_events_get_one(settings: dict[str, object], event: dict[str, object], wanted: bool) -> None:
    made = msgspec.structs.replace(decision().events[0], **event)
    assert ClipSettings.model_validate(settings).wanted(made) is wanted


async def test_an_amendment_that_makes_its_event_an_alarm_gets_one_and_never_a_second(scene: Scene) -> None:
    await scene.start()
    event = await scene.raised(urgency=Urgency.NOTICE)
    await scene.settle()
    await scene.commit(decision(amends=event, urgency=Urgency.ALARM, cameras=(GATE, WIDE)))
    await scene.settle()
    await scene.until_counted(waiting=2)
    again = msgspec.structs.replace(event, revision=1)
    await scene.commit(decision(amends=again, urgency=Urgency.ALARM, cameras=(GATE, WIDE)))
    await scene.settle()
    scene.clock.ahead += 31
    await scene.until_counted(made=2, waiting=0)
    assert len(scene.vms.asked) == 2


async def test_a_vms_that_cannot_make_clips_says_so_in_the_record(scene: Scene) -> None:
    scene.replace(site_with(None, hook={"after": "0 s"}))
    await scene.start()
    event = await scene.raised(cameras=(HOOKED,), vms="hook")
    await scene.settle(1, vms="hook")
    await scene.until_counted(gave_up=1)
    assert (await scene.clips(event))[HOOKED].why == "VMS hook cannot make clips"


async def test_a_camera_that_left_the_site_is_given_up(scene: Scene) -> None:
    await scene.start()
    event = await scene.raised()
    await scene.settle()
    await scene.until_counted(waiting=2)
    scene.replace(msgspec.structs.replace(scene.site, cameras={WIDE: scene.site.cameras[WIDE]}))
    scene.clock.ahead += 31
    await scene.until_counted(gave_up=1, made=1)
    assert (await scene.clips(event))[GATE].why == "the camera is no longer in the site"


# ---------------------------------------------------------------------------------------------------------------- tries


async def test_what_failed_is_tried_again_later_and_not_forever(scene: Scene) -> None:
    scene.vms.otherwise = CannotTell("the token is refused")
    await scene.start()
    event = await scene.raised(cameras=(GATE,))
    await scene.settle(1)
    for tries in range(1, MOST_TRIES + 1):
        scene.clock.ahead += 4000

        async def tried(tries: int = tries) -> bool:
            return [each.tries for each in (await scene.clips(event)).values()] == [tries]

        await scene.until(tried)
    found = (await scene.clips(event))[GATE]
    assert (found.state, found.why) == (ClipState.GAVE_UP, f"after {MOST_TRIES} tries: the token is refused")
    scene.clock.ahead += 100_000
    await scene.until_counted(gave_up=1)
    assert len(scene.vms.asked) == MOST_TRIES


async def test_what_is_refused_for_what_it_is_is_given_up_at_once(scene: Scene) -> None:
    scene.vms.script = [Refused("VXG refused it (400: end)")]
    await scene.start()
    event = await scene.raised()
    await scene.settle()
    scene.clock.ahead += 31
    await scene.until_counted(gave_up=1, made=1)
    (given_up,) = [each for each in (await scene.clips(event)).values() if each.state is ClipState.GAVE_UP]
    assert (given_up.why, given_up.tries) == ("VXG refused it (400: end)", 1)


async def test_a_vms_that_does_not_answer_is_asked_once_a_round_and_not_for_every_clip(scene: Scene) -> None:
    scene.vms.otherwise = Away("no answer within 10 s")
    await scene.start()
    for _ in range(MOST_AT_ONCE // 2):
        await scene.raised()
        await scene.settle()
    await scene.until_counted(waiting=MOST_AT_ONCE)
    scene.clock.ahead += 31

    async def all_tried() -> bool:
        return not await scene.journal.clips.waiting(scene.clock.now().utc, 1)

    await scene.until(all_tried)
    assert len(scene.vms.asked) <= 3
    scene.vms.otherwise = None
    scene.clock.ahead += 4000
    await scene.until_counted(made=MOST_AT_ONCE)


async def test_a_vms_that_hangs_holds_up_neither_another_nor_any_event(scene: Scene) -> None:
    other = FakeVms()
    scene.targets[VmsId("hook")] = other
    scene.replace(site_with({"after": "0 s"}, hook={"after": "0 s"}))
    scene.vms.hold = asyncio.Event()
    await scene.start()
    await scene.raised(cameras=(GATE,))
    await scene.raised(cameras=(HOOKED,), vms="hook")
    await scene.settle(1)
    await scene.settle(1, vms="hook")
    scene.clock.ahead += 1
    await scene.until_counted(made=1)
    assert len(other.made) == 1
    await scene.raised(cameras=(GATE,))
    await scene.settle(1)  # delivered while the clip of the one before it hangs
    scene.vms.hold.set()
    scene.clock.ahead += 60
    await scene.until_counted(made=3)


async def test_a_round_that_fails_is_said_and_the_next_one_goes_on(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, failures = scene.room._making.round, [RuntimeError("a fault of ours")]

    async def round(site: Site, targets: Mapping[VmsId, VmsTarget]) -> bool:
        if failures:
            raise failures.pop()
        return await whole(site, targets)

    monkeypatch.setattr(scene.room._making, "round", round)
    await scene.start()
    await scene.raised()
    await scene.settle()
    scene.clock.ahead += 31
    await scene.until_counted(made=2)
    assert "clips failed" in caplog.text


# ------------------------------------------------------------------------------------------------------ what is wanted


async def test_clips_begin_with_the_events_that_come_after_they_were_wanted(scene: Scene) -> None:
    await scene.raised()
    await scene.start()
    event = await scene.raised()
    await scene.until_counted(waiting=2)
    assert len(await scene.clips(event)) == 2


async def test_no_longer_wanted_and_wanted_again_makes_none_of_the_time_between(scene: Scene) -> None:
    await scene.start()
    await scene.raised()
    await scene.until_counted(waiting=2)
    scene.replace(site_with(None))

    async def forgotten() -> bool:
        kept = await scene.journal.position("clips")
        return kept is not None and not kept.value

    await scene.until(forgotten)
    between = await scene.raised()
    scene.replace(site_with({}))
    await scene.until(scene.follows)
    after = await scene.raised()
    await scene.until_counted(waiting=4)
    assert not await scene.clips(between)
    assert len(await scene.clips(after)) == 2


async def test_a_site_without_clips_keeps_nothing_and_wakes_nobody(tmp_path: Path) -> None:
    clock = Clock()
    journal = await opened(tmp_path / "journal", clock)
    made = Scene(journal, clock, site_with(None), FakeVms())
    running = asyncio.create_task(made.room.run())
    await made.raised()
    await made.settle()
    assert await journal.position("clips") is None
    assert await journal.clips.counts() == {"waiting": 0, "made": 0, "gave up": 0}
    running.cancel()
    await asyncio.wait([running])
    await journal.close()


# ----------------------------------------------------------------------------------------------------------- durability


async def test_a_restart_goes_on_with_what_waits_and_with_what_was_not_gone_through(tmp_path: Path) -> None:
    site: Site = site_with({"after": "30 s"})
    clock, vms = Clock(), FakeVms()
    journal = await opened(tmp_path / "journal", clock)
    before = Scene(journal, clock, site, vms)
    await before.start()
    waits = await before.raised()
    await before.settle()
    await before.until_counted(waiting=2)
    await before.stop()
    unseen = await before.raised()
    await before.settle()
    await journal.close()
    clock.ahead += 31
    journal = await opened(tmp_path / "journal", clock)
    after = Scene(journal, clock, site, vms)
    await after.start()
    await after.until_counted(made=4)
    assert {each[3] for each in vms.asked} == {clip_title(waits), clip_title(unseen)}
    await after.stop()
    await journal.close()


async def test_events_that_are_gone_through_again_leave_their_clips_as_they_are(scene: Scene) -> None:
    """The position is written now and then only."""
    await scene.start()
    kept = await scene.journal.position("clips")
    assert kept is not None
    event = await scene.raised()
    await scene.settle()
    scene.clock.ahead += 31
    await scene.until_counted(made=2)
    before = await scene.clips(event)
    await scene.stop()
    await scene.journal.keep(kept)
    await scene.start()
    await scene.raised()
    await scene.until_counted(made=2, waiting=2)
    assert await scene.clips(event) == before
    assert len(scene.vms.asked) == 2


async def test_a_clip_goes_with_its_event_when_that_is_no_longer_kept(scene: Scene) -> None:
    await scene.start()
    old = await scene.raised()
    await scene.settle()
    young = await scene.raised(at=msgspec.structs.replace(scene.clock.now(), utc=scene.clock.now().utc + timedelta(60)))
    await scene.settle()
    await scene.until_counted(waiting=4)
    await scene.journal.purge(scene.clock.now().utc.timestamp() + 86400.0)
    assert await scene.clips(old) == {}
    assert len(await scene.clips(young)) == 2


async def test_after_a_gap_it_goes_on_with_what_comes_now(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A journal put back from a backup: its positions mean nothing any more, and what is old gets no clips now."""
    clock = Clock()
    journal = await opened(tmp_path / "journal", clock)
    scene = Scene(journal, clock, site_with({}), FakeVms())
    old = await scene.raised()
    from bridge.model import Position

    await journal.keep(Position("clips", "deadbeef-00000000000001"))
    await scene.start()

    async def told() -> bool:
        return "it goes on with what comes now" in caplog.text

    await scene.until(told)
    new = await scene.raised()
    await scene.until_counted(waiting=2)
    assert await scene.clips(old) == {}
    assert len(await scene.clips(new)) == 2
    await scene.stop()
    await journal.close()


def test_a_title_is_short_and_has_the_events_id() -> None:
    event = msgspec.structs.replace(decision().events[0], title="x" * 500)
    title = clip_title(event)
    assert title.endswith(f"… [{event.id}]")
    assert len(title) < 160


async def test_a_fault_of_one_target_gives_its_clip_up_in_the_end_and_disturbs_no_other(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes first in every round: if it ended the round, others would be asked for again and again."""
    faulty = FakeVms()
    faulty.otherwise = KeyError("id")
    scene.replace(site_with({"after": "0 s"}, hook={"after": "0 s"}))
    scene.targets[VmsId("hook")] = faulty
    scene.vms.hold = asyncio.Event()
    await scene.start()
    await scene.raised(cameras=(HOOKED,), vms="hook")
    await scene.raised()
    await scene.settle()
    await scene.settle(1, vms="hook")
    scene.clock.ahead += 60

    async def both_are_asked() -> bool:
        return bool(faulty.asked and scene.vms.asked)

    async def given_up() -> bool:
        scene.clock.ahead += 600
        return (await scene.journal.clips.counts())["gave up"] == 1

    await scene.until(both_are_asked)
    scene.vms.hold.set()
    await scene.until_counted(made=2)
    assert len(scene.vms.asked) == 2
    await scene.until(given_up)
    assert len(faulty.asked) == MOST_TRIES
    assert "could not be asked for" in caplog.text

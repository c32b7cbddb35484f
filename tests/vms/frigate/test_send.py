"""The steps against a Frigate that behaves as the reference tells."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
import pytest

from bridge.model import (
    Absent,
    Action,
    Ambiguous,
    Blocked,
    Delivered,
    EventId,
    Found,
    Rejected,
    Retry,
    State,
    Unanswered,
)
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.frigate import SimulatedFrigate
from bridge.simulator.frigate.events import Created
from bridge.simulator.http_server import Answer, Asked
from bridge.vms.base import Request
from tests.vms.conftest import event, sent
from tests.vms.frigate.conftest import DOCK, GONE, Made, asked, delivery


def create(frigate: SimulatedFrigate, count: int, label: str = "access_denied", sub_label: str = "other") -> None:
    for _ in range(count):
        frigate.table.create("loading_dock", label, Created(sub_label=sub_label))


async def test_an_event_has_its_label_its_text_its_score_and_its_end(frigate: SimulatedFrigate, made: Made) -> None:
    outcome = await sent(made(duration="20 s"), delivery())
    (there,) = frigate.events
    assert outcome == Delivered(there.id)
    assert (there.camera, there.label, there.sub_label) == (
        "loading_dock",
        "access_denied",
        "Access denied [0197c3-1.0]",
    )
    assert there.data["score"] == 0.6
    assert there.end_time is not None
    assert there.description.endswith('detail: {"vendor":"acme","card":"00931","reason":"expired"}')


async def test_a_description_waits_until_the_event_is_in_the_database(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.table.delay = 0.2
    assert isinstance(await sent(made(), delivery()), Delivered)
    assert frigate.events[0].description
    assert asked(frigate, "/description") > 1
    assert asked(frigate, "/create") == 1


async def test_an_event_that_never_comes_into_the_database_is_created_again(
    frigate: SimulatedFrigate, made: Made
) -> None:
    frigate.table.delay = 3600.0
    ours = made(visible_within="100 ms")
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Ambiguous)
    assert not outcome.away
    assert await ours.find(delivery()) == Absent()
    frigate.table.delay = 0.0
    assert await sent(ours, delivery()) == Delivered(frigate.events[1].id)


async def test_a_version_without_descriptions_has_the_sub_label_and_says_so(
    frigate: SimulatedFrigate, made: Made
) -> None:
    frigate.api.describes = False
    outcome = await sent(made(visible_within="100 ms"), delivery())
    assert outcome == Delivered(frigate.events[0].id, note="Frigate does not take the description (404)")


async def test_the_id_is_taken_out_again_when_the_description_stands(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made(id_in_sub_label=False)
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert frigate.events[0].sub_label == "Access denied"
    assert await ours.find(delivery()) == Found(frigate.events[0].id)


async def test_a_sub_label_that_fails_is_gone_on_with(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made(id_in_sub_label=False)
    frigate.faults.add(Fault(kind=Kind.CUT_BEFORE, path="sub_label", next=1))
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    assert await ours.find(delivery()) == Found(frigate.events[0].id)
    assert len(frigate.events) == 1


# ----------------------------------------------------------------------------------------------------------- going on


@pytest.mark.parametrize("kind", [Kind.CUT_BEFORE, Kind.CUT_AFTER, Kind.SERVER_ERROR, Kind.UNAVAILABLE, Kind.THROTTLED])
async def test_a_description_that_fails_is_gone_on_with_and_no_second_event_created(
    frigate: SimulatedFrigate, made: Made, kind: Kind
) -> None:
    ours = made()
    frigate.faults.add(Fault(kind=kind, path="description", next=1))
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    found = await ours.find(delivery())
    assert isinstance(found, Found if kind is Kind.CUT_AFTER else Absent)
    if found == Absent():
        assert await sent(ours, delivery()) == Delivered(frigate.events[0].id)
    assert len(frigate.events) == 1
    assert "bridge_event: 0197c3-1.0" in frigate.events[0].description


async def test_after_a_restart_what_was_created_is_found_by_its_sub_label(
    frigate: SimulatedFrigate, made: Made
) -> None:
    """Killed between the event and its description."""
    first = made()
    await first.send(first.render(delivery())[0])
    assert frigate.events[0].description == ""
    second = made()
    assert await second.find(delivery()) == Absent()
    assert await sent(second, delivery()) == Delivered(frigate.events[0].id)
    assert len(frigate.events) == 1


async def test_an_event_whose_answer_was_lost_is_found_and_described(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    frigate.faults.add(Fault(kind=Kind.CUT_AFTER, path="/create", next=1))
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    assert await ours.find(delivery()) == Absent()
    assert await sent(ours, delivery(possible_duplicate=True)) == Delivered(frigate.events[0].id)
    assert len(frigate.events) == 1
    assert await ours.find(delivery()) == Found(frigate.events[0].id)


async def test_a_description_that_always_fails_does_not_hold_the_others(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.faults.add(Fault(kind=Kind.SERVER_ERROR, path="description"))
    ours = made()
    outcomes = [await sent(ours, delivery()) for _ in range(3)]
    assert [type(each) for each in outcomes] == [Ambiguous, Ambiguous, Delivered]
    assert outcomes[-1].note == "Frigate does not take the description (500)"  # type: ignore[union-attr]
    assert len(frigate.events) == 1


async def test_a_description_written_over_by_frigate_itself_is_known_by_the_sub_label(
    frigate: SimulatedFrigate, made: Made
) -> None:
    """Its generated descriptions."""
    ours = made()
    await sent(ours, delivery())
    frigate.events[0].data["description"] = "A door with a man before it."
    assert await ours.find(delivery()) == Absent()
    assert await sent(ours, delivery()) == Delivered(frigate.events[0].id)
    assert len(frigate.events) == 1


# ---------------------------------------------------------------------------------------------------------- searching


async def test_among_many_of_its_label_it_is_found(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    at = datetime.now(UTC)
    told = delivery(event(arrived_at=at, occurred_at=at))
    await sent(ours, told)
    create(frigate, 120)
    assert await ours.find(told) == Found(frigate.events[0].id)
    pages = [each.query for each in frigate.asked if each.path == "/api/events"]
    assert len(pages) == 3
    assert all("labels=access_denied" in each and "cameras=loading_dock" in each for each in pages)


async def test_events_of_one_moment_at_the_edge_of_a_page_are_not_missed(made: Made, frigate: SimulatedFrigate) -> None:
    ours = made()
    now = time.time()
    frigate.table.now = lambda: now
    create(frigate, 1)
    await sent(ours, delivery())
    frigate.table.now = lambda: now + 1
    create(frigate, 49)
    assert isinstance(await ours.find(delivery()), Found)


@pytest.mark.parametrize("micro", [0.2e-6, 0.7e-6])
async def test_a_page_of_one_moment_does_not_end_the_search(
    made: Made, frigate: SimulatedFrigate, micro: float
) -> None:
    """Whether its time is rounded up or down where it is sent."""
    ours = made()
    now = int(time.time()) + 0.123456 + micro
    frigate.table.now = lambda: now - 1
    await sent(ours, delivery())
    frigate.table.now = lambda: now
    create(frigate, 50)
    assert isinstance(await ours.find(delivery()), Found)


async def test_what_another_sensor_said_before_is_not_taken_for_it(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    create(frigate, 1, sub_label="[0197c3-1.0] at the beginning")
    create(frigate, 1, sub_label="Access denied [0197c3-1.01]")
    await sent(ours, delivery(event(id="10197c3-1.0")))
    assert await ours.find(delivery()) == Absent()
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert len(frigate.events) == 4


async def test_an_earlier_revision_is_not_the_later_one(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Delivered)
    later = delivery(event(revision=1), Action.AMEND, remote_id=outcome.remote_id)
    assert await ours.find(later) == Absent()
    assert await sent(ours, later) == Delivered(outcome.remote_id)
    assert await ours.find(later) == Found(outcome.remote_id)


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.CUT_BEFORE, Kind.BAD_GATEWAY, Kind.UNAUTHORIZED])
async def test_a_search_that_is_not_answered_tells_nothing(frigate: SimulatedFrigate, made: Made, kind: Kind) -> None:
    frigate.faults.add(Fault(kind=kind, path="^/api/events$", method="GET"))
    assert isinstance(await made().find(delivery()), Unanswered)
    assert isinstance(await made().find(delivery(camera="elsewhere")), Unanswered)


# ---------------------------------------------------------------------------------------------------------- amendments


async def test_an_amendment_changes_the_event_and_makes_no_other(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Delivered)
    later = event(title="1AB 2345", revision=1, fields={"plate": "1AB2345"})
    assert await sent(ours, delivery(later, Action.AMEND, remote_id=outcome.remote_id)) == outcome
    (there,) = frigate.events
    assert there.sub_label == "1AB 2345 [0197c3-1.0]"
    assert "\nrevision: 1\n" in there.description
    assert "\nplate: 1AB2345\n" in there.description


async def test_an_amendment_of_what_was_deleted_is_refused(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made(visible_within="100 ms")
    gone = delivery(event(revision=1), Action.AMEND, remote_id="1748855647.25-ab12cd")
    assert await sent(ours, gone) == Rejected("the event it amends is no longer there")


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.CUT_AFTER, Kind.UNAVAILABLE])
async def test_an_amendment_that_fails_is_simply_tried_again(frigate: SimulatedFrigate, made: Made, kind: Kind) -> None:
    ours = made()
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Delivered)
    frigate.faults.add(Fault(kind=kind, path="description", next=1))
    later = delivery(event(revision=1), Action.AMEND, remote_id=outcome.remote_id)
    assert isinstance(await sent(ours, later), Retry)
    assert await sent(ours, later) == outcome


# ------------------------------------------------------------------------------------------------------ on, and over


LEAK = {"state": State.ACTIVE, "condition": "leak", "title": "Leak"}


def over(**more: object) -> dict[str, object]:
    now = datetime.now(UTC)
    told = {"id": "2.0", "state": State.RESTORED, "condition": "leak", "closes": EventId("0197c3-1.0"), "title": "Dry"}
    return {**told, "occurred_at": now, "arrived_at": now, **more}


async def test_a_restore_ends_the_open_event_and_is_told_itself(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made(open_ended=True)
    await sent(ours, delivery(event(**LEAK)))
    assert frigate.events[0].end_time is None
    told = over()
    assert await sent(made(open_ended=True), delivery(event(**told))) == Delivered(frigate.events[1].id)
    assert frigate.events[0].end_time == pytest.approx(told["occurred_at"].timestamp(), abs=0.001)  # type: ignore[attr-defined]
    assert frigate.events[1].end_time is not None
    assert "closes: 0197c3-1.0" in frigate.events[1].description


async def test_a_restore_of_before_the_event_ends_it_now(frigate: SimulatedFrigate, made: Made) -> None:
    """A late one, or clocks that differ."""
    ours = made(open_ended=True)
    await sent(ours, delivery(event(**LEAK)))
    assert isinstance(
        await sent(ours, delivery(event(**over(occurred_at=datetime(2020, 1, 1, tzinfo=UTC))))), Delivered
    )
    assert frigate.events[0].end_time == pytest.approx(time.time(), abs=60)


async def test_both_of_an_event_that_is_open_twice_are_ended(frigate: SimulatedFrigate, made: Made) -> None:
    """Created again after a doubt."""
    ours = made(open_ended=True)
    await sent(ours, delivery(event(**LEAK)))
    await sent(ours, delivery(event(**LEAK), possible_duplicate=True))
    assert isinstance(await sent(ours, delivery(event(**over()))), Delivered)
    assert [each.end_time is None for each in frigate.events] == [False, False, False]


async def test_an_open_event_that_was_deleted_meanwhile_holds_nothing(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made(open_ended=True)
    await sent(ours, delivery(event(**LEAK)))
    look, end, *_ = ours.render(delivery(event(**over())))
    assert isinstance(await ours.send(look), Delivered)
    frigate.table.rows.clear()
    assert isinstance(await ours.send(end), Delivered)


async def test_what_is_not_open_needs_no_end(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.table.create("loading_dock", "person", Created(duration=None))
    assert isinstance(await sent(made(open_ended=True), delivery(event(**over()))), Delivered)
    assert asked(frigate, "/end") == 0
    assert frigate.events[0].end_time is None


@pytest.mark.parametrize("path", ["^/api/events$", "/end"])
@pytest.mark.parametrize("kind", [Kind.CUT_AFTER, Kind.SERVER_ERROR])
async def test_an_end_that_fails_is_tried_again_before_anything_is_raised(
    frigate: SimulatedFrigate, made: Made, path: str, kind: Kind
) -> None:
    ours = made(open_ended=True)
    await sent(ours, delivery(event(**LEAK)))
    frigate.faults.add(Fault(kind=kind, path=path, next=1))
    assert isinstance(await sent(ours, delivery(event(**over()))), Retry)
    assert len(frigate.events) == 1
    assert isinstance(await sent(ours, delivery(event(**over()))), Delivered)
    assert frigate.events[0].end_time is not None


# -------------------------------------------------------------------------------------------------------- what is wrong


async def test_a_camera_that_is_not_there_parks_that_camera_alone(frigate: SimulatedFrigate, made: Made) -> None:
    outcome = await sent(made(), delivery(camera=GONE))
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms
    assert "Loading_Dock" in outcome.why


async def test_another_server_parks_the_vms(frigate: SimulatedFrigate, made: Made) -> None:
    outcome = await sent(made(url=f"{frigate.base_url}/elsewhere", user="", password=None), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms


async def test_an_answer_that_is_no_event_is_in_doubt(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    await sent(ours, delivery(event(id="before.0")))
    answers = frigate.api.answer
    frigate.api.answer = lambda asked: Answer(200, b"<html>hello</html>", "text/html")  # type: ignore[method-assign]
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    frigate.api.answer = answers  # type: ignore[method-assign]


@pytest.mark.parametrize("step", ["/description", "/sub_label"])
async def test_a_page_is_no_word_that_something_is_written(frigate: SimulatedFrigate, made: Made, step: str) -> None:
    """The session of a proxy in between ran out: it shows its log-in, under 200."""
    ours, answers = made(id_in_sub_label=False), frigate.api.answer
    page = Answer(200, b"\r\n<!DOCTYPE html><title>Sign in</title>", "text/html")

    def through_a_proxy(asked: Asked) -> Answer:
        return page if asked.path.endswith(step) else answers(asked)

    frigate.api.answer = through_a_proxy  # type: ignore[method-assign]
    raised = await sent(ours, delivery())
    assert isinstance(raised, Ambiguous)
    amended = delivery(event(revision=1), Action.AMEND, remote_id=frigate.events[0].id)
    assert isinstance(await sent(ours, amended), Retry)
    frigate.api.answer = answers  # type: ignore[method-assign]
    assert isinstance(await sent(ours, amended), Delivered)
    assert "revision: 1" in frigate.events[0].description


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.UNAVAILABLE, Kind.BAD_GATEWAY])
async def test_an_error_over_the_event_itself_is_in_doubt(frigate: SimulatedFrigate, made: Made, kind: Kind) -> None:
    frigate.faults.add(Fault(kind=kind, path="/create", next=1))
    outcome = await sent(made(), delivery())
    assert isinstance(outcome, Ambiguous)
    assert outcome.away is (kind is not Kind.SERVER_ERROR)


async def test_a_body_that_is_refused_says_which_part(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    (request, *_) = ours.render(delivery())
    outcome = await ours.send(msgspec.structs.replace(request, body=b'{"duration":"long"}'))
    assert isinstance(outcome, Rejected)
    assert "(422): body" in outcome.why


async def test_a_request_of_another_vms_is_not_sent(frigate: SimulatedFrigate, made: Made) -> None:
    assert isinstance(await made().send(Request(method="GET", url="http://x/", camera=DOCK)), Rejected)

"""What Nx's answers mean, and what is done about them."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.model import (
    Absent,
    Action,
    Ambiguous,
    Blocked,
    Delivered,
    Delivery,
    Found,
    Outcome,
    Rejected,
    Retry,
    Unanswered,
)
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.nx import SimulatedNx
from bridge.simulator.nx.api import Rule
from tests.vms.conftest import Played, Vault, answer, event, said, sent
from tests.vms.nx.conftest import DEVICES, DOCK, GATE, GONE, Made, delivery, target
from tests.vms.time_passes import PATIENCE

BOOKMARKS = r"/bookmarks$"
TOKEN = said(200, {"id": "1", "username": "bridge", "token": "vms-0f-Xy", "ageS": 0, "expiresInS": 3600})


async def outcome_of(vms: Played, *replies: bytes, of: Delivery | None = None, **more: Any) -> Outcome:
    """Of one delivery, after logging in."""
    ours = target(url=f"http://127.0.0.1:{vms.port}", allow_http=True, timeout=PATIENCE, **more)
    try:
        vms.script = [TOKEN, *replies]
        return await sent(ours, of or delivery())
    finally:
        vms.otherwise = answer(200)
        await ours.close()


async def test_a_bookmark_carries_everything_and_is_found(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    outcome = await sent(ours, delivery())
    ((id_, bookmark),) = nx.api.bookmarks.items()
    assert outcome == Delivered(id_)
    assert bookmark["deviceId"] == DEVICES[DOCK]
    assert "card: 00931" in str(bookmark["description"])
    assert await ours.find(delivery()) == Found(id_)
    assert await ours.find(delivery(camera=GATE)) == Absent()
    assert await ours.find(delivery(event(id="another"))) == Absent()
    assert isinstance(await ours.find(delivery(camera=GONE)), Unanswered)


async def test_a_person_who_takes_the_tags_off_hides_nothing(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    await sent(ours, delivery())
    ((id_, bookmark),) = nx.api.bookmarks.items()
    bookmark["tags"] = []
    assert await ours.find(delivery()) == Found(id_)
    bookmark.update(tags=["evt-0197c3-1.0"], description="rewritten")
    assert await ours.find(delivery()) == Found(id_)


async def test_in_a_crowd_it_is_looked_for_by_its_tag(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    for number in range(150):
        await sent(ours, delivery(event(id=f"c{number}")))
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Delivered)
    assert await ours.find(delivery()) == Found(outcome.remote_id)
    assert isinstance(await ours.find(delivery(event(id="not there"))), Unanswered)


async def test_an_amendment_is_in_the_same_bookmark(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Delivered)
    later = delivery(event(revision=1, fields={"card": "2"}), Action.AMEND, remote_id=outcome.remote_id)
    assert await ours.find(later) == Absent()
    assert await sent(ours, later) == outcome
    (bookmark,) = nx.api.bookmarks.values()
    assert "card: 2\n" in str(bookmark["description"])
    assert bookmark["startTimeMs"] == 1770113725250
    assert await ours.find(later) == Found(outcome.remote_id)
    nx.api.bookmarks.clear()
    assert isinstance(await sent(ours, later), Rejected)
    nx.faults.add(Fault(kind=Kind.CUT_AFTER, method="PATCH", next=1))
    assert isinstance(await sent(ours, later), Retry)


async def test_a_generic_event_is_on_its_devices_and_a_rule_takes_it(nx: SimulatedNx, made: Made) -> None:
    nx.api.rules = [Rule(source="Door 17", description="type: access.denied")]
    ours = made(way="event")
    assert await sent(ours, delivery()) == Delivered("")
    (taken,) = nx.api.log
    assert taken["devices"] == [DEVICES[DOCK]]
    assert not ours.can.search
    assert not ours.can.amend
    assert isinstance(await ours.find(delivery()), Unanswered)


async def test_the_event_is_made_once_though_its_bookmark_is_tried_three_times(nx: SimulatedNx, made: Made) -> None:
    ours = made(way="both")
    nx.faults.add(Fault(kind=Kind.THROTTLED, path=BOOKMARKS, next=1))
    nx.faults.add(Fault(kind=Kind.CUT_BEFORE, path=BOOKMARKS, method="POST", next=1))
    assert isinstance(await sent(ours, delivery()), Retry)
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    assert await ours.find(delivery()) == Absent()
    assert isinstance(await sent(ours, delivery(possible_duplicate=True)), Delivered)
    assert len(nx.api.events) == len(nx.api.bookmarks) == 1
    assert isinstance(await sent(ours, delivery(event(revision=0, id="2.0"))), Delivered)
    assert isinstance(await sent(ours, delivery(camera=GATE)), Delivered)
    assert len(nx.api.events) == 3


@pytest.mark.parametrize("marked", [False, True])
async def test_an_event_in_doubt_is_made_again_only_as_a_possible_duplicate(
    nx: SimulatedNx, made: Made, marked: bool
) -> None:
    """Of a notice, whose re-send nobody marks, the bookmark is made all the same."""
    ours = made(way="both")
    nx.faults.add(Fault(kind=Kind.CUT_AFTER, path="/events/generic", next=1))
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    assert await ours.find(delivery()) == Absent()
    assert isinstance(await sent(ours, delivery(possible_duplicate=marked)), Delivered)
    assert len(nx.api.events) == (2 if marked else 1)
    assert len(nx.api.bookmarks) == 1
    if marked:
        assert "possible_duplicate: true" in str(nx.api.events[-1]["description"])


async def test_after_a_restart_nobody_knows_whether_the_event_without_a_bookmark_was_made(
    nx: SimulatedNx, made: Made
) -> None:
    """A generic event cannot be looked up: what is made again says that it may be there twice."""
    nx.faults.add(Fault(kind=Kind.CUT_BEFORE, path=BOOKMARKS, method="POST", next=1))
    assert isinstance(await sent(made(way="both"), delivery()), Ambiguous)
    restarted = made(way="both")
    assert await restarted.find(delivery()) == Absent(surely=False)
    assert await made(way="bookmark").find(delivery()) == Absent()
    assert isinstance(await sent(restarted, delivery(possible_duplicate=True)), Delivered)
    assert len(nx.api.events) == 2
    assert "possible_duplicate: true" in str(nx.api.events[-1]["description"])


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (said(400, {"error": "3", "errorId": "missingParameter", "errorString": "Missing `name`"}), Rejected),
        (said(422, {"error": "2", "errorId": "invalidParameter", "errorString": "Invalid `tags`"}), Rejected),
        (said(403, {"error": "4", "errorString": "Forbidden"}), Blocked),
        (said(404, {"error": "9", "errorString": "Not found"}), Blocked),
        (said(429, {}, "Retry-After: 5"), Retry),
        (answer(500), Ambiguous),
        (answer(503), Ambiguous),
        (answer(307, b"", "Location: https://elsewhere.example/"), Blocked),
        (answer(200, b"<html>log in</html>"), Ambiguous),
        (answer(200), Ambiguous),
    ],
)
async def test_what_a_bookmark_is_answered(vms: Played, reply: bytes, outcome: type[Outcome]) -> None:
    assert isinstance(await outcome_of(vms, reply), outcome)
    assert len([head for head in vms.heads if b"/bookmarks" in head]) == 1


@pytest.mark.parametrize(("number", "outcome"), [("4", Blocked), ("9", Blocked), ("3", Rejected), (0, Delivered)])
async def test_a_generic_event_with_an_error_under_200_is_not_taken(
    vms: Played, number: object, outcome: type[Outcome]
) -> None:
    assert isinstance(await outcome_of(vms, said(200, {"error": number, "errorString": "no"}), way="event"), outcome)


@pytest.mark.parametrize("reply", [answer(200), said(200, {}), answer(204)])
async def test_any_2xx_has_taken_a_generic_event(vms: Played, reply: bytes) -> None:
    assert await outcome_of(vms, reply, way="event") == Delivered()


async def test_a_page_has_not_taken_a_generic_event(vms: Played) -> None:
    assert isinstance(await outcome_of(vms, answer(200, b"<html>log in</html>"), way="event"), Ambiguous)


async def test_a_page_has_not_written_a_bookmark_anew(vms: Played) -> None:
    """Else a correction would be lost behind a proxy that shows its log-in."""
    amended = delivery(event(revision=1), Action.AMEND, remote_id="9b1c_a7e0")
    assert isinstance(await outcome_of(vms, answer(200, b"<html>log in</html>"), of=amended), Ambiguous)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [("0", Delivered), (0, Delivered), ("3", Rejected), ("4", Blocked), ("9", Blocked), ("2", Rejected)],
)
async def test_the_legacy_call_tells_errors_under_200(vms: Played, error: object, outcome: type[Outcome]) -> None:
    reply = said(200, {"error": error, "errorString": "why not", "reply": {}})
    assert isinstance(await outcome_of(vms, reply, way="event", call="createEvent"), outcome)


async def test_what_nx_says_is_repeated_without_tokens(vms: Played) -> None:
    told = "bad vms-0f-Xy and nxcdb-abc\r\nnew line"
    outcome = await outcome_of(vms, said(422, {"errorString": told}))
    assert isinstance(outcome, Rejected)
    assert outcome.why == "Nx refused it (422: bad … and … new line)"


async def test_a_device_that_is_gone_parks_its_camera_alone(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    outcome = await sent(ours, delivery(camera=GONE))
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms
    assert isinstance(await sent(ours, delivery()), Delivered)


async def test_a_camera_taken_out_of_the_site_parks(made: Made) -> None:
    ours = made()
    (request,) = ours.render(delivery())
    ours.cameras = {}
    assert isinstance(await ours.send(request), Blocked)
    assert isinstance(await ours.find(delivery()), Unanswered)


async def test_older_versions_take_what_they_know(nx: SimulatedNx, made: Made) -> None:
    nx.api.newest = 3
    wrong = await sent(made(), delivery())
    assert isinstance(wrong, Blocked)
    assert wrong.whole_vms
    assert "write the api of this version" in wrong.why
    assert isinstance(await sent(made(api="v3", way="both"), delivery()), Delivered)
    assert [each["call"] for each in nx.api.events] == ["createEvent"]
    nx.api.newest = 1
    ours = made(Vault(nx="first pass"), api="v1")
    outcome = await sent(ours, delivery(event(id="2.0")))
    assert isinstance(outcome, Delivered)
    assert "_" not in outcome.remote_id
    assert await ours.find(delivery(event(id="2.0"))) == Found(outcome.remote_id)

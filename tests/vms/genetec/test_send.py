"""What becomes of a request: of each answer, of each silence, and of a delivery that is done in part."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry, State, Unanswered, Urgency
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.genetec import SimulatedGenetec
from bridge.simulator.genetec.directory import Bookmark
from bridge.simulator.genetec.server import ALARM, CAMERAS
from tests.vms.conftest import CUT, OUTWAITED, Played, answer, event, said, sent
from tests.vms.genetec.conftest import BY_NUMBER, DOCK, EVERY_WAY, GATE, GONE, NO_NUMBER, Made, delivery, vault

OLD = said(200, {"rsp": {"status": "fail", "error": {"Code": 7, "Message": "old"}}})
OK = said(200, {"Rsp": {"Status": "Ok"}})
FAIL = said(200, {"Rsp": {"Status": "Fail", "Result": {"SdkErrorCode": "EntityNotFound", "Message": "no such"}}})


def played(made: Made, vms: Played, *script: bytes | str, **more: Any) -> Any:
    vms.script = list(script)
    return made(url=f"http://127.0.0.1:{vms.port}/WebSdk", **more)


# ---------------------------------------------------------------------------------------- the bytes of the reference


async def test_a_custom_event_with_its_message_in_the_path_is_as_the_reference_has_it(made: Made, vms: Played) -> None:
    """Reference, 6, its first example: as far as the message goes."""
    vms.otherwise = OK
    told = event(title="Gas 412 ppm boiler room", fields={}, detail=b"")
    await sent(played(made, vms, ways=["event"], custom_event=5000, message_in="path"), delivery(told))
    (request,) = vms.requests
    line = "POST /WebSdk/events/RaiseCustomEvent/5000/00000001-0000-babe-0000-080023e940c6/"
    assert request.decode().startswith(f"{line}Gas%20412%20ppm%20boiler%20room%20")
    assert b"\r\nAuthorization: Basic YnJpZGdlO0FiQzEyMz09OmZpcnN0IHBhc3M=\r\n" in request
    assert base64.b64decode("YnJpZGdlO0FiQzEyMz09OmZpcnN0IHBhc3M=") == b"bridge;AbC123==:first pass"
    assert request.endswith(b"\r\nAccept: text/json\r\nContent-Length: 0\r\n\r\n")


async def test_a_bookmark_stands_at_the_time_of_its_event(gsc: SimulatedGenetec, made: Made) -> None:
    outcome = await sent(made(), delivery(event(title="Gas 412 ppm")))
    assert outcome == Delivered()
    (bookmark,) = gsc.bookmarks
    assert (bookmark.camera, bookmark.at) == (CAMERAS[0], datetime(2026, 2, 3, 10, 15, 30, 250000, UTC))
    assert bookmark.text.startswith("Gas 412 ppm [0197c3-1.0] Door 17; ")
    assert (gsc.raised, gsc.triggered) == ([], [])


async def test_every_way_in_the_order_that_the_installer_wrote(gsc: SimulatedGenetec, made: Made) -> None:
    ours = made(**{**EVERY_WAY, "ways": ["alarm", "bookmark", "event"]})
    assert await sent(ours, delivery(camera=GATE)) == Delivered()
    assert [type(each).__name__ for each in gsc.directory.made] == ["Triggered", "Bookmark", "Raised"]
    assert [(each.alarm, each.camera) for each in gsc.triggered] == [(ALARM, CAMERAS[1])]
    assert [(each.number, each.entity) for each in gsc.raised] == [(5000, CAMERAS[1])]


async def test_the_first_entry_that_an_event_fits_decides_what_is_sent_of_it(gsc: SimulatedGenetec, made: Made) -> None:
    gsc.directory.custom_events[5001] = ("Fire", "Camera")
    ours = made(
        sends=[
            {"types": ["fire.*"], "urgencies": ["alarm"], "ways": ["event"], "custom_event": 5001},
            {"types": ["fire.*"], "ways": ["bookmark", "alarm"], "alarm": ALARM},
        ]
    )
    told = {"fire.smoke": Urgency.ALARM, "fire.trouble": Urgency.FAULT, "access.denied": Urgency.ALARM}
    for number, (kind, urgency) in enumerate(told.items()):
        await sent(ours, delivery(event(id=f"{number}.0", type=kind, urgency=urgency)))
    assert [type(each).__name__ for each in gsc.directory.made] == ["Raised", "Bookmark", "Triggered", "Bookmark"]
    assert gsc.raised[0].number == 5001


async def test_that_something_is_over_may_be_another_custom_event(gsc: SimulatedGenetec, made: Made) -> None:
    gsc.directory.custom_events[5001] = ("Over", "Camera")
    over = {"states": ["restored"], "ways": ["event"], "custom_event": 5001}
    ours = made(ways=["event"], custom_event=5000, sends=[over])
    for number, state in enumerate((State.ACTIVE, State.RESTORED)):
        await sent(ours, delivery(event(id=f"{number}.0", state=state)))
    assert [each.number for each in gsc.raised] == [5000, 5001]


# ------------------------------------------------------------------------------------------------- answers, silences


@pytest.mark.parametrize(
    ("replies", "kind", "whole_vms", "words"),
    [
        ((answer(401),), Blocked, True, "log-in (401)"),
        ((answer(403), answer(403)), Blocked, True, "licence"),
        ((answer(403), OK), Blocked, False, "lacks the privilege to add a bookmark"),
        ((answer(403), FAIL), Blocked, False, "there is no camera"),
        ((answer(403), CUT), Retry, False, "refused (403)"),
        ((answer(411),), Blocked, True, "Content-Length"),
        ((answer(400, b"<html>Bad Request</html>"),), Rejected, False, "longest_url"),
        ((answer(414),), Rejected, False, "longest_url"),
        ((answer(404),), Blocked, True, "base URI"),
        ((answer(302, b"", "Location: https://elsewhere/"),), Blocked, True, "redirection"),
        ((answer(407),), Blocked, True, "proxy"),
        ((answer(429, b"", "Retry-After: 3"),), Retry, False, "later"),
        ((answer(503),), Retry, False, "503"),
        ((answer(500),), Ambiguous, False, "500"),
        ((answer(502),), Ambiguous, False, "502"),
        ((answer(409),), Rejected, False, "409"),
        ((CUT,), Ambiguous, False, "cut"),
        ((FAIL, FAIL), Blocked, False, "there is no camera"),
        ((FAIL, OK), Rejected, False, "EntityNotFound: no such"),
        ((FAIL, answer(500)), Retry, False, "500"),
        ((FAIL, CUT), Retry, False, "EntityNotFound"),
        ((OLD, OK), Rejected, False, "7: old"),
        ((said(200, {"Rsp": {"Status": "Partial", "Result": []}}),), Ambiguous, False, "partial"),
        ((answer(200, b"<html>welcome</html>"),), Ambiguous, False, "does not say"),
        ((answer(200, b"[" * 100_000),), Ambiguous, False, "does not say"),
        ((said(200, [1]),), Ambiguous, False, "does not say"),
        ((said(200, {"Rsp": {"Status": 3}}),), Ambiguous, False, "does not say"),
    ],
)  # fmt: skip
async def test_what_an_answer_means(
    made: Made, vms: Played, replies: tuple[bytes | str, ...], kind: type[Outcome], whole_vms: bool, words: str
) -> None:
    outcome = await sent(played(made, vms, *replies), delivery())
    assert isinstance(outcome, kind)
    assert words in getattr(outcome, "why", "")
    assert getattr(outcome, "whole_vms", False) is whole_vms
    assert len(vms.requests) == len(replies)


@pytest.mark.parametrize(
    "reply",
    [OK, said(200, {"Rsp": {"Status": "Ok", "Result": {"Anything": 1}}}), said(200, {"rsp": {"status": "ok"}})],
)
async def test_ok_is_delivered_whatever_stands_beside_it(made: Made, vms: Played, reply: bytes) -> None:
    assert await sent(played(made, vms, reply), delivery()) == Delivered()


async def test_silence_is_in_doubt_and_nothing_can_be_looked_for(made: Made, vms: Played) -> None:
    ours = played(made, vms, OUTWAITED)
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Ambiguous)
    assert outcome.away
    assert isinstance(await ours.find(delivery()), Unanswered)


async def test_a_camera_that_is_not_there_parks_itself_and_no_other(gsc: SimulatedGenetec, made: Made) -> None:
    ours = made()
    outcome = await sent(ours, delivery(camera=GONE))
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms
    assert isinstance(await sent(ours, delivery()), Delivered)


async def test_a_custom_event_that_is_not_defined_is_refused_with_what_genetec_says(
    gsc: SimulatedGenetec, made: Made
) -> None:
    outcome = await sent(made(ways=["event"], custom_event=6000), delivery())
    assert isinstance(outcome, Rejected)
    assert "InvalidCustomEvent" in outcome.why
    assert "raise custom event 6000" in outcome.why


# -------------------------------------------------------------------------------------------------- log-in, 401, 403


async def test_a_refused_log_in_is_tried_again_only_when_its_secrets_changed(made: Made, gsc: SimulatedGenetec) -> None:
    secrets = vault()
    ours = made(secrets)
    gsc.users.password = "second pass"
    assert isinstance(await sent(ours, delivery()), Blocked)
    assert len(gsc.asked) == 1
    secrets.values["genetec"] = "second pass"
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert len(gsc.asked) == 3


async def test_an_application_that_the_licence_has_not_parks_the_whole_vms(made: Made, gsc: SimulatedGenetec) -> None:
    outcome = await sent(made(vault(genetec_application="another")), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert "licence" in outcome.why


@pytest.mark.parametrize("wrong", ["", "bridge;AbC123==", "AbC123==:first pass"])
async def test_what_is_no_application_id_is_said_without_it_and_sends_nothing(
    made: Made, gsc: SimulatedGenetec, wrong: str
) -> None:
    outcome = await sent(made(vault(genetec_application=wrong)), delivery())
    assert isinstance(outcome, Blocked)
    assert "is no application id" in outcome.why
    assert not wrong or wrong not in outcome.why
    assert gsc.asked == []


async def test_nothing_shows_a_secret(made: Made, gsc: SimulatedGenetec) -> None:
    ours = made(**EVERY_WAY)
    requests = ours.render(delivery())
    told = repr(requests) + repr(vars(ours)) + repr([ours.shown(each) for each in requests])
    gsc.users.password = "another"
    told += repr(await sent(ours, delivery())) + repr(await ours.check([DOCK]))
    for secret in ("first pass", "AbC123==", base64.b64encode(b"bridge;AbC123==:first pass").decode()):
        assert secret not in told
    assert b"{base64 of bridge;{secret:genetec-application}:{secret:genetec}}" in ours.shown(requests[0])


# ------------------------------------------------------------------------------------------------------ done in part


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.UNAVAILABLE, Kind.SERVER_ERROR, Kind.CUT_BEFORE])
async def test_what_a_delivery_has_made_is_not_made_again_with_the_rest(
    gsc: SimulatedGenetec, made: Made, kind: Kind
) -> None:
    ours = made(**EVERY_WAY)
    gsc.faults.add(Fault(kind=kind, path="/action", next=1))
    assert isinstance(await sent(ours, delivery()), Retry | Ambiguous)
    assert isinstance(await sent(ours, delivery(possible_duplicate=True)), Delivered)
    assert [type(each).__name__ for each in gsc.directory.made] == ["Raised", "Bookmark", "Triggered"]


async def test_a_way_that_is_refused_keeps_no_other_from_being_gone_and_is_told_at_the_end(
    gsc: SimulatedGenetec, made: Made
) -> None:
    """A custom event that nobody defined does not keep the alarm from the guard."""
    ours = made(**{**EVERY_WAY, "custom_event": 6000})
    gsc.faults.add(Fault(kind=Kind.THROTTLED, path="/alarm", next=1))
    assert isinstance(await sent(ours, delivery()), Retry)
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Rejected)
    assert "InvalidCustomEvent" in outcome.why
    assert "stands there" in outcome.why
    assert [type(each).__name__ for each in gsc.directory.made] == ["Bookmark", "Triggered"]
    gsc.directory.custom_events[6000] = ("Late", "Camera")
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert len(gsc.directory.made) == 5


async def test_a_delivery_that_is_done_is_made_anew_when_it_is_sent_again(gsc: SimulatedGenetec, made: Made) -> None:
    """After a crash, or when a person says so."""
    ours = made(**EVERY_WAY)
    for _ in range(2):
        assert isinstance(await sent(ours, delivery()), Delivered)
    assert len(gsc.directory.made) == 6


async def test_an_amendment_is_no_part_of_what_it_amends(gsc: SimulatedGenetec, made: Made) -> None:
    ours = made(**EVERY_WAY)
    gsc.faults.add(Fault(kind=Kind.THROTTLED, path="/action", next=1))
    assert isinstance(await sent(ours, delivery()), Retry)
    assert isinstance(await sent(ours, delivery(event(revision=1))), Delivered)
    assert len(gsc.raised) == 2


async def test_of_deliveries_done_in_part_only_so_many_are_remembered(
    gsc: SimulatedGenetec, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.vms.genetec.doing.MOST_REMEMBERED", 2)
    ours = made(**EVERY_WAY)
    gsc.faults.add(Fault(kind=Kind.THROTTLED, path="/action", next=3))
    for number in range(3):
        await sent(ours, delivery(event(id=f"{number}.0")))
    for number in (2, 1, 0):
        await sent(ours, delivery(event(id=f"{number}.0")))
    assert [each.message.split("[")[1][:3] for each in gsc.raised] == ["0.0", "1.0", "2.0", "0.0"]
    assert len([each for each in gsc.directory.made if isinstance(each, Bookmark)]) == 3


# -------------------------------------------------------------------------------------------------- by its logical id


async def test_a_camera_by_its_logical_id_is_looked_up_once_for_what_needs_its_guid(
    gsc: SimulatedGenetec, made: Made
) -> None:
    ours = made(**EVERY_WAY)
    requests = ours.render(delivery(camera=BY_NUMBER))
    assert [each.raises for each in requests] == [False, True, True, True]
    assert b"/RaiseCustomEvent/5000/{guid-of-the-camera}?msg=" in ours.shown(requests[1])
    assert b"AddCameraBookmark(LogicalID(Camera,2),2026-02-03T" in ours.shown(requests[2])
    for number in range(2):
        assert await sent(ours, delivery(event(id=f"{number}.0"), camera=BY_NUMBER)) == Delivered()
    assert [(each.entity, each.number) for each in gsc.raised] == [(CAMERAS[1], 5000)] * 2
    assert {each.camera for each in gsc.bookmarks} == {each.camera for each in gsc.triggered} == {CAMERAS[1]}
    assert [each.query for each in gsc.asked if each.path.endswith("/entity")] == ["q=entity=LogicalID(Camera,2),Guid"]


async def test_what_is_looked_up_has_its_room_in_the_url(gsc: SimulatedGenetec, made: Made) -> None:
    told = event(fields={f"field {number}": "č" * 3 for number in range(300)})
    ours = made(ways=["event"], custom_event=5000, longest_url=1000)
    assert await sent(ours, delivery(told, camera=BY_NUMBER)) == Delivered()
    origin = len(gsc.base_url) - len("/WebSdk")
    assert 950 < origin + len(gsc.asked[-1].path) + 1 + len(gsc.asked[-1].query) <= 1000


async def test_what_needs_no_guid_is_not_looked_up(gsc: SimulatedGenetec, made: Made) -> None:
    assert await sent(made(), delivery(camera=BY_NUMBER)) == Delivered()
    assert len(gsc.asked) == 1


async def test_a_logical_id_that_no_camera_has_parks_its_camera(gsc: SimulatedGenetec, made: Made) -> None:
    for ways in (["event"], ["bookmark"]):
        outcome = await sent(made(ways=ways, custom_event=5000), delivery(camera=NO_NUMBER))
        assert isinstance(outcome, Blocked)
        assert not outcome.whole_vms
        assert "LogicalID(Camera,99)" in outcome.why
    assert gsc.directory.made == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(500), Retry), (CUT, Retry), (answer(401), Blocked), (said(200, {"Rsp": {"Status": "Ok"}}), Blocked),
        (said(200, {"Rsp": {"Status": "Ok", "Result": {"Guid": "x"}}}), Blocked), (answer(200, b"<html>"), Blocked),
    ],
)  # fmt: skip
async def test_a_look_up_that_fails_raises_nothing(
    made: Made, vms: Played, reply: bytes | str, kind: type[Outcome]
) -> None:
    """One that is lost may be asked again: nothing of the event is in doubt."""
    outcome = await sent(played(made, vms, reply, ways=["event"], custom_event=5000), delivery(camera=BY_NUMBER))
    assert isinstance(outcome, kind)
    assert len(vms.requests) == 1

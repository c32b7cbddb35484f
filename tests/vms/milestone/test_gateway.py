"""The API Gateway: logging in, and what alarms, user-defined events and bookmarks are made of."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bridge.model import Action, Ambiguous, Blocked, Delivered, Rejected, Retry, State, Urgency
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import BRIDGE_EVENT, DOCK
from tests.vms.conftest import BOUND, CUT, SILENCE, Played, Vault, answer, event, said, sent
from tests.vms.milestone.conftest import GONE, RAMP, Made, delivery, settings, target
from tests.vms.time_passes import NEVER, outwaited

TOKEN = "/API/IDP/connect/token"


def log_ins(xprotect: SimulatedMilestone) -> list[bytes]:
    return [each.body for each in xprotect.asked if each.path == TOKEN]


async def test_logging_in_is_the_form_of_the_reference(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.users.password = "p&ss=wörd +%"
    assert isinstance(await sent(made("alarms", Vault(xprotect="p&ss=wörd +%")), delivery()), Delivered)
    port = xprotect.server.port
    first = xprotect.asked[0]
    assert (
        first.head + first.body
        == (
            f"POST /API/IDP/connect/token HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\nContent-Length: 104\r\n\r\n"
            "grant_type=password&username=bridge&password=p%26ss%3Dw%C3%B6rd+%2B%25&client_id=GrantValidatorClient"
        )
        .replace("104", str(len(first.body)))
        .encode()
    )


async def test_a_service_logs_in_with_its_own_secret(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.users.services["bridge-app"] = "shh"
    own = {"user": "", "password": None, "client": "bridge-app", "client_secret": "secret:app"}
    assert isinstance(await sent(made("alarms", Vault(app="shh"), **own), delivery()), Delivered)
    assert log_ins(xprotect) == [b"grant_type=client_credentials&client_id=bridge-app&client_secret=shh"]


async def test_a_token_is_fetched_once_and_again_before_it_runs_out(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("alarms")
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(sent(ours, delivery(event(id=f"{number}.0"))))
    assert xprotect.gateway.log_ins == 1
    xprotect.users.forget()
    xprotect.users.lifetime = 0.0
    assert isinstance(await sent(ours, delivery(event(id="5.0"))), Delivered)
    assert xprotect.gateway.log_ins == 2
    assert isinstance(await sent(ours, delivery(event(id="6.0"))), Delivered)
    assert xprotect.gateway.log_ins == 3
    assert len(xprotect.state.alarms) == 6


async def test_a_log_in_that_is_refused_parks_and_shows_nothing(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("alarms", Vault(xprotect="open sesame"))
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert "400, invalid_grant" in outcome.why
    told = repr(outcome) + repr(await ours.find(delivery())) + repr(await ours.check([RAMP])) + repr(vars(ours))
    assert "open sesame" not in told
    assert "open+sesame" not in told


async def test_a_password_that_was_changed_before_the_first_log_in_is_read_anew(
    xprotect: SimulatedMilestone, made: Made
) -> None:
    vault = Vault(xprotect="old pass")
    vault.values["xprotect"] = "first pass"
    assert isinstance(await sent(made("alarms", vault), delivery()), Delivered)
    assert len(log_ins(xprotect)) == 2


@pytest.mark.parametrize("trouble", [CUT, answer(500), answer(503), answer(200, b"<html>"), answer(404)])
async def test_what_fails_while_logging_in_is_surely_not_taken(vms: Played, made: Made, trouble: Any) -> None:
    """Also where nothing could be searched for."""
    vms.otherwise = trouble
    outcome = await sent(made("bookmarks", gateway=f"http://127.0.0.1:{vms.port}"), delivery())
    assert isinstance(outcome, Retry)


async def test_logging_in_and_sending_have_one_time_out_together(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.faults.add(Fault(kind=Kind.LATE_ANSWER, path="(?i)/token", seconds=NEVER))
    outcome = await outwaited(sent(made("alarms"), delivery()), lambda: log_ins(xprotect))
    assert outcome == Retry("logging in took too long", away=True)


async def test_a_token_that_is_refused_at_once_is_not_fetched_for_ever(vms: Played, made: Made) -> None:
    token = said(200, {"access_token": "eyJ0", "expires_in": 3600})
    vms.otherwise = lambda request: token if TOKEN.encode() in request else answer(401)
    outcome = await sent(made("alarms", gateway=f"http://127.0.0.1:{vms.port}"), delivery())
    assert isinstance(outcome, Blocked)
    assert len(vms.requests) == 4


@pytest.mark.parametrize("nested", [False, True])
async def test_both_forms_of_an_error_are_read(xprotect: SimulatedMilestone, made: Made, nested: bool) -> None:
    xprotect.gateway.nested = nested
    xprotect.users.administrator = False
    outcome = await sent(made("alarms"), delivery())
    assert outcome == Blocked("its user lacks the right to do this (403): Not allowed", whole_vms=True)


async def test_a_camera_that_is_not_there_parks_that_camera(xprotect: SimulatedMilestone, made: Made) -> None:
    outcome = await sent(made("alarms"), delivery(camera=GONE))
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms


async def test_an_alarm_is_commented_on_when_its_event_is_corrected(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("alarms")
    raised = await sent(ours, delivery())
    assert isinstance(raised, Delivered)
    later = event(revision=1, title="Access granted", changes=("card",))
    assert isinstance(await sent(ours, delivery(later, Action.AMEND, remote_id=raised.remote_id)), Delivered)
    (alarm,) = xprotect.state.alarms
    assert alarm.comments[0].startswith("amended: Access granted [0197c3-1.0] Door 17; occurred: 2026-02-03T10:15:")
    gone = await sent(ours, delivery(later, Action.AMEND, remote_id="no such"))
    assert gone == Rejected("what it corrects is no longer there (404)")
    assert isinstance(await sent(ours, delivery(later, Action.AMEND)), Delivered)
    assert xprotect.state.alarms[1].name == "amended: Access granted"


def test_an_alarm_may_name_its_camera_as_a_path() -> None:
    (request,) = target("alarms", alarm_source="path").render(delivery())
    assert json.loads(request.body)["source"] == f"cameras/{DOCK}"


async def test_a_bookmark_spans_its_event_and_can_be_changed(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("bookmarks", before="5 s", after="1 min")
    raised = await sent(ours, delivery())
    assert isinstance(raised, Delivered)
    mark = xprotect.state.bookmarks[raised.remote_id]
    assert (mark["timeBegin"], mark["timeEnd"]) == ("2026-02-03T10:15:25.250Z", "2026-02-03T10:16:30.250Z")
    await sent(ours, delivery(event(title="Access granted"), Action.AMEND, remote_id=raised.remote_id))
    assert xprotect.state.bookmarks[raised.remote_id]["header"] == "Access granted"
    assert len(xprotect.state.bookmarks) == 1


async def test_a_user_defined_event_is_triggered_on_its_camera(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("events")
    (request,) = ours.render(delivery())
    assert request.body == (
        b'{"type":"7a0c1b52-2222-4333-8444-955556666777","source":"cameras/0b4a2f7e-1111-4222-8333-944445555666",'
        b'"datatype":"none"}'
    )
    assert request.url.endswith("/api/rest/v1/events")
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert [(each.type, each.camera) for each in xprotect.state.events] == [(BRIDGE_EVENT, DOCK)]


def test_what_is_over_and_what_is_corrected_triggers_nothing_of_its_own() -> None:
    over = delivery(event(state=State.RESTORED))
    assert target("events").render(over) == ()
    other = "7a0c1b52-9999-4333-8444-955556666777"
    (request,) = target("events", restored_type=other).render(over)
    assert json.loads(request.body)["type"] == other
    assert target("events").render(delivery(event(revision=1), Action.AMEND)) == ()
    only = target("events", event_type=None, event_types={"leak": other})
    assert only.render(delivery()) == ()
    assert len(only.render(delivery(event(type="leak")))) == 1


@pytest.mark.parametrize("way", ["alarms", "bookmarks", "events"])
@pytest.mark.parametrize(("status", "expected"), [(400, Rejected), (500, Ambiguous), (503, Retry), (504, Ambiguous)])
async def test_a_failure_after_the_log_in_is_in_doubt_unless_it_says_that_it_is_not(
    vms: Played, made: Made, way: str, status: int, expected: type
) -> None:
    token = said(200, {"access_token": "eyJ0", "expires_in": 3600})
    vms.otherwise = lambda request: token if TOKEN.encode() in request else answer(status)
    outcome = await sent(made(way, gateway=f"http://127.0.0.1:{vms.port}"), delivery())
    assert isinstance(outcome, expected)


@pytest.mark.parametrize("way", ["alarms", "bookmarks", "events"])
async def test_a_page_is_not_the_word_of_a_gateway(vms: Played, made: Made, way: str) -> None:
    token = said(200, {"access_token": "eyJ0", "expires_in": 3600})
    page = answer(200, b"<html><title>Sign in</title>", "Content-Type: text/html")
    vms.otherwise = lambda request: token if TOKEN.encode() in request else page
    outcome = await sent(made(way, gateway=f"http://127.0.0.1:{vms.port}"), delivery())
    assert isinstance(outcome, Ambiguous)


async def test_a_wrong_password_is_tried_once_however_many_wait_for_it(
    xprotect: SimulatedMilestone, made: Made
) -> None:
    """Who guesses is shut out."""
    ours = made("alarms", Vault(xprotect="wrong"))
    outcomes = await asyncio.gather(*[sent(ours, delivery(event(id=f"{number}.0"))) for number in range(8)])
    assert all(isinstance(each, Blocked) and each.whole_vms for each in outcomes)
    assert len(log_ins(xprotect)) == 1


async def test_an_alarm_does_not_wait_for_a_log_in_that_waits_for_notices(vms: Played, made: Made) -> None:
    """Whoever logs in does it for all: it takes none of the connections that are there for notices."""
    token = said(200, {"access_token": "eyJ0", "expires_in": 0})

    def gateway(request: bytes) -> bytes | str:
        if TOKEN.encode() in request:
            return token
        return said(202, {"data": {"id": "1"}}) if b"[1.0]" in request else SILENCE

    vms.otherwise = gateway
    few = {"connections": 2, "alarm_connections": 1, "timeout": BOUND}
    ours = made("alarms", gateway=f"http://127.0.0.1:{vms.port}", **few)
    notices = [asyncio.create_task(sent(ours, delivery(event(id="2.0"))))]
    await vms.until(2)  # the one connection for notices is in use, and its token used up
    notices.append(asyncio.create_task(sent(ours, delivery(event(id="3.0")))))
    alarm = asyncio.create_task(sent(ours, delivery(event(id="1.0", urgency=Urgency.ALARM)), urgent=True))
    done, _ = await asyncio.wait([*notices, alarm], timeout=BOUND, return_when=asyncio.FIRST_COMPLETED)
    assert done == {alarm}
    assert isinstance(alarm.result(), Delivered)
    for each in notices:
        each.cancel()
    await asyncio.gather(*notices, return_exceptions=True)


def test_secrets_are_named_and_not_shown() -> None:
    ours = target("alarms")
    (request,) = ours.render(delivery())
    assert b"Authorization: Bearer {secret:xprotect}\r\n" in ours.shown(request)
    assert settings("alarms").secret == "xprotect"

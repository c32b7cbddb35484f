"""Any HTTP endpoint as a VMS: the bytes it gets, and what its answers mean."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.model import (
    Action,
    Ambiguous,
    Blocked,
    CameraId,
    Delivered,
    Delivery,
    Media,
    MediaId,
    Rejected,
    Retry,
    SensorEvent,
    Unanswered,
    VmsId,
)
from bridge.vms.webhook import WebhookCamera, WebhookSettings, WebhookTarget
from tests.vms.conftest import CUT, OUTWAITED, Played, Vault, answer, event
from tests.vms.time_passes import PATIENCE

GATE = CameraId("gate-in")
Made = Callable[..., WebhookTarget]


def target(vault: Vault | None = None, **settings: Any) -> WebhookTarget:
    read = WebhookSettings.model_validate({"type": "webhook", "url": "https://alarms.harbour.example/in", **settings})
    cameras = {
        GATE: WebhookCamera.model_validate({"vms": "hook", "name": "Gate, inner lane", "id": "north/gate 1"}),
        CameraId("yard"): WebhookCamera.model_validate({"vms": "hook"}),
    }
    return WebhookTarget(VmsId("hook"), read, cameras, vault or Vault(alarms="open sesame", key="shared"))


def delivery(told: SensorEvent | None = None, **more: Any) -> Delivery:
    return Delivery(event=told or event(), camera=more.pop("camera", GATE), vms=VmsId("hook"), **more)


def body(told: SensorEvent | None = None, settings: dict[str, Any] | None = None, **more: Any) -> bytes:
    return target(**(settings or {})).render(delivery(told, **more))[0].body


@pytest.fixture
async def made(vms: Played) -> AsyncIterator[Made]:
    targets: list[WebhookTarget] = []

    def make(vault: Vault | None = None, **settings: Any) -> WebhookTarget:
        url = {"url": f"http://127.0.0.1:{vms.port}/in", "timeout": PATIENCE, "allow_http": True}
        targets.append(target(vault, **{**url, **settings}))
        return targets[-1]

    yield make
    for each in targets:
        await each.close()


DEFAULT = (
    b'{"version":1,"action":"raise","possible_duplicate":false,"camera":{"key":"gate-in","name":"Gate, inner lane",'
    b'"id":"north/gate 1"},"sensor":{"id":"door-17","name":"Door 17","kind":"door"},"event":{"id":"0197c3-1.0",'
    b'"revision":0,"site":"harbour","message":"0197c3-1","type":"access.denied","title":"Access denied",'
    b'"state":"momentary","condition":null,"closes":null,"urgency":"notice","occurred_at":"2026-02-03T10:15:30.250000Z",'
    b'"arrived_at":"2026-02-03T10:15:30.500000Z","clock":"device","clock_offset":-0.25,"fields":{"vendor":"acme",'
    b'"card":"00931","reason":"expired"},"detail":{"vendor":"acme","card":"00931","reason":"expired"},"media":'
    b'[{"id":"m-1","content_type":"image/jpeg","size":5,"role":"plate"}],"changes":[],"marks":[],"test":false}}'
)


def test_the_default_body_is_the_whole_event_in_a_form_that_stays() -> None:
    assert body(event(media=(Media(MediaId("m-1"), "image/jpeg", 5, "plate"),))) == DEFAULT


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert target().render(delivery()) == target().render(delivery())


def test_an_amendment_goes_to_the_same_place_and_says_what_it_is() -> None:
    told = json.loads(body(event(revision=1, changes=("card",)), action=Action.AMEND, possible_duplicate=True))
    assert told["action"] == "amend"
    assert told["event"]["changes"] == ["card"]
    assert told["possible_duplicate"] is True


@pytest.mark.parametrize(("detail", "told"), [(b"", None), (b"not json", "not json"), (b"[1, 2]", [1, 2])])
def test_a_message_that_is_no_json_is_told_as_text(detail: bytes, told: object) -> None:
    assert json.loads(body(event(detail=detail)))["event"]["detail"] == told


def test_the_url_may_name_the_camera_and_cannot_be_led_astray_by_its_name() -> None:
    ours = target(url="https://alarms.harbour.example/in/{camera}?as={camera.id}")
    assert ours.render(delivery())[0].url == "https://alarms.harbour.example/in/gate-in?as=north%2Fgate%201"
    yard = ours.render(delivery(camera=CameraId("yard")))[0]
    assert yard.url == "https://alarms.harbour.example/in/yard?as=yard"


# --------------------------------------------------------------------------------------------------------- template


def test_a_template_is_filled_with_values_that_cannot_break_out() -> None:
    told = event(title='A "quoted"\nline \\', fields={"plate": "1AB", "n": 3, "ok": True, "note": None})
    template = (
        '{"text":"{{event.title}} at {{camera.name}}","plate":"{{ event.fields.plate }}","n":{{event.fields.n}},'
        '"ok":{{json event.fields.ok}},"none":"{{event.fields.missing}}","all":{{json event.fields}},'
        '"deep":"{{event.detail.card}}","as text":"{{event.fields}}","nothing":{{json event.fields.missing}}}'
    )
    assert json.loads(body(told, {"body": template})) == {
        "text": 'A "quoted"\nline \\ at Gate, inner lane',
        "plate": "1AB",
        "n": 3,
        "ok": True,
        "none": "",
        "all": {"plate": "1AB", "n": 3, "ok": True, "note": None},
        "deep": "00931",
        "as text": '{"plate":"1AB","n":3,"ok":true,"note":null}',
        "nothing": None,
    }


@given(st.text(max_size=50), st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
def test_whatever_a_device_says_the_body_stays_json(title: str, fields: dict[str, str]) -> None:
    template = '{"a":"{{event.title}}","b":{{json event.fields}},"c":"{{event.fields}}"}'
    told = json.loads(body(event(title=title, fields=fields), {"body": template}))
    assert set(told) == {"a", "b", "c"}
    if title.isascii():
        assert told["a"] == title


def test_half_a_surrogate_does_not_stop_an_event() -> None:
    for settings in ({}, {"body": '{"a":"{{event.title}}","b":{{json event.fields}}}'}):
        json.loads(body(event(title="\ud83d", fields={"a": "\ud83d"}), settings))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"body": "{{event.titel}}"}, "event has no titel; it has"),
        ({"body": "{{evnt.title}}"}, "there is no evnt to write"),
        ({"body": "{{action.x}}"}, "action has nothing below it"),
        ({"body": "{{ event.title | upper }}"}, "write a placeholder as"),
        ({"url": "https://{camera}.example/"}, "cannot depend on the camera"),
        ({"url": "https://x.example/{event}"}, "only {camera}"),
        ({"url": "ftp://x.example/"}, "begins with https://"),
        ({"headers": {"Authorization": "Bearer hunter2"}}, "never the secret itself"),
        ({"headers": {"X": "secret:a secret:b"}}, "one secret, not 2"),
        ({"headers": {"Host": "x"}}, "written by the bridge"),
        ({"headers": {"X": "a\r\nY: b"}}, "line break"),
        ({"url": "http://x.example/", "headers": {"X": "secret:alarms"}}, "allow_http: true"),
        ({"signature": {"header": "X", "secret": "secret:key", "template": "sha256="}}, "{hex}"),
    ],
)
def test_what_cannot_be_is_refused_in_a_plain_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as error:
        target(**settings)
    told = str(error.value.errors(include_input=False, include_url=False, include_context=False))
    assert sentence in told
    assert "hunter2" not in told


# ------------------------------------------------------------------------------------------------------- on the wire


async def test_the_request_on_the_wire(vms: Played, made: Made) -> None:
    headers = {"X-From": "bridge", "Authorization": "Bearer secret:alarms"}
    template = '{"id":"{{event.id}}"}'
    signature = {"header": "X-Signature", "secret": "secret:key", "template": "sha256={hex}"}
    ours = made(headers=headers, body=template, signature=signature)
    assert await ours.send(ours.render(delivery())[0]) == Delivered()
    # echo -n '{"id":"0197c3-1.0"}' | openssl dgst -sha256 -hmac shared
    digest = hmac.new(b"shared", b'{"id":"0197c3-1.0"}', hashlib.sha256).hexdigest()
    assert vms.requests == [
        f"POST /in HTTP/1.1\r\nHost: 127.0.0.1:{vms.port}\r\nContent-Type: application/json\r\nX-From: bridge\r\n"
        f"Authorization: Bearer open sesame\r\nX-Signature: sha256={digest}\r\nContent-Length: 19\r\n\r\n"
        '{"id":"0197c3-1.0"}'.encode()
    ]


async def test_what_is_shown_is_what_is_sent_but_for_the_secrets(vms: Played, made: Made) -> None:
    signature = {"header": "X-Signature", "secret": "secret:key", "template": "sha256={hex}"}
    ours = made(headers={"X-From": "bridge", "Authorization": "Bearer secret:alarms"}, signature=signature)
    (request,) = ours.render(delivery())
    await ours.send(request)
    digest = hmac.new(b"shared", request.body, hashlib.sha256).hexdigest().encode()
    shown = ours.shown(request)
    assert b"open sesame" not in shown
    sent_bytes = shown.replace(b"{secret:alarms}", b"open sesame").replace(b"{hmac of secret:key}", digest)
    assert vms.requests == [sent_bytes]


async def test_no_request_and_no_outcome_shows_a_secret(vms: Played, made: Made) -> None:
    signature = {"header": "X-Signature", "secret": "secret:key"}
    ours = made(headers={"Authorization": "Bearer secret:alarms"}, signature=signature)
    (request,) = ours.render(delivery())
    vms.otherwise = answer(401, b"Bearer open sesame is not welcome")
    shown = repr(request) + repr(await ours.send(request)) + repr(vars(ours))
    assert "open sesame" not in shown
    assert "shared" not in shown


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_taken(vms: Played, made: Made, status: int) -> None:
    vms.otherwise = f"HTTP/1.1 {status} x\r\n\r\n".encode() if status == 204 else answer(status, b"<html>")
    assert await sent(made()) == Delivered()


@pytest.mark.parametrize("status", [400, 404, 405, 410, 413, 415, 422])
async def test_a_refusal_for_what_it_is_is_rejected(vms: Played, made: Made, status: int) -> None:
    vms.otherwise = answer(status)
    assert isinstance(await sent(made()), Rejected)


@pytest.mark.parametrize("status", [401, 403, 407, 302])
async def test_a_refusal_of_who_we_are_or_where_we_go_parks_the_whole_vms(vms: Played, made: Made, status: int) -> None:
    vms.otherwise = answer(status)
    outcome = await sent(made())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms


@pytest.mark.parametrize(("status", "away"), [(408, False), (429, False), (500, False), (503, True)])
async def test_any_other_answer_means_not_taken_yet(vms: Played, made: Made, status: int, away: bool) -> None:
    vms.otherwise = answer(status, b"", "Retry-After: 9")
    assert await sent(made()) == Retry(f"the receiver says later ({status})", 9.0, away)


@pytest.mark.parametrize("status", [502, 504])
async def test_a_gateway_that_lost_the_answer_does_not_say_that_it_was_not_taken(
    vms: Played, made: Made, status: int
) -> None:
    """It waits a shorter time than the receiver takes, say: sent again, it has to say that it may be there already."""
    vms.otherwise = answer(status, b"", "Retry-After: 9")
    outcome = await sent(made())
    assert isinstance(outcome, Ambiguous)
    assert (outcome.away, outcome.after) == (True, 9.0)


@pytest.mark.parametrize(("reply", "away"), [(CUT, False), (OUTWAITED, True)])
async def test_no_answer_is_ambiguous(vms: Played, made: Made, reply: str, away: bool) -> None:
    vms.otherwise = reply
    outcome = await sent(made())
    assert isinstance(outcome, Ambiguous)
    assert outcome.away is away


async def test_a_missing_secret_parks_the_vms_and_sends_nothing(vms: Played, made: Made) -> None:
    outcome = await sent(made(Vault(), headers={"X-Key": "secret:alarms"}))
    assert outcome == Blocked("there is no secret alarms", whole_vms=True)
    assert vms.connections == 0


async def test_a_rotated_secret_is_used_at_once(vms: Played, made: Made) -> None:
    vault = Vault(alarms="old")
    ours = made(vault, headers={"X-Key": "secret:alarms"})
    vault.values["alarms"] = "new"
    vms.script = [answer(401), answer(200)]
    assert await sent(ours) == Delivered()
    assert b"X-Key: old\r\n" in vms.requests[0]
    assert b"X-Key: new\r\n" in vms.requests[1]


async def test_a_secret_with_a_line_break_cannot_write_headers(vms: Played, made: Made) -> None:
    outcome = await sent(made(Vault(alarms="a\r\nX-Evil: b"), headers={"X-Key": "secret:alarms"}))
    assert outcome == Blocked("the secret alarms has a line break in it, which no header can hold", whole_vms=True)
    assert vms.connections == 0


async def test_it_cannot_be_searched() -> None:
    ours = target()
    assert not ours.can.search
    assert isinstance(await ours.find(delivery()), Unanswered)


async def test_a_check_reaches_it_and_sends_nothing(vms: Played, made: Made) -> None:
    findings = await made().check([GATE])
    assert [finding.ok for finding in findings] == [True]
    assert vms.requests == []
    missing = await made(Vault(), headers={"X-Key": "secret:alarms"}).check([GATE])
    assert [finding.ok for finding in missing] == [False, True]


async def sent(ours: WebhookTarget) -> object:
    return await ours.send(ours.render(delivery())[0])

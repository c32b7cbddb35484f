"""What every answer, and every silence, of VXG becomes; with literal bytes on a real socket."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from bridge.model import Action, Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.vms.vxg.account import Unusable
from bridge.vms.vxg.documents import TRIES
from tests.vms.conftest import CUT, INNER, OUTWAITED, Played, Vault, answer, event, nobody_there, said, sent, token
from tests.vms.vxg.conftest import CREATED, TYPES, Made, declared, delivery

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
NO_TYPES = {"meta": {"limit": 1000, "offset": 0, "total_count": 0}, "objects": []}
UNKNOWN_TYPE = said(400, {"status": 400, "errorType": "bad_request", "errorDetail": "name: unknown"})
MADE = said(201, CREATED)


@pytest.mark.parametrize("url", [None, ""])
async def test_what_is_shown_is_what_is_sent_but_for_the_token(vms: Played, made: Made, url: str | None) -> None:
    vms.script = [said(200, NO_TYPES), said(201, {"name": "access_denied"}), WRITTEN, MADE, WRITTEN, *[answer(200)] * 3]
    text = token(api="127.0.0.1", api_p=vms.port)
    target = made(Vault(gate_in=text), **({} if url is None else {"url": url}))
    shown = []
    for told in (delivery(LARGE), delivery(event(revision=1), Action.AMEND, remote_id="900001")):
        shown += [target.shown(request) for request in target.render(told)]
        await sent(target, told)
    assert b"".join(shown).count(INNER.encode()) == 0
    assert [each.replace(b"{secret:gate-in}", text.encode()) for each in shown] == vms.requests


@pytest.mark.parametrize("text", ["hunter2", token(4712), token(access="")])
def test_what_would_not_be_sent_is_not_shown_as_if_it_were(made: Made, text: str) -> None:
    target = made(Vault(gate_in=text))
    for request in target.render(delivery()):
        with pytest.raises(Unusable, match="secret gate-in of camera gate-in: this"):
            target.shown(request)
    nobodys = made(Vault())
    assert all(nobodys.shown(request) for request in nobodys.render(delivery())), "a token may be given later"


async def test_a_type_is_looked_up_once_and_declared_only_when_it_is_missing(vms: Played, made: Made) -> None:
    declared(vms)
    target = made()
    for _ in range(3):
        assert await sent(target, delivery()) == Delivered("900001")
    assert [head.split()[0] for head in vms.heads] == [b"GET", b"POST", b"POST", b"POST"]
    assert b"/storage/events/" in vms.heads[1]


async def test_a_list_of_types_is_read_to_its_end(vms: Played, made: Made) -> None:
    first = {"meta": {"total_count": 3}, "objects": [{"name": "motion"}, {"name": "net"}]}
    vms.script = [
        said(200, first),
        said(200, {"meta": {"total_count": 3}, "objects": [{"name": "access_denied"}]}),
        MADE,
    ]
    assert isinstance(await sent(made(), delivery()), Delivered)
    assert vms.heads[1] == b"GET /api/v2/cameras/4711/event_processing/events/?limit=1000&offset=2 HTTP/1.1"


async def test_a_type_somebody_else_declared_meanwhile_is_as_good(vms: Played, made: Made) -> None:
    vms.script = [said(200, NO_TYPES), said(400, {"status": 400, "errorDetail": "exists"}), said(200, TYPES), MADE]
    assert await sent(made(), delivery()) == Delivered("900001")


async def test_a_type_that_cannot_be_declared_parks_the_camera_and_says_what_to_do(vms: Played, made: Made) -> None:
    vms.script = [said(200, NO_TYPES), said(400, {"status": 400, "errorDetail": "no more types"}), said(200, NO_TYPES)]
    outcome = await sent(made(), delivery())
    assert outcome == Blocked(
        "the event type access_denied could not be declared (400: no more types); declare it by hand"
    )


async def test_where_declaring_is_off_an_undeclared_type_parks_the_camera(vms: Played, made: Made) -> None:
    vms.script = [said(200, NO_TYPES)]
    outcome = await sent(made(declare_types=False), delivery())
    assert isinstance(outcome, Blocked)
    assert "declare_types: true" in outcome.why


async def test_a_vms_that_forgot_its_types_gets_them_declared_again(vms: Played, made: Made) -> None:
    vms.script = [said(200, TYPES), MADE, UNKNOWN_TYPE]
    target = made()
    await sent(target, delivery())
    again = await sent(target, delivery(event(id="2")))
    assert isinstance(again, Retry)
    vms.script = [said(200, NO_TYPES), said(201, {"name": "access_denied"}), MADE]
    assert await sent(target, delivery(event(id="2"))) == Delivered("900001")


async def test_a_second_refusal_of_the_same_event_is_final(vms: Played, made: Made) -> None:
    vms.script = [said(200, TYPES), UNKNOWN_TYPE, said(200, TYPES), UNKNOWN_TYPE]
    target = made()
    assert isinstance(await sent(target, delivery()), Retry)
    assert await sent(target, delivery()) == Rejected("VXG refused it (400: name: unknown)")


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_whatever_says_that_a_type_is_unknown_it_is_looked_up_again(vms: Played, made: Made, status: int) -> None:
    target = made()
    vms.script = [said(200, TYPES), MADE, said(status, {"status": status, "errorDetail": "no"})]
    await sent(target, delivery())
    assert isinstance(await sent(target, delivery(event(id="2"))), Retry)
    vms.script = [said(200, NO_TYPES), said(201, {"name": "access_denied"}), MADE]
    assert await sent(target, delivery(event(id="2"))) == Delivered("900001")


async def test_a_camera_that_is_gone_is_parked_and_its_events_are_not_dead(vms: Played, made: Made) -> None:
    gone = said(404, {"status": 404, "errorDetail": "Camera not found"})
    vms.script = [said(200, TYPES), gone, gone]
    target = made()
    assert isinstance(await sent(target, delivery()), Retry)
    outcome = await sent(target, delivery())
    assert isinstance(outcome, Blocked)
    assert "has no camera 4711 (404): is it gone, or is url not VXG's address?" in outcome.why


async def test_two_events_refused_at_once_are_both_tried_again(vms: Played, made: Made) -> None:
    vms.script = [said(200, TYPES), MADE]
    target = made()
    await sent(target, delivery())
    vms.script = [UNKNOWN_TYPE, UNKNOWN_TYPE]
    creates = [target.render(delivery(event(id=str(number))))[-1] for number in range(2)]
    outcomes = await asyncio.gather(*(target.send(create) for create in creates))
    assert [type(outcome) for outcome in outcomes] == [Retry, Retry]


# --------------------------------------------------------------------------------------------- answers to the raise


async def raised(vms: Played, made: Made, reply: bytes | str, **settings: Any) -> Outcome:
    vms.script = [said(200, TYPES), reply]
    return await sent(made(**settings), delivery())


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("number", [900001, "900001"])
async def test_an_event_with_an_id_is_delivered(vms: Played, made: Made, status: int, number: object) -> None:
    assert await raised(vms, made, said(status, {**CREATED, "id": number})) == Delivered("900001")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>log in</html>", b'{"id":null}', b"\xff\xfe"])
async def test_a_2xx_without_an_event_is_ambiguous(vms: Played, made: Made, body: bytes) -> None:
    assert isinstance(await raised(vms, made, answer(200, body)), Ambiguous)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"status": 409}, Rejected("VXG refused it (409: no)")),
        ({"status": 500}, Ambiguous("VXG failed over it (500: no)")),
        ({"status": 429}, Retry("VXG says later (429: no)")),
        ({"status": 200}, Retry("refused (400); looking again whether the event type is declared")),
        ({}, Retry("refused (400); looking again whether the event type is declared")),
    ],
)
async def test_an_error_that_comes_as_a_success_is_what_it_says(
    vms: Played, made: Made, told: dict[str, int], outcome: Outcome
) -> None:
    """VXG's own clients take every body with ``errorDetail`` for an error and compare its ``status`` with HTTP's."""
    assert await raised(vms, made, said(200, {**told, "errorType": "x", "errorDetail": "no"})) == outcome


async def test_a_device_that_says_error_detail_makes_no_error(vms: Played, made: Made) -> None:
    meta = {"errorDetail": "paper jam", "status": "500"}
    for echo in ({**CREATED, "meta": meta}, {"meta": meta, "id": 900001}):
        assert await raised(vms, made, said(201, echo)) == Delivered("900001")


@pytest.mark.parametrize("status", [405, 409, 410, 413, 415])
async def test_a_refusal_for_what_it_is_is_rejected(vms: Played, made: Made, status: int) -> None:
    outcome = await raised(vms, made, said(status, {"status": status, "errorDetail": "no\r\nsuch\x00thing"}))
    assert outcome == Rejected(f"VXG refused it ({status}: no such thing)")


@pytest.mark.parametrize("status", [408, 425, 429])
async def test_later_is_later(vms: Played, made: Made, status: int) -> None:
    outcome = await raised(vms, made, answer(status, b"", "Retry-After: 7"))
    assert isinstance(outcome, Retry)
    assert outcome.after == 7
    assert not outcome.away


async def test_later_may_be_said_as_a_date(vms: Played, made: Made) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=1800), usegmt=True)
    outcome = await raised(vms, made, answer(429, b"", f"Retry-After: {date}"))
    assert isinstance(outcome, Retry)
    assert 1700 < outcome.after <= 1800


@pytest.mark.parametrize("value", ["soon", "-5", "1e9", "99999999999999999999", "Tue, 99 Foo 2026 99:99:99 GMT", ""])
async def test_a_wait_that_makes_no_sense_is_none_or_an_hour_at_most(vms: Played, made: Made, value: str) -> None:
    outcome = await raised(vms, made, answer(429, b"", f"Retry-After: {value}"))
    assert isinstance(outcome, Retry)
    assert 0 <= outcome.after <= 3600


@pytest.mark.parametrize(("status", "away"), [(500, False), (502, True), (503, True), (504, True), (507, False)])
async def test_a_5xx_may_come_after_the_commit_so_it_is_ambiguous(
    vms: Played, made: Made, status: int, away: bool
) -> None:
    outcome = await raised(vms, made, answer(status, HTML, "Retry-After: 2"))
    assert outcome == Ambiguous(f"VXG failed over it ({status})", away=away, after=2)


@pytest.mark.parametrize("status", [301, 302, 308])
async def test_a_redirection_parks_the_vms(vms: Played, made: Made, status: int) -> None:
    outcome = await raised(vms, made, answer(status, b"", "Location: https://elsewhere.example/"))
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert len(vms.requests) == 2


async def test_a_proxy_that_wants_a_log_in_parks_the_vms(vms: Played, made: Made) -> None:
    outcome = await raised(vms, made, answer(407))
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms


async def test_an_answer_cut_off_is_ambiguous(vms: Played, made: Made) -> None:
    assert await raised(vms, made, CUT) == Ambiguous("the connection was cut before an answer came")


async def test_no_answer_in_time_is_ambiguous_and_the_vms_is_away(vms: Played, made: Made) -> None:
    assert await raised(vms, made, OUTWAITED) == Ambiguous("no answer within 60 s", away=True)


async def test_nobody_there_is_surely_not_taken_and_the_vms_is_away(made: Made) -> None:
    with nobody_there() as port:
        target = made(url=f"http://127.0.0.1:{port}")
        outcome = await target.send(target.render(delivery())[-1])
    assert isinstance(outcome, Retry)
    assert outcome.away


@pytest.mark.parametrize(
    ("reply", "kind", "away"),
    [
        (answer(500), Retry, False),
        (answer(503, HTML), Retry, True),
        (answer(429), Retry, False),
        (CUT, Retry, False),
        (OUTWAITED, Retry, True),
        (answer(200, HTML), Retry, False),
        (answer(400), Blocked, None),
        (answer(404), Blocked, None),
        (answer(405), Blocked, None),
        (answer(401), Blocked, None),
    ],
)
async def test_a_look_up_that_fails_keeps_the_delivery(
    vms: Played, made: Made, reply: bytes | str, kind: type, away: bool | None
) -> None:
    vms.script = [reply]
    outcome = await sent(made(), delivery())
    assert type(outcome) is kind
    assert getattr(outcome, "away", None) is away
    assert len(vms.requests) == 1


# ---------------------------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_parks_the_camera(vms: Played, made: Made, status: int) -> None:
    vault = Vault(gate_in=token())
    vms.script = [said(200, TYPES), said(status, {"status": status, "errorDetail": "Invalid access token"})]
    outcome = await sent(made(vault), delivery())
    assert outcome == Blocked(f"the token is refused ({status}: Invalid access token); put a valid one into its secret")
    assert vault.reads == 1
    assert len(vms.requests) == 2


async def test_a_token_that_was_rotated_meanwhile_is_used_at_once(vms: Played, made: Made) -> None:
    old, new = token(), token(inner="share.new.1t1.x")
    vault = Vault(gate_in=old)
    target = made(vault)
    vms.script = [said(200, TYPES), answer(401), MADE]
    vault.values["gate-in"] = new
    assert await sent(target, delivery()) == Delivered("900001")
    assert f"Acc {old}".encode() in vms.requests[1]
    assert f"Acc {new}".encode() in vms.requests[2]


async def test_a_new_token_refused_too_is_tried_once_only(vms: Played, made: Made) -> None:
    vault = Vault(gate_in=token())
    target = made(vault)
    vault.values["gate-in"] = token(inner="share.new.1t1.x")
    vms.script = [said(200, TYPES), answer(401), answer(401), MADE]
    assert isinstance(await sent(target, delivery()), Blocked)
    assert len(vms.requests) == 3


async def test_a_rotated_token_of_another_camera_is_not_sent_anywhere(vms: Played, made: Made) -> None:
    vault = Vault(gate_in=token())
    target = made(vault)
    vault.values["gate-in"] = token(4712)
    vms.script = [said(200, TYPES), answer(401), MADE]
    outcome = await sent(target, delivery())
    assert isinstance(outcome, Blocked)
    assert "this token is of camera 4712, the site file says id: 4711" in outcome.why
    assert len(vms.requests) == 2


async def test_a_token_of_another_vms_is_named_as_the_cause(vms: Played, made: Made) -> None:
    vms.script = [answer(401)]
    outcome = await sent(made(Vault(gate_in=token(api="web.other.example"))), delivery())
    assert outcome == Blocked(
        "the token is refused (401); it says that it is for web.other.example; put a valid one into its secret"
    )


async def test_a_token_that_may_only_watch_is_named_as_the_cause(vms: Played, made: Made) -> None:
    vms.script = [answer(403)]
    outcome = await sent(made(Vault(gate_in=token(access="watch"))), delivery())
    assert isinstance(outcome, Blocked)
    assert 'its access is "watch", which is read-only: "all" is needed' in outcome.why


@pytest.mark.parametrize("vault", [Vault(), Vault(gate_in="hunter2"), Vault(gate_in=token(4712))])
async def test_a_secret_that_is_missing_or_wrong_parks_the_camera_and_sends_nothing(
    vms: Played, made: Made, vault: Vault
) -> None:
    outcome = await sent(made(vault), delivery())
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms
    assert "hunter2" not in outcome.why
    assert vms.connections == 0


async def test_no_outcome_repeats_a_token_even_when_the_vms_does(vms: Played, made: Made) -> None:
    text = token()
    for status in (400, 401, 404, 429, 500):
        told = {"status": status, "errorDetail": f"token {text} ({INNER}) is not welcome"}
        vms.script = [said(status, told)]
        outcome = await sent(made(Vault(gate_in=text)), delivery())
        assert INNER not in repr(outcome)
        assert text not in repr(outcome)


async def test_without_url_requests_go_where_the_token_says(vms: Played, made: Made) -> None:
    declared(vms)
    vault = Vault(gate_in=token(api="127.0.0.1", api_p=vms.port, path="vms"))
    assert isinstance(await sent(made(vault, url=""), delivery()), Delivered)
    assert vms.heads[1] == b"POST /vms/api/v2/storage/events/ HTTP/1.1"


# -------------------------------------------------------------------------------------------------------- documents

LARGE = event(detail=json.dumps({"log": "x" * 65_000}).encode())
WRITTEN = said(
    200, {"objects": [{"status": 201, "id": "sim_4711_0f3c"}], "meta": {"errors_count": 0, "total_count": 1}}
)


async def test_a_document_is_written_before_the_event(vms: Played, made: Made) -> None:
    vms.script = [said(200, TYPES), WRITTEN, MADE]
    assert await sent(made(), delivery(LARGE)) == Delivered("900001")
    assert [head.split()[1] for head in vms.heads[1:]] == [b"/api/v4/meta/", b"/api/v2/storage/events/"]
    assert json.loads(vms.bodies[1])[0]["raw_data"].encode() == LARGE.detail


@pytest.mark.parametrize("reply", [CUT, answer(500), answer(200, HTML)])
async def test_a_document_that_failed_is_tried_again_for_it_is_there_once(
    vms: Played, made: Made, reply: bytes | str
) -> None:
    vms.script = [said(200, TYPES), reply]
    assert isinstance(await sent(made(), delivery(LARGE)), Retry)
    assert len(vms.requests) == 2


@pytest.mark.parametrize("refusal", [answer(400), said(200, {"objects": [{"status": 404}]})])
async def test_where_an_id_of_ours_is_refused_the_document_is_looked_for_and_written_without(
    vms: Played, made: Made, refusal: bytes
) -> None:
    vms.script = [said(200, TYPES), refusal, said(200, {"objects": []}), WRITTEN, MADE]
    assert await sent(made(), delivery(LARGE)) == Delivered("900001")
    assert vms.heads[2] == b"POST /api/v4/meta/filter/ HTTP/1.1"
    known_by = json.loads(vms.bodies[1])[0]["id"]
    assert vms.bodies[2] == (
        b'{"limit":1,"filter":{"and":[{"field":"string.bridge_document","eq":"%b"}]}}' % known_by.encode()
    )
    assert "id" not in json.loads(vms.bodies[3])[0]


async def test_a_document_refused_for_what_it_is_says_nothing_of_the_next(vms: Played, made: Made) -> None:
    vms.script = [said(200, TYPES), answer(413), said(200, {"objects": []}), answer(413), MADE, WRITTEN, MADE]
    target = made()
    assert await sent(target, delivery(LARGE)) == Delivered("900001")
    assert await sent(target, delivery(event(id="2", detail=LARGE.detail))) == Delivered("900001")
    assert "id" in json.loads(vms.bodies[5])[0]
    assert len(vms.requests) == 7


async def test_where_an_id_of_ours_is_refused_it_is_not_tried_again(vms: Played, made: Made) -> None:
    none = said(200, {"objects": []})
    vms.script = [said(200, TYPES), answer(400), none, WRITTEN, MADE, none, WRITTEN, MADE]
    target = made()
    assert await sent(target, delivery(LARGE)) == Delivered("900001")
    assert await sent(target, delivery(event(id="2", detail=LARGE.detail))) == Delivered("900001")
    assert "id" not in json.loads(vms.bodies[6])[0]


@pytest.mark.parametrize("reply", [CUT, answer(500), answer(503), answer(200, HTML)])
async def test_a_document_that_fails_again_and_again_does_not_hold_its_event_up(
    vms: Played, made: Made, reply: bytes | str
) -> None:
    """Events and documents are two services of VXG; an alarm does not wait until the other one is mended."""

    def answered(request: bytes) -> bytes | str:
        return reply if request.startswith(b"POST /api/v4/meta/") else MADE

    vms.script = [said(200, TYPES)]
    vms.otherwise = answered
    target = made()
    for _ in range(TRIES - 1):
        assert isinstance(await sent(target, delivery(LARGE)), Retry)
    assert await sent(target, delivery(LARGE)) == Delivered("900001")
    assert await sent(target, delivery(LARGE)) == Delivered("900001"), "once given up, each further try is one"
    assert isinstance(await sent(target, delivery(event(id="2", detail=LARGE.detail))), Retry), "another document"


async def test_a_token_that_may_not_write_documents_still_raises_events(vms: Played, made: Made) -> None:
    vms.script = [said(200, TYPES), answer(403), answer(403), answer(403), MADE]
    assert await sent(made(), delivery(LARGE)) == Delivered("900001")


async def test_a_document_found_is_not_written_again(vms: Played, made: Made) -> None:
    vms.script = [said(200, TYPES), answer(400), WRITTEN, MADE]
    assert await sent(made(), delivery(LARGE)) == Delivered("900001")


async def test_a_document_that_is_refused_altogether_does_not_keep_the_event_back(vms: Played, made: Made) -> None:
    vms.script = [said(200, TYPES), answer(400), said(200, {"objects": []}), answer(400), MADE]
    assert await sent(made(), delivery(LARGE)) == Delivered("900001")


# ------------------------------------------------------------------------------------------------------- amendments


def amendment() -> Any:
    return delivery(event(revision=1, changes=("card",)), Action.AMEND, remote_id="900001")


async def test_a_tag_that_is_there_is_changed_and_one_that_is_not_is_added(vms: Played, made: Made) -> None:
    vms.script = [answer(200), answer(404), said(201, {"tag": "card", "data": "00931"}), answer(200)]
    assert await sent(made(meta_document="never"), amendment()) == Delivered("900001")
    assert vms.heads == [
        b"PUT /api/v2/storage/events/900001/meta/title/ HTTP/1.1",
        b"PUT /api/v2/storage/events/900001/meta/card/ HTTP/1.1",
        b"POST /api/v2/storage/events/900001/meta/ HTTP/1.1",
        b"PUT /api/v2/storage/events/900001/meta/bridge_revision/ HTTP/1.1",
    ]
    assert vms.bodies[1:3] == [b'{"data":"00931"}', b'{"tag":"card","data":"00931"}']


@pytest.mark.parametrize("reply", [CUT, answer(500), answer(502), answer(429)])
async def test_an_amendment_may_be_repeated_so_a_failure_is_no_doubt(
    vms: Played, made: Made, reply: bytes | str
) -> None:
    vms.script = [reply]
    assert isinstance(await sent(made(meta_document="never"), amendment()), Retry)


async def test_an_event_that_is_gone_cannot_be_amended(vms: Played, made: Made) -> None:
    vms.otherwise = said(404, {"status": 404, "errorDetail": "Event not found"})
    assert await sent(made(meta_document="never"), amendment()) == Rejected("VXG refused it (404: Event not found)")

"""A global event triggered: which, signed in how, and what becomes of each answer."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

import pytest

from bridge.model import Action, Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry, State, Unanswered
from bridge.simulator.digifort import SimulatedDigifort
from bridge.simulator.faults import Fault, Kind
from bridge.vms.digifort.session import auth_data
from tests.vms.conftest import CUT, OUTWAITED, Played, Vault, answer, event, said, sent
from tests.vms.digifort.conftest import DOCK, GATE, GONE, Hand, Made, delivery, target
from tests.vms.time_passes import NEVER, outwaited

CREATE, TRIGGER, LIST = "CreateAuthSession", "TriggerGlobalEvent", "GetGlobalEvents"
OK = said(200, {"Response": {"Code": 0, "Message": "OK"}})
NO = said(200, {"Response": {"Code": 1, "Message": "Event not found"}})
SESSION = said(200, {"Response": {"Code": 0, "Message": "OK", "Data": {"Session": {"ID": 32, "NOnce": "164EF22C"}}}})
EVENTS = said(200, {"Response": {"Code": 0, "Data": {"GlobalEvents": [{"Name": "bridge-cam01"}]}}})


def asked(digifort: SimulatedDigifort, place: str) -> int:
    return len([each for each in digifort.asked if place in each.path])


def played(made: Made, vms: Played, *script: bytes | str, **more: Any) -> Any:
    vms.script = list(script)
    return made(url=f"http://127.0.0.1:{vms.port}", **more)


# ------------------------------------------------------------------------------------------------------ signing in


def test_a_session_is_signed_as_clients_do_it() -> None:
    """Reference, 3: MD5hex("<NOnce>:<USER>:<P>"), P = MD5hex(password), all in upper case."""
    assert auth_data("ABC", "ADMIN", "secret") == "324A15D9E8671E6EB0BB0F100320F501"


async def test_one_session_serves_many_events_at_once_until_it_has_been_idle(
    digifort: SimulatedDigifort, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = made()
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(sent(ours, delivery(event(id=f"{number}.0"), camera=(DOCK, GATE)[number % 2])))
    assert (asked(digifort, CREATE), len(digifort.triggered)) == (1, 6)
    monkeypatch.setattr("bridge.vms.digifort.api.IDLE", -1.0)
    await sent(ours, delivery())
    assert asked(digifort, CREATE) == 2


async def test_a_session_that_ran_out_is_made_anew_once_and_the_event_triggered_once(
    digifort: SimulatedDigifort, made: Made, hand: Hand
) -> None:
    ours = made()
    await sent(ours, delivery(event(id="before.0")))
    hand.at += 61
    assert await sent(ours, delivery()) == Delivered()
    assert len(digifort.triggered) == 2
    assert (asked(digifort, CREATE), asked(digifort, TRIGGER), asked(digifort, LIST)) == (2, 3, 0)


async def test_a_server_that_wants_the_name_as_it_is_written_gets_it_so_from_then_on(
    digifort: SimulatedDigifort, made: Made
) -> None:
    digifort.users.as_typed = True
    ours = made()
    for number in range(3):
        assert await sent(ours, delivery(event(id=f"{number}.0"))) == Delivered()
    assert asked(digifort, CREATE) == 2
    assert len(digifort.triggered) == 3


async def test_all_that_were_refused_together_are_triggered_once_it_is_known_how_the_name_is_wanted(
    digifort: SimulatedDigifort, made: Made
) -> None:
    """The first events of a morning: one finds it out, none of the others is dead or parks the VMS for it."""
    digifort.users.as_typed = True
    ours = made()
    outcomes = await asyncio.gather(*[sent(ours, delivery(event(id=f"{number}.0"))) for number in range(8)])
    assert outcomes == [Delivered()] * 8
    assert len(digifort.triggered) == 8


@pytest.mark.parametrize("sign_in", ["session", "basic"])
async def test_a_password_that_was_changed_is_read_anew_once(
    digifort: SimulatedDigifort, made: Made, sign_in: str
) -> None:
    secrets = Vault(digifort="first pass")
    ours = made(secrets, sign_in=sign_in)
    await sent(ours, delivery(event(id="before.0")))
    digifort.users.password = "second pass"
    outcome = await sent(ours, delivery(event(id="refused.0")))
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert secrets.reads == 1
    secrets.values["digifort"] = "second pass"
    assert await sent(ours, delivery()) == Delivered()
    assert len(digifort.triggered) == 2


async def test_a_password_that_is_known_to_be_another_is_used_before_the_old_one_is_refused(
    digifort: SimulatedDigifort, made: Made
) -> None:
    secrets = Vault(digifort="first pass")
    ours = made(secrets)
    await sent(ours, delivery(event(id="before.0")))
    digifort.users.password = secrets.kept["digifort"] = "second pass"
    assert await sent(ours, delivery()) == Delivered()
    assert (asked(digifort, CREATE), asked(digifort, TRIGGER)) == (2, 2)


async def test_after_a_refusal_the_name_is_tried_in_the_same_order_again(
    digifort: SimulatedDigifort, made: Made
) -> None:
    ours = made()
    digifort.users.password = "another"
    await sent(ours, delivery(event(id="before.0")))
    digifort.users.password = "first pass"
    before = asked(digifort, CREATE)
    assert await sent(ours, delivery()) == Delivered()
    assert (asked(digifort, CREATE) - before, asked(digifort, TRIGGER)) == (1, 2)


@pytest.mark.parametrize("sign_in", ["session", "basic"])
async def test_a_log_in_that_is_refused_with_401_parks_the_whole_vms(
    digifort: SimulatedDigifort, made: Made, sign_in: str
) -> None:
    digifort.users.status = 401
    outcome = await sent(made(Vault(digifort="wrong"), sign_in=sign_in), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert digifort.triggered == []


async def test_nothing_shows_a_password_nor_what_it_is_signed_with(digifort: SimulatedDigifort, made: Made) -> None:
    ours = made()
    await sent(ours, delivery(event(id="1.0")))
    digifort.users.may = False
    requests = ours.render(delivery())
    told = repr(requests) + repr(vars(ours)) + repr(ours._api._session) + repr(ours.shown(requests[0]))
    told += repr(await sent(ours, delivery())) + repr(await ours.check([DOCK]))
    for number in digifort.api.given:
        assert digifort.api.digest(number) not in told
    assert "first pass" not in told
    assert "first pass" not in repr([(each.path, each.query, each.headers) for each in digifort.asked])


# ---------------------------------------------------------------------------------------------- which event, what text


@pytest.mark.parametrize(
    ("told", "action", "name"),
    [
        ({"type": "access.denied"}, Action.RAISE, "Bridge-CAM01"),
        ({"type": "fire.smoke"}, Action.RAISE, "Bridge-CAM01-Fire"),
        ({"type": "door.open", "state": State.ACTIVE}, Action.RAISE, "Dock door"),
        ({"type": "door.open", "state": State.RESTORED}, Action.RAISE, "Dock door over"),
        ({"type": "door.open", "revision": 1}, Action.AMEND, None),
    ],
)
async def test_the_installer_says_which_global_event_it_is(
    told: dict[str, Any], action: Action, name: str | None
) -> None:
    ours = target(
        events={"fire.*": "Bridge-{camera}-Fire", "door.*": "other"},
        of={DOCK: {"events": {"door.*": "Dock door"}}},
        restored="{event} over",
        amended="",
    )
    requests = ours.render(delivery(event(**told), action=action))
    assert [parse_qs(each.url.partition("?")[2])["Event"] for each in requests] == ([[name]] if name else [])


async def test_the_text_is_the_operators_message_as_far_as_it_has_room(digifort: SimulatedDigifort, made: Made) -> None:
    await sent(made(), delivery(event(title="Gas 412 ppm boiler room\r\nnow", fields={"ppm": 412, "more": "x" * 300})))
    (triggered,) = digifort.triggered
    assert triggered.message.startswith("Gas 412 ppm boiler room  now [0197c3-1.0] Door 17; occurred: 2026-02-03T10")
    assert "; ppm: 412; … [" in triggered.message
    assert len(triggered.message) <= 255
    assert triggered.message.endswith(" more in event 0197c3-1.0]")


@pytest.mark.parametrize("longest", [120, 255])
def test_however_long_a_title_is_the_events_id_stands_after_it(longest: int) -> None:
    (request,) = target(longest_message=longest).render(delivery(event(title="Gas " * 500, sensor_name="x" * 500)))
    message = parse_qs(request.url.partition("?")[2])["OverrideOperatorMessage"][0]
    assert "[0197c3-1.0]" in message
    assert len(message) <= longest
    assert request.raises


async def test_the_configured_message_stays_where_the_installer_says_so(
    digifort: SimulatedDigifort, made: Made
) -> None:
    await sent(made(message=False), delivery())
    assert [each.message for each in digifort.triggered] == [""]
    assert "OverrideOperatorMessage" not in digifort.asked[-1].query


# -------------------------------------------------------------------------------------------------- answers, silences


@pytest.mark.parametrize(
    ("replies", "kind", "whole_vms", "words"),
    [
        ((OK,), Delivered, False, ""),
        ((answer(200, b'\xef\xbb\xbf{"Response":{"Code":0,"Message":"Done"}}'),), Delivered, False, ""),
        ((answer(200, b"<Response><Code>0</Code><Message>OK</Message></Response>"),), Delivered, False, ""),
        ((answer(200, b"RESPONSE_CODE=0\r\nRESPONSE_MESSAGE=OK\r\n"),), Delivered, False, ""),
        ((NO, EVENTS), Rejected, False, "1: Event not found"),
        ((NO, said(200, {"Response": {"Code": 0, "Data": {"GlobalEvents": ["Other"]}}})), Blocked, False,
         "there is no global event Bridge-CAM01"),
        ((NO, answer(200, b"<Response><Code>0</Code></Response>")), Rejected, False, "see whether its user may"),
        ((NO, CUT), Retry, False, "Event not found"),
        ((NO, answer(500)), Rejected, False, "Event not found"),
        ((answer(200, b"<html>welcome</html>"),), Ambiguous, False, "does not say"),
        ((answer(200, b"[" * 100_000),), Ambiguous, False, "does not say"),
        ((answer(200, b'{"Response":{"Code":"many"}}'),), Ambiguous, False, "does not say"),
        ((answer(200, b""),), Ambiguous, False, "does not say"),
        ((answer(403),), Blocked, False, "right to global events"),
        ((answer(404),), Blocked, True, "url"),
        ((answer(302),), Blocked, True, "redirection"),
        ((answer(407),), Blocked, True, "proxy"),
        ((answer(414),), Rejected, False, "longest_message"),
        ((answer(429, b"", "Retry-After: 3"),), Retry, False, "later"),
        ((answer(503),), Retry, False, "503"),
        ((said(500, {"Response": {"Code": 0, "Message": "OK"}}),), Ambiguous, False, "500"),
        ((answer(502),), Ambiguous, False, "502"),
        ((CUT,), Ambiguous, False, "cut"),
    ],
)  # fmt: skip
async def test_what_an_answer_means(
    made: Made, vms: Played, replies: tuple[bytes | str, ...], kind: type[Outcome], whole_vms: bool, words: str
) -> None:
    outcome = await sent(played(made, vms, SESSION, *replies), delivery())
    assert isinstance(outcome, kind)
    assert words in getattr(outcome, "why", "")
    assert getattr(outcome, "whole_vms", False) is whole_vms
    assert len(vms.requests) == 1 + len(replies)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (CUT, Retry), (OUTWAITED, Retry), (answer(500), Retry), (answer(503), Retry), (NO, Retry), (OK, Retry),
        (answer(200, b"<html>"), Retry), (answer(404), Blocked), (answer(401), Blocked), (answer(302), Blocked),
        (said(200, {"Response": {"Code": 0, "Data": {"Session": {"ID": "1&x=2", "NOnce": "A"}}}}), Retry),
    ],
)  # fmt: skip
async def test_without_a_session_nothing_is_triggered_and_nothing_in_doubt(
    made: Made, vms: Played, reply: bytes | str, kind: type[Outcome]
) -> None:
    outcome = await sent(played(made, vms, reply), delivery())
    assert isinstance(outcome, kind)
    assert len(vms.requests) == 1


async def test_a_server_that_is_away_is_said_to_be_away_though_only_a_session_was_asked_for(
    made: Made, vms: Played
) -> None:
    wait = await sent(played(made, vms, answer(502, b"", "Retry-After: 4")), delivery())
    assert isinstance(wait, Retry)
    assert (wait.away, wait.after) == (True, 4.0)


async def test_silence_is_in_doubt_and_nothing_can_be_looked_for(digifort: SimulatedDigifort, made: Made) -> None:
    digifort.faults.add(Fault(kind=Kind.LATE_ANSWER, path=TRIGGER, seconds=NEVER))
    ours = made()
    outcome = await outwaited(sent(ours, delivery()), lambda: digifort.triggered)
    assert isinstance(outcome, Ambiguous)
    assert outcome.away
    assert isinstance(await ours.find(delivery()), Unanswered)


async def test_an_event_that_nobody_made_parks_its_camera_and_no_other(digifort: SimulatedDigifort, made: Made) -> None:
    ours = made()
    outcome = await sent(ours, delivery(camera=GONE))
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms
    assert "Bridge-CAM99; make it" in outcome.why
    assert await sent(ours, delivery()) == Delivered()


async def test_a_right_that_is_missing_is_said_with_what_digifort_says(digifort: SimulatedDigifort, made: Made) -> None:
    digifort.users.may = False
    outcome = await sent(made(), delivery())
    assert isinstance(outcome, Rejected)
    assert "4: No right" in outcome.why


@pytest.mark.parametrize("form", ["XML", "TEXT"])
async def test_answers_in_another_form_than_was_asked_for_are_understood(
    digifort: SimulatedDigifort, made: Made, form: str
) -> None:
    digifort.api.form = form
    assert await sent(made(sign_in="basic"), delivery()) == Delivered()
    digifort.users.may = False
    assert isinstance(await sent(made(sign_in="basic"), delivery()), Rejected)

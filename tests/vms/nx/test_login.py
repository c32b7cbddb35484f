"""Sessions, digest and the cloud: who is told what, how often, and what nobody is told."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.model import Ambiguous, Blocked, Delivered, Retry
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.nx import SimulatedNx, SimulatedNxCloud
from bridge.simulator.nx.cloud import SYSTEM
from tests.vms.conftest import CUT, OUTWAITED, Played, Vault, answer, event, playing, said, sent
from tests.vms.nx.conftest import Made, delivery, target
from tests.vms.time_passes import PATIENCE


def events(many: int) -> list[Any]:
    return [delivery(event(id=f"{number}.0")) for number in range(many)]


# ------------------------------------------------------------------------------------------------------------- session


async def test_the_log_in_is_word_for_word_that_of_the_reference(vms: Played) -> None:
    vms.script = [said(200, {"token": "vms-0f-Xy", "expiresInS": 60}), said(200, {"id": "b"})]
    ours = target(url=f"http://127.0.0.1:{vms.port}", allow_http=True)
    assert await sent(ours, delivery()) == Delivered("b")
    await ours.close()
    host = f"127.0.0.1:{vms.port}".encode()
    assert vms.requests[0] == (
        b"POST /rest/v4/login/sessions HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/json\r\n"
        b'Content-Length: 45\r\n\r\n{"username":"bridge","password":"first pass"}'
    )
    assert b"\r\nAuthorization: Bearer vms-0f-Xy\r\n" in vms.requests[1]
    assert vms.requests[2] == (
        b"DELETE /rest/v4/login/sessions/vms-0f-Xy HTTP/1.1\r\nHost: " + host + b"\r\n"
        b"Authorization: Bearer vms-0f-Xy\r\n\r\n"
    )


async def test_many_at_once_log_in_once_and_log_out_at_the_end(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    outcomes = await asyncio.gather(*[sent(ours, each) for each in events(10)])
    assert all(isinstance(each, Delivered) for each in outcomes)
    assert nx.users.log_ins == 1
    await ours.close()
    assert nx.users.tokens == {}


async def test_a_token_is_renewed_before_it_runs_out(vms: Played) -> None:
    bookmark = said(200, {"id": "b"})
    tokens = [said(200, {"token": f"vms-0f-{number}", "expiresInS": lives}) for number, lives in ((1, 1e-9), (2, 600))]
    vms.script = [tokens[0], bookmark, tokens[1], bookmark, bookmark]
    ours = target(url=f"http://127.0.0.1:{vms.port}", allow_http=True)
    for each in events(3):
        assert await sent(ours, each) == Delivered("b")
    await ours.close()
    used = [re.findall(rb"Bearer vms-0f-(.)", request) for request in vms.requests]
    assert used[:5] == [[], [b"1"], [], [b"2"], [b"2"]]


@pytest.mark.parametrize("status", [401, 403])
async def test_an_old_token_is_replaced_within_the_request(nx: SimulatedNx, made: Made, status: int) -> None:
    """Some versions say so with 401, others with 403 and x-auth-result [9]."""
    ours = made()
    await sent(ours, delivery())
    nx.users.forget()
    nx.users.old_token = status
    assert isinstance(await sent(ours, delivery(event(id="2.0"))), Delivered)
    assert nx.users.log_ins == 2
    assert len(nx.api.bookmarks) == 2


async def test_what_the_user_may_not_parks_and_logs_in_no_more(nx: SimulatedNx, made: Made) -> None:
    nx.users.may_make = False
    outcome = await sent(made(), delivery())
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms
    assert nx.users.log_ins == 1


async def test_a_wrong_password_is_tried_once_however_many_wait(nx: SimulatedNx, made: Made) -> None:
    """Nx shuts out who guesses."""
    ours = made(Vault(nx="wrong"))
    outcomes = await asyncio.gather(*[sent(ours, each) for each in events(12)])
    assert all(isinstance(each, Blocked) and each.whole_vms for each in outcomes)
    assert nx.users.log_ins == 1
    assert "wrong" not in repr(outcomes)


async def test_who_waits_for_a_log_in_that_fails_does_not_wait_again(vms: Played) -> None:
    """Else the last of sixteen would wait sixteen times as long, an alarm too."""
    vms.otherwise = OUTWAITED
    ours = target(url=f"http://127.0.0.1:{vms.port}", allow_http=True, timeout=PATIENCE)
    outcomes = await asyncio.gather(*[sent(ours, each) for each in events(12)])
    assert all(isinstance(each, Retry) and each.away for each in outcomes)
    assert len(vms.requests) == 1
    vms.otherwise = said(200, {"id": "b", "token": "vms-0f-Xy", "expiresInS": 60})
    assert await sent(ours, delivery()) == Delivered("b")
    await ours.close()


async def test_a_new_password_is_tried_at_once(nx: SimulatedNx, made: Made) -> None:
    vault = Vault(nx="wrong")
    ours = made(vault)
    assert isinstance(await sent(ours, delivery()), Blocked)
    vault.values["nx"] = "first pass"
    assert isinstance(await sent(ours, delivery()), Delivered)


async def test_a_password_that_was_changed_in_its_store_is_logged_in_with(nx: SimulatedNx, made: Made) -> None:
    """The token of the old one is used no more, though it has not run out."""
    vault = Vault(nx="first pass")
    ours = made(vault)
    assert isinstance(await sent(ours, delivery()), Delivered)
    nx.users.password = vault.values["nx"] = vault.kept["nx"] = "second pass"
    assert isinstance(await sent(ours, delivery(event(id="2.0"))), Delivered)
    assert nx.users.log_ins == 2


async def test_being_shut_out_is_said_as_that(nx: SimulatedNx, made: Made) -> None:
    nx.users.wrong = 99
    outcome = await sent(made(), delivery())
    assert isinstance(outcome, Blocked)
    assert "too many attempts" in outcome.why


@pytest.mark.parametrize("kind", [Kind.CUT_BEFORE, Kind.CUT_AFTER, Kind.BAD_GATEWAY, Kind.THROTTLED])
async def test_a_log_in_that_fails_is_no_doubt_about_the_event(nx: SimulatedNx, made: Made, kind: Kind) -> None:
    nx.faults.add(Fault(kind=kind, path="/login/sessions"))
    outcome = await sent(made(), delivery())
    assert isinstance(outcome, Retry)
    assert outcome.away is (kind is Kind.BAD_GATEWAY)
    assert nx.api.bookmarks == {}


@pytest.mark.parametrize("reply", [answer(200, b"<html>"), said(200, {"no": "token"}), answer(302), answer(404)])
async def test_what_is_no_log_in_of_nx_is_said(vms: Played, reply: bytes) -> None:
    vms.otherwise = reply
    ours = target(url=f"http://127.0.0.1:{vms.port}", allow_http=True)
    outcome = await sent(ours, delivery())
    await ours.close()
    assert isinstance(outcome, Retry | Blocked)
    assert "url" in outcome.why or "api" in outcome.why


# -------------------------------------------------------------------------------------------------------------- digest


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


async def test_a_digest_is_reckoned_as_rfc_7616_says_with_the_name_in_lower_case(vms: Played) -> None:
    asks = 'WWW-Authenticate: Digest realm="VMS", nonce="5ccc", qop="auth, auth-int", opaque="o\\"p", algorithm=MD5'
    vms.script = [answer(401, b"", "WWW-Authenticate: Basic realm=x", asks), said(200, {"error": "0", "reply": {}})]
    ours = target(
        url=f"http://127.0.0.1:{vms.port}", allow_http=True, user="Bridge", login="digest", way="event", api="v3"
    )
    assert isinstance(await sent(ours, delivery()), Delivered)
    await ours.close()
    first, second = vms.requests
    assert b"Authorization" not in first
    told = re.search(rb"\r\nAuthorization: Digest (.+)\r\n", second)
    assert told is not None
    parts = dict(re.findall(r'(\w+)="?((?:[^",\\]|\\.)*)"?', told[1].decode()))
    ha1, ha2 = md5("bridge:VMS:first pass"), md5("POST:/api/createEvent")
    assert parts["response"] == md5(f"{ha1}:5ccc:00000001:{parts['cnonce']}:auth:{ha2}")
    expected = {"username": "bridge", "uri": "/api/createEvent", "qop": "auth", "nc": "00000001", "algorithm": "MD5"}
    assert expected.items() <= parts.items()
    assert parts["opaque"] == 'o\\"p'


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_challenge_without_qop_is_answered_in_the_old_way(vms: Played, algorithm: str) -> None:
    asks = f'WWW-Authenticate: Digest realm="VMS", nonce="5ccc", algorithm={algorithm}'
    vms.script = [answer(401, b"", asks), said(200, {"error": "0", "reply": {}})]
    more: dict[str, Any] = {"login": "digest", "way": "event", "api": "v1"}
    ours = target(url=f"http://127.0.0.1:{vms.port}", allow_http=True, **more)
    assert isinstance(await sent(ours, delivery()), Delivered)
    await ours.close()

    def summed(text: str) -> str:
        return md5(text) if algorithm == "MD5" else hashlib.sha256(text.encode()).hexdigest()

    response = summed(f"{summed('bridge:VMS:first pass')}:5ccc:{summed('POST:/api/createEvent')}")
    expected = (
        f'Authorization: Digest username="bridge", realm="VMS", nonce="5ccc", uri="/api/createEvent", '
        f'algorithm={algorithm}, response="{response}"\r\n'
    )
    assert expected.encode() in vms.requests[1]


async def test_only_the_first_request_is_asked_twice(nx: SimulatedNx, made: Made) -> None:
    ours = made(login="digest", way="both")
    for each in events(3):
        assert isinstance(await sent(ours, each), Delivered)
    assert len(nx.asked) == 1 + 6
    nx.users.forget()
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert len(nx.asked) == 7 + 1 + 2
    assert len(nx.api.events) == len(nx.api.bookmarks) == 4
    assert nx.users.log_ins == 0


async def test_a_changed_password_is_read_again_and_a_wrong_one_parks(nx: SimulatedNx, made: Made) -> None:
    vault = Vault(nx="first pass")
    ours = made(vault, login="digest")
    assert isinstance(await sent(ours, delivery()), Delivered)
    nx.users.password = vault.values["nx"] = "second pass"
    assert isinstance(await sent(ours, delivery(event(id="2.0"))), Delivered)
    nx.users.password = "third"
    outcome = await sent(ours, delivery(event(id="3.0")))
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert len(nx.api.bookmarks) == 2


async def test_a_wrong_password_is_tried_once_by_digest_too(nx: SimulatedNx, made: Made) -> None:
    ours = made(Vault(nx="wrong"), login="digest")
    outcomes = await asyncio.gather(*[sent(ours, each) for each in events(12)])
    assert all(isinstance(each, Blocked) and each.whole_vms for each in outcomes)
    assert nx.users.wrong == 1


async def test_many_at_once_get_through_by_digest(nx: SimulatedNx, made: Made) -> None:
    ours = made(login="digest")
    for _ in range(2):
        outcomes = await asyncio.gather(*[sent(ours, each) for each in events(12)])
        assert all(isinstance(each, Delivered) for each in outcomes)
    assert nx.users.wrong == 0


async def test_a_user_without_digest_is_told_to_use_a_session(nx: SimulatedNx, made: Made) -> None:
    nx.users.methods = "sessions"
    ours = made(login="digest")
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Blocked)
    assert "login: session" in outcome.why
    (finding,) = await ours.check([])
    assert not finding.ok
    assert finding.remedy == "this user may not log in so; it may with login: session"


def test_a_dry_run_shows_the_answer_to_the_challenge_as_a_secret() -> None:
    ours = target(login="digest")
    (request,) = ours.render(delivery())
    assert b"\r\nAuthorization: Digest {secret:nx}\r\n" in ours.shown(request)


# --------------------------------------------------------------------------------------------------------------- cloud


@pytest.fixture
async def cloud(nx: SimulatedNx) -> AsyncIterator[SimulatedNxCloud]:
    async with SimulatedNxCloud(nx) as simulated:
        yield simulated


def through(cloud: SimulatedNxCloud, **more: Any) -> dict[str, Any]:
    place = {"system": SYSTEM, "host": cloud.base_url, "relay": "localhost", **more}
    return {"url": cloud.base_url, "user": cloud.user, "login": "cloud", "cloud": place}


async def test_the_cloud_gives_a_token_for_this_site_alone(cloud: SimulatedNxCloud, made: Made) -> None:
    ours = made(Vault(nx="cloud pass"), **through(cloud))
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert cloud.grants == [
        {
            "grant_type": "password", "response_type": "token", "client_id": "3rdParty",
            "username": "bridge@harbour.example", "password": "cloud pass",
            "scope": "cloudSystemId=0f1a2b3c-0000-4000-8000-0123456789ab",
        }
    ]  # fmt: skip
    assert list(cloud.grants[0])[:3] == ["grant_type", "response_type", "client_id"]
    (token,) = cloud.node.users.scoped
    await ours.close()
    assert cloud.revoked == [token]


async def test_the_relay_is_followed_with_token_and_body(nx: SimulatedNx, cloud: SimulatedNxCloud, made: Made) -> None:
    cloud.hops = 4
    ours = made(Vault(nx="cloud pass"), **through(cloud))
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert len(cloud.relayed) == 5
    (asked,) = nx.asked
    assert asked.headers[b"authorization"].startswith(b"Bearer nxcdb-")
    assert b"Access denied" in asked.body
    assert len(nx.api.bookmarks) == 1
    cloud.hops = 5
    outcome = await sent(ours, delivery(event(id="2.0")))
    assert isinstance(outcome, Retry)
    assert "more than 5 times" in outcome.why


async def test_the_token_goes_to_nobody_outside_the_relay(cloud: SimulatedNxCloud, made: Made) -> None:
    async with playing() as stranger:
        cloud.sends_on_to = f"http://localhost:{stranger.port}"
        ours = made(Vault(nx="cloud pass"), **through(cloud, relay="vmsproxy.com"))
        outcome = await sent(ours, delivery())
        assert isinstance(outcome, Blocked)
        assert outcome.whole_vms
        assert "not below vmsproxy.com" in outcome.why
        assert stranger.requests == []


async def test_a_node_that_is_cut_off_leaves_the_event_in_doubt(
    nx: SimulatedNx, cloud: SimulatedNxCloud, made: Made
) -> None:
    nx.faults.add(Fault(kind=Kind.CUT_AFTER, method="POST", next=1))
    assert isinstance(await sent(made(Vault(nx="cloud pass"), **through(cloud)), delivery()), Ambiguous)


async def test_a_token_that_ran_out_is_refreshed_with_the_newest_refresh_token(
    cloud: SimulatedNxCloud, made: Made
) -> None:
    cloud.lifetime = 1e-9
    ours = made(Vault(nx="cloud pass"), **through(cloud))
    refresh = []
    for each in events(3):
        assert isinstance(await sent(ours, each), Delivered)
        refresh.append(cloud.refresh)
    assert [each["grant_type"] for each in cloud.grants] == ["password", "refresh_token", "refresh_token"]
    assert [each.get("refresh_token") for each in cloud.grants[1:]] == refresh[:2]
    cloud.refresh = "revoked"
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert [each["grant_type"] for each in cloud.grants[3:]] == ["refresh_token", "password"]


async def test_a_token_the_site_refuses_is_fetched_anew_with_the_password(
    nx: SimulatedNx, cloud: SimulatedNxCloud, made: Made
) -> None:
    ours = made(Vault(nx="cloud pass"), **through(cloud))
    assert isinstance(await sent(ours, delivery()), Delivered)
    nx.users.scoped.clear()
    assert isinstance(await sent(ours, delivery(event(id="2.0"))), Delivered)
    assert [each["grant_type"] for each in cloud.grants] == ["password", "password"]


async def test_the_clouds_refusal_parks_and_says_what_it_may_be(cloud: SimulatedNxCloud, made: Made) -> None:
    outcome = await sent(made(Vault(nx="wrong"), **through(cloud)), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert "second factor" in outcome.why
    assert len(cloud.grants) == 1


async def test_a_cut_cloud_is_tried_later(vms: Played, cloud: SimulatedNxCloud, made: Made) -> None:
    vms.otherwise = CUT
    more = through(cloud)
    more["cloud"]["host"] = f"http://127.0.0.1:{vms.port}"
    outcome = await sent(made(Vault(nx="cloud pass"), **more), delivery())
    assert isinstance(outcome, Retry)

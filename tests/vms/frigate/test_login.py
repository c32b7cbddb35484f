"""Logging in to a Frigate: for a cookie, once for all, and what comes of a password that is refused or gone."""

from __future__ import annotations

import asyncio

import pytest

from bridge.model import Blocked, Delivered, Retry
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.frigate import SimulatedFrigate
from tests.vms.conftest import Vault, event, sent
from tests.vms.frigate.conftest import Made, asked, delivery

LOGIN = "/api/login"


async def test_one_log_in_serves_many_events(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(sent(ours, delivery(event(id=f"{number}.0"))))
    assert len(frigate.events) == 20
    assert frigate.users.log_ins == 1


async def test_a_log_in_that_ran_out_is_made_anew_once(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    await sent(ours, delivery())
    frigate.users.forget()
    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(sent(ours, delivery(event(id=f"{number}.0"))))
    assert len(frigate.events) == 9
    assert frigate.users.log_ins == 2


async def test_a_cookie_that_frigate_renews_is_used_from_then_on(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.users.renew = frigate.users.lifetime
    ours = made()
    await sent(ours, delivery())
    newest = list(frigate.users.sessions)[-1]
    frigate.users.renew = 0.0
    await sent(ours, delivery(event(id="2.0")))
    assert frigate.asked[-1].headers[b"cookie"].decode() == f"frigate_token={newest}"
    assert frigate.users.log_ins == 1


async def test_the_literal_log_in(frigate: SimulatedFrigate, made: Made) -> None:
    """Section 1."""
    await sent(made(), delivery())
    first = frigate.asked[0]
    assert first.head.startswith(b"POST /api/login HTTP/1.1\r\nHost: ")
    assert first.body == b'{"user":"bridge","password":"first pass"}'
    assert b"origin" not in first.headers


async def test_where_auth_is_switched_off_no_log_in_is_needed(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.users.enabled = False
    assert isinstance(await sent(made(), delivery()), Delivered)
    assert b"cookie" not in frigate.asked[-1].headers


async def test_the_open_port_needs_none_either(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.users.name = None
    assert isinstance(await sent(made(Vault(), user="", password=None, allow_http=False), delivery()), Delivered)
    assert asked(frigate, LOGIN) == 0


async def test_the_closed_port_without_a_user_parks(frigate: SimulatedFrigate, made: Made) -> None:
    outcome = await sent(made(Vault(), user="", password=None), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert "user and password" in outcome.why


async def test_log_ins_that_are_limited_are_waited_for(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.users.most_failures = 0
    outcome = await sent(made(), delivery())
    assert isinstance(outcome, Retry)
    assert outcome.after == 7.0
    assert not outcome.away


async def test_a_wrong_password_is_asked_once_and_parks(frigate: SimulatedFrigate, made: Made) -> None:
    """It limits failed log-ins."""
    outcome = await sent(made(Vault(frigate="wrong")), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert frigate.users.failures == 1
    assert "wrong" not in outcome.why.replace("see its password", "")


async def test_a_password_changed_before_the_first_log_in_is_read_again(frigate: SimulatedFrigate, made: Made) -> None:
    vault = Vault(frigate="old pass")
    vault.values["frigate"] = "first pass"
    assert isinstance(await sent(made(vault), delivery()), Delivered)


async def test_another_name_of_the_cookie_is_a_setting(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.users.cookie = "site_token"
    refused = await sent(made(), delivery())
    assert isinstance(refused, Blocked)
    assert "auth.cookie_name" in refused.why
    assert isinstance(await sent(made(cookie="site_token"), delivery()), Delivered)


async def test_a_viewer_may_not_create_and_that_parks(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.users.role = "viewer"
    outcome = await sent(made(), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert "role admin" in outcome.why


async def test_a_header_secret_that_was_rotated_is_taken_up(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.users.name = None
    vault = Vault(proxy="old")
    vault.values["proxy"] = "new"
    frigate.faults.add(Fault(kind=Kind.UNAUTHORIZED, path="create", next=1))
    ours = made(vault, user="", password=None, headers={"X-Proxy-Secret": "secret:proxy"})
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert [each.headers[b"x-proxy-secret"] for each in frigate.asked if "create" in each.path] == [b"old", b"new"]


async def test_a_wrong_password_is_tried_once_however_many_wait_for_it(frigate: SimulatedFrigate, made: Made) -> None:
    """It limits failed log-ins: those of a moment would keep the right password out for an hour."""
    ours = made(Vault(frigate="wrong"))
    outcomes = await asyncio.gather(*[sent(ours, delivery(event(id=f"{number}.0"))) for number in range(8)])
    assert all(isinstance(each, Blocked) and each.whole_vms for each in outcomes)
    assert frigate.users.failures == 1


async def test_a_password_that_is_refused_and_then_gone_from_its_store_parks(
    frigate: SimulatedFrigate, made: Made
) -> None:
    """Not an error of the target's own, after five of which an event is dead."""
    vault = Vault(frigate="old pass")
    del vault.values["frigate"]
    outcome = await sent(made(vault), delivery())
    assert outcome == Blocked("there is no secret frigate", whole_vms=True)


@pytest.mark.parametrize("kind", [Kind.CUT_BEFORE, Kind.CUT_AFTER])
async def test_an_event_whose_log_in_was_not_answered_is_surely_not_created(
    frigate: SimulatedFrigate, made: Made, kind: Kind
) -> None:
    """So that none is told as a possible duplicate for it."""
    frigate.faults.add(Fault(kind=kind, path=LOGIN, next=1))
    ours = made()
    assert isinstance(await sent(ours, delivery()), Retry)
    assert frigate.events == []
    assert isinstance(await sent(ours, delivery()), Delivered)

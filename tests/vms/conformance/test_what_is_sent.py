"""The bytes: those of the reference, those of the dry run, and what becomes of much of them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.model import Action, Delivered, Found
from bridge.vms.base import PLAIN, Request
from tests.vms.conformance.subject import Running, Subject, running
from tests.vms.conftest import event

Any_ = Subject[Any]


def plain(run: Running[Any]) -> list[bytes]:
    """What was sent, without logging in."""
    return [each for each in run.wire if not run.subject.is_besides(each)]


def surely(run: Running[Any], requests: list[bytes]) -> list[bytes]:
    """Of an amendment: what no answer of the VMS decides about."""
    return [each for each in requests if not re.search(run.subject.depends, each.split(b"\r\n", 1)[0])]


async def test_the_requests_are_word_for_word_those_of_the_reference(subject: Any_) -> None:
    async with running(subject) as run:
        assert isinstance(await run.sent(run.delivery()), Delivered)
        names = {"{host}": f"localhost:{run.tap.port}", **run.subject.meant(run.sim, run.vault)}
        names["{token}"] = next((real for said, real in names.items() if said.startswith("{secret:")), "")
        expected = subject.literal
        for said, real in names.items():
            expected = expected.replace(said, real)
        assert b"".join(plain(run)).decode() == expected


async def test_a_dry_run_shows_the_bytes_that_are_sent(subject: Any_) -> None:
    """Also of text in every script; neither it nor the requests show a secret."""
    told = event(title="Příjezd 车 «q» 'x' | \\ \n\t end", fields={"jméno": "žluťoučký\r\nkůň", "n": None, "b": True})
    async with running(subject) as run:
        requests = run.target.render(run.delivery(told))
        shown = [run.target.shown(request) for request in requests]
        assert isinstance(await run.sent(run.delivery(told)), Delivered)
        assert [run.as_sent(each) for each in shown] == plain(run)
        nobody_is_told_a_secret(run, shown, requests)


@pytest.mark.content
async def test_a_dry_run_shows_the_bytes_of_an_amendment(subject: Any_) -> None:
    async with running(subject) as run:
        outcome = await run.sent(run.delivery())
        assert isinstance(outcome, Delivered)
        run.wire.clear()
        later = event(title="Later", revision=1, changes=("card",), fields={"card": "2"})
        amendment = run.delivery(later, action=Action.AMEND, remote_id=outcome.remote_id or None)
        requests = run.target.render(amendment)
        shown = [run.target.shown(request) for request in requests]
        assert isinstance(await run.sent(amendment), Delivered)
        shown_there, sent_there = [run.as_sent(each) for each in shown], plain(run)
        assert shown_there[-1].split(b"\r\n")[0] == sent_there[-1].split(b"\r\n")[0]
        assert surely(run, shown_there) == surely(run, sent_there)
        nobody_is_told_a_secret(run, shown, requests)


def nobody_is_told_a_secret(run: Running[Any], shown: Sequence[bytes], requests: Sequence[Request]) -> None:
    for secret in run.vault.values.values():
        assert secret.encode() not in b"".join(shown)
        assert secret not in repr(requests)


async def test_it_says_of_itself_what_the_vms_can(subject: Any_) -> None:
    async with running(subject) as run:
        assert (run.target.can.search, run.target.can.backdate) == (subject.searched, subject.backdates)


async def test_a_plain_request_is_its_body_alone(subject: Any_) -> None:
    async with running(subject) as run:
        for request in run.target.render(run.delivery()):
            if request.method == PLAIN:
                assert run.target.shown(request) == request.body
                assert request.url.startswith(("tcp://", "udp://"))


async def test_rendering_is_pure(subject: Any_) -> None:
    async with running(subject) as one, running(subject) as other:
        before = [each.body for each in one.target.render(one.delivery())]
        await one.sent(one.delivery(event(id="another")))
        assert [each.body for each in one.target.render(one.delivery())] == before
        assert [each.body for each in other.target.render(other.delivery())] == before


@pytest.mark.content
@pytest.mark.parametrize(
    "text",
    [
        "Příliš žluťoučký kůň",
        "车牌 京A·12345",
        "سيارة ١٢٣",
        "🚗 outside the plane",
        "half \ud83d a pair",
        "a\x00b\x1bc\x7f",
    ],
)
async def test_text_in_any_script_arrives_and_is_found_again(subject: Any_, text: str) -> None:
    """Only what a VMS cannot hold is replaced, character by character."""
    async with running(subject) as run:
        told = event(title=text, fields={"owner": text}, detail=json.dumps({"text": text}).encode())
        assert isinstance(await run.sent(run.delivery(told)), Delivered)
        (held,) = run.held
        assert held.event == told.id
        for word in re.findall(r"[^\W\U00010000-\U0010ffff]+", text):
            assert word in held.text
        if run.target.can.search:
            assert isinstance(await run.target.find(run.delivery(told)), Found)


@pytest.mark.content
@pytest.mark.parametrize("sort", ["one long value", "many fields", "a long message"])
async def test_64_kb_arrive_or_are_shortened_visibly(subject: Any_, sort: str) -> None:
    long = "; ".join(f"pole {number}: ěščř" for number in range(4000))
    told = {
        "one long value": event(fields={"all": long}),
        "many fields": event(fields={f"pole_{number}": f"hodnota ěščř {number}" for number in range(2500)}),
        "a long message": event(detail=json.dumps({"log": long}, ensure_ascii=False).encode()),
    }[sort]
    async with running(subject) as run:
        assert isinstance(await run.sent(run.delivery(told)), Delivered)
        (held,) = run.held
        last = "hodnota ěščř 2499" if sort == "many fields" else "pole 3999: ěščř"
        shortened = f"in event {told.id}" in held.text
        assert shortened or last in held.text
        if run.target.can.search:
            assert isinstance(await run.target.find(run.delivery(told)), Found)


SYDNEY, PRAGUE = ZoneInfo("Australia/Sydney"), ZoneInfo("Europe/Prague")


@pytest.mark.content
@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 4, 4, 15, 30, 0, 1, UTC),  # Sydney, 02:30 for the first time: the clock goes back at 03:00
        datetime(2026, 4, 4, 16, 30, 0, 1, UTC),  # 02:30 for the second
        datetime(2026, 10, 3, 16, 0, tzinfo=UTC),  # the moment at which it goes forward
        datetime(2026, 4, 5, 2, 30, fold=0, tzinfo=SYDNEY),
        datetime(2026, 4, 5, 2, 30, fold=1, tzinfo=SYDNEY),
        datetime(2026, 3, 29, 3, 0, tzinfo=PRAGUE),
        datetime(2026, 12, 31, 23, 59, 59, 999999, timezone(timedelta(hours=-11))),
    ],
)
async def test_a_moment_stays_that_moment_whatever_the_zones(
    subject: Any_, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        async with running(subject) as run:
            assert isinstance(await run.sent(run.delivery(event(occurred_at=at))), Delivered)
            assert [held.at.astimezone(UTC) for held in run.held] == [at.astimezone(UTC)]
            if run.target.can.search:
                assert isinstance(await run.target.find(run.delivery(event(occurred_at=at))), Found)
    finally:
        monkeypatch.undo()
        time.tzset()

"""Every fault, for every target: what was surely not taken is tried again, what may have been is never simply so."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from bridge.model import Absent, Ambiguous, Blocked, Delivered, Found, Outcome, Retry, Unanswered
from tests.vms.conformance.subject import Fate, Running, Subject, running, status
from tests.vms.conftest import event

Any_ = Subject[Any]
SILENT = (Fate.SILENT_BEFORE, Fate.SILENT_AFTER)
CERTIFICATE = Path(__file__).parent.parent / "http" / "test-only.pem"
DER = ssl.PEM_cert_to_DER_cert("-----BEGIN CERTIFICATE" + CERTIFICATE.read_text().split("-----BEGIN CERTIFICATE")[1])


async def as_before(run: Running[Any]) -> None:
    """The VMS has taken one event before the trouble begins: types are declared, a token is held."""
    assert isinstance(await run.sent(run.delivery(event(id="before.0"))), Delivered)
    run.wire.clear()


@pytest.mark.an_answer
async def test_nobody_there_is_surely_not_taken(subject: Any_) -> None:
    async with running(subject) as run:
        await run.subject.refuse(run)
        outcome = await run.sent(run.delivery())
        assert isinstance(outcome, Retry)
        assert outcome.away
        assert run.held == []


@pytest.mark.an_answer
@pytest.mark.parametrize("fate", list(Fate))
async def test_an_answer_that_does_not_come_is_in_doubt_and_the_search_tells(subject: Any_, fate: Fate) -> None:
    """Where it can be searched: what is there is found, what is not there is not."""
    taken = fate in (Fate.CUT_AFTER, Fate.SILENT_AFTER)
    async with running(subject) as run:
        await as_before(run)
        run.subject.meets(run, fate)
        outcome = await run.sent(run.delivery())
        assert isinstance(outcome, Ambiguous)
        assert outcome.away is (fate in SILENT)
        found = await run.target.find(run.delivery())
        if not run.target.can.search:
            assert isinstance(found, Unanswered)
        elif not taken:
            assert isinstance(found, Absent)
        elif event().id in [held.event for held in run.held]:
            assert isinstance(found, Found)
        else:  # the alarm is there, what belongs to it is not yet: it is gone on with, no second is raised
            assert isinstance(found, Absent)


@pytest.mark.http
@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
async def test_a_vms_in_trouble_is_asked_again(subject: Any_, code: int) -> None:
    async with running(subject) as run:
        await as_before(run)
        run.subject.meets(run, status(code, "Retry-After: 7"))
        outcome = await run.sent(run.delivery())
        assert isinstance(outcome, Retry | Ambiguous)
        assert outcome.after == 7.0
        assert outcome.away is (code in (502, 503, 504))


@pytest.mark.a_secret
async def test_a_secret_that_was_rotated_is_taken_up_in_the_same_request(subject: Any_) -> None:
    async with running(subject) as run:
        await as_before(run)
        run.vault.values[subject.secret] = run.subject.rotate(run)
        assert isinstance(await run.sent(run.delivery()), Delivered)
        assert [held.event for held in run.held] == (["before.0", event().id] if subject.carries else ["", ""])


@pytest.mark.a_secret
async def test_a_secret_that_is_refused_parks_and_raises_nothing(subject: Any_) -> None:
    async with running(subject) as run:
        run.subject.rotate(run)
        outcome = await run.sent(run.delivery())
        assert isinstance(outcome, Blocked)
        assert run.held == []
        assert run.vault.values[subject.secret] not in repr(outcome)
        assert run.vault.reads <= 2


@pytest.mark.a_secret
async def test_a_secret_that_nobody_has_parks_and_says_which(subject: Any_) -> None:
    async with running(subject) as run:
        run.vault.values.clear()
        run.vault.kept.clear()
        outcome = await run.sent(run.delivery())
        assert isinstance(outcome, Blocked)
        assert subject.secret in outcome.why
        assert run.wire == []


def server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.mark.http
@pytest.mark.parametrize(
    ("trust", "trusted"),
    [
        ({}, False),
        ({"fingerprint": hashlib.sha256(DER).hexdigest()}, True),
        ({"fingerprint": "0" * 64}, False),
        ({"ca_file": str(CERTIFICATE)}, True),
    ],
    ids=["self-signed", "pinned", "another pinned", "own authority"],
)
async def test_who_is_not_trusted_is_told_nothing(subject: Any_, trust: dict[str, str], trusted: bool) -> None:
    async with running(subject, server_side(), tls=trust) as run:
        outcome: Outcome = await run.sent(run.delivery())
        if trusted:
            assert isinstance(outcome, Delivered)
        else:
            assert isinstance(outcome, Retry)
            assert "certificate" in outcome.why
            assert run.wire == []
            assert run.held == []

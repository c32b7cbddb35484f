"""Every row of the receipt table over HTTP, and never an answer before the commit."""

from __future__ import annotations

import asyncio

import pytest

from bridge.model import Receipt, ReceiptKind
from connectors.base import Mode
from tests.connectors.conftest import Inbox, http, running
from tests.connectors.http_client import connected, post, request

GATE: dict[str, object] = {"path": "/gate"}


@pytest.mark.parametrize("kind", [ReceiptKind.ACCEPTED, ReceiptKind.DUPLICATE, ReceiptKind.FILTERED])
async def test_what_is_kept_is_answered_200_with_a_short_body(kind: ReceiptKind) -> None:
    async with running(http(GATE), Inbox([Receipt(kind)])) as way:
        answer = await post(way.port, body=b'{"a":1}')
        assert (answer.status, answer.body) == (200, kind.value)
        assert way.inbox.bodies == [b'{"a":1}']


@pytest.mark.parametrize("answer", ["tolerant", "strict"])
async def test_an_unknown_sender_is_answered_200_because_it_is_quarantined(answer: str) -> None:
    async with running(http(GATE, answer=answer), Inbox([Receipt(ReceiptKind.UNKNOWN, "nobody")])) as way:
        assert (await post(way.port, "/elsewhere")).status == 200
        assert way.inbox.messages[0].origin.place == "/elsewhere"


async def test_what_nobody_can_read_is_answered_200_unless_the_sender_wants_to_be_told() -> None:
    malformed = Receipt(ReceiptKind.MALFORMED, "no JSON at byte 3")
    async with running(http(GATE), Inbox([malformed])) as way:
        assert (await post(way.port)).status == 200
    async with running(http(GATE, answer="strict"), Inbox([malformed])) as way:
        answer = await post(way.port)
        assert (answer.status, answer.body) == (400, "malformed: no JSON at byte 3")
        assert len(way.inbox.kept) == 1


@pytest.mark.parametrize(("after", "said"), [(0.0, "2"), (0.2, "1"), (30.0, "30"), (1.2, "2")])
async def test_later_is_answered_503_and_when_to_try_again(after: float, said: str) -> None:
    async with running(http(GATE), Inbox([Receipt(ReceiptKind.LATER, "disk full", after=after)])) as way:
        answer = await post(way.port)
        assert (answer.status, answer.headers["retry-after"]) == (503, said)


async def test_no_byte_is_answered_before_the_commit(inbox: Inbox) -> None:
    inbox.open.clear()
    async with running(http(GATE), inbox) as way, connected(way.port) as sender:
        await sender.write(request())
        await inbox.hold(1)
        async with connected(way.port) as other:  # a whole exchange elsewhere, so that time has passed for certain
            await other.write(request(method="GET"))
            await other.answer()
        assert sender.heard_nothing()
        inbox.open.set()
        assert (await sender.answer()).status == 200


async def test_a_dry_run_submits_everything_and_leaves_it_with_its_sender(inbox: Inbox) -> None:
    inbox.receipts = [Receipt(kind) for kind in ReceiptKind]
    async with running(http(GATE), inbox, Mode.OBSERVE) as way:
        for _ in ReceiptKind:
            answer = await post(way.port)
            assert (answer.status, answer.body) == (503, "dry run, try later")
            assert int(answer.headers["retry-after"]) > 0
        assert len(inbox.messages) == len(ReceiptKind)
        assert way.connector.taken == 0


async def test_a_dry_run_that_may_accept_answers_by_receipt_and_counts_what_it_took(inbox: Inbox) -> None:
    connector = http(GATE)
    connector.accept_in_observe = True
    inbox.receipts = [Receipt(ReceiptKind.ACCEPTED), Receipt(ReceiptKind.LATER), Receipt(ReceiptKind.UNKNOWN)]
    async with running(connector, inbox, Mode.OBSERVE) as way:
        assert [(await post(way.port)).status for _ in range(3)] == [200, 503, 200]
        assert connector.taken == 2


async def test_what_is_in_flight_when_the_connector_stops_is_answered(inbox: Inbox) -> None:
    inbox.open.clear()
    async with running(http(GATE), inbox) as way, connected(way.port) as sender, connected(way.port) as idle:
        await sender.write(request())
        await inbox.hold(1)
        port = way.port
        way.task.cancel()
        assert await idle.closed()
        with pytest.raises(ConnectionError):
            await post(port)
        inbox.open.set()
        answer = await sender.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        async with asyncio.timeout(30):
            await way.task
        assert way.connector.bound == ""


async def test_stopping_does_not_wait_for_ever_for_the_intake(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.http.connector.FINISH_WITHIN", 0.05)
    inbox.open.clear()
    async with running(http(GATE), inbox) as way, connected(way.port) as sender:
        await sender.write(request())
        await inbox.hold(1)
        await way.stop()
        assert (await sender.answer()).status == 503


async def test_a_fault_behind_the_door_is_never_an_acknowledgement() -> None:
    class Broken(Inbox):
        async def submit(self, message: object) -> Receipt:
            raise RuntimeError("a fault of ours")

    async with running(http(GATE), Broken()) as way:
        assert (await post(way.port)).status == 500
        assert (await post(way.port)).status == 500

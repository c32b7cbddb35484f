"""Looking for an event by the value of its tag, and trying a camera's token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.model import Absent, Action, CameraId, Found, Unanswered
from tests.vms.conftest import CUT, Played, Vault, answer, event, nobody_there, said, token
from tests.vms.vxg.conftest import GATE, Made, delivery

LIST = (
    b"GET /api/v2/storage/events/?camid=4711&events=access_denied&start=2026-02-03T10:15:28.250"
    b"&end=2026-02-03T10:15:32.250&include_meta=true&order_by=time&limit=200&offset=%d HTTP/1.1"
)


def page(total: int | None, *events: tuple[int, str | None]) -> bytes:
    objects: list[dict[str, Any]] = []
    for number, ours in events:
        meta = None if ours is None else {"bridge_event": ours, "card": "1"}
        objects.append({"id": number, "camid": 4711, "name": "access_denied", "meta": meta})
    meta = {"limit": 200, "offset": 0, "next": "/api/v2/storage/events/?offset=200"}
    return said(200, {"meta": meta if total is None else {**meta, "total_count": total}, "objects": objects})


async def test_the_search_is_by_camera_type_and_time_and_compares_the_value(vms: Played, made: Made) -> None:
    vms.script = [page(3, (1, "other"), (2, None), (3, "0197c3-1.0"))]
    assert await made().find(delivery()) == Found("3")
    assert vms.heads == [LIST % 0]


async def test_another_event_at_the_same_time_is_not_ours(vms: Played, made: Made) -> None:
    vms.script = [page(2, (1, "0197c3-1.00"), (2, ""))]
    assert await made().find(delivery()) == Absent()


@pytest.mark.parametrize("total", [401, None])
async def test_every_page_is_looked_at(vms: Played, made: Made, total: int | None) -> None:
    full = [(number, "other") for number in range(200)]
    vms.script = [page(total, *full), page(total, *full), page(total, (900, "0197c3-1.0"))]
    assert await made().find(delivery()) == Found("900")
    assert vms.heads == [LIST % 0, LIST % 200, LIST % 400]


async def test_an_event_of_somebody_else_with_odd_tags_hides_none_of_ours(vms: Played, made: Made) -> None:
    odd = [{"id": number, "meta": meta} for number, meta in enumerate(([], "text", 7, None, {"bridge_event": 5}))]
    ours = {"id": 9, "meta": {"bridge_event": "0197c3-1.0"}}
    vms.script = [said(200, {"meta": {"total_count": 6}, "objects": [*odd, ours]})]
    assert await made().find(delivery()) == Found("9")


async def test_pages_smaller_than_asked_for_are_still_followed_to_the_end(vms: Played, made: Made) -> None:
    """How many are in a page at most is not documented; an event overlooked would be raised twice."""
    vms.script = [page(None, (1, "other")), page(None, (2, "0197c3-1.0"))]
    assert await made().find(delivery()) == Found("2")
    vms.script = [page(None, (1, "other")), page(None)]
    assert await made().find(delivery()) == Absent()


@pytest.mark.parametrize("reply", [CUT, answer(500), answer(401), answer(429), answer(200, b"<html>"), answer(200)])
async def test_a_search_that_fails_says_nothing_about_the_event(vms: Played, made: Made, reply: bytes | str) -> None:
    vms.script = [reply]
    assert isinstance(await made().find(delivery()), Unanswered)


async def test_without_a_usable_token_the_search_is_unanswered(vms: Played, made: Made) -> None:
    assert isinstance(await made(Vault()).find(delivery()), Unanswered)


@pytest.mark.parametrize(("written", "found"), [("1", True), ("2", True), ("0", False), (None, False), ("x", False)])
async def test_an_amendment_is_found_by_its_revision(vms: Played, made: Made, written: str | None, found: bool) -> None:
    meta = {} if written is None else {"bridge_revision": written}
    vms.script = [said(200, {"id": 900001, "meta": meta})]
    told = delivery(event(revision=1, changes=("card",)), Action.AMEND, remote_id="900001")
    assert await made().find(told) == (Found("900001") if found else Absent())
    assert vms.heads == [b"GET /api/v2/storage/events/900001/?include_meta=true HTTP/1.1"]


# ------------------------------------------------------------------------------------------------------------ check


async def test_a_good_camera_passes_and_nothing_is_changed(vms: Played, made: Made) -> None:
    vms.script = [said(200, {"name": "Gate", "status": "active"}), said(200, {"objects": []})]
    findings = await made().check([GATE])
    assert all(finding.ok for finding in findings)
    assert vms.heads == [
        b"GET /api/v4/channel/ HTTP/1.1",
        b"GET /api/v2/cameras/4711/event_processing/events/?limit=1 HTTP/1.1",
    ]


async def test_a_vms_that_is_not_there_is_said_for_every_camera(made: Made) -> None:
    with nobody_there() as port:
        findings = await made(url=f"http://127.0.0.1:{port}").check([GATE, CameraId("gate-wide")])
    assert [finding.where for finding in findings] == ["camera gate-in", "camera gate-wide"]
    assert all("no connection to 127.0.0.1" in finding.what for finding in findings)


async def test_a_time_at_the_end_of_the_calendar_is_no_crash(made: Made) -> None:
    told = delivery(event(occurred_at=datetime.min.replace(tzinfo=UTC)))
    assert isinstance(await made().find(told), Unanswered)


async def test_every_camera_is_tried_with_its_own_token(vms: Played, made: Made) -> None:
    vms.otherwise = said(200, {"name": "x"})
    findings = await made().check([GATE, CameraId("gate-wide")])
    assert {finding.where for finding in findings} == {"camera gate-in", "camera gate-wide"}
    assert {line for request in vms.requests for line in request.split(b"\r\n") if line.startswith(b"Auth")} == {
        f"Authorization: Acc {token()}".encode(),
        f"Authorization: Acc {token(4712)}".encode(),
    }


@pytest.mark.parametrize(
    ("vault", "reply", "what"),
    [
        (Vault(), answer(200), "there is no secret gate-in"),
        (Vault(gate_in="x"), answer(200), "no access token"),
        (Vault(gate_in=token(4712)), answer(200), "of camera 4712"),
        (Vault(gate_in=token()), answer(401), "refused"),
        (Vault(gate_in=token()), answer(200, b"<html>"), "does not answer as VXG does"),
        (Vault(gate_in=token()), said(200, {"name": "a shop"}), "no list of event types"),
        (
            Vault(gate_in=token()),
            said(404, {"errorDetail": "Channel not found"}),
            "has no camera 4711, or is not VXG (404",
        ),
        (Vault(gate_in=token()), answer(503), "cannot answer now (503)"),
        (Vault(gate_in=token(api="web.other.example")), answer(401), "it says that it is for web.other.example"),
        (Vault(gate_in=token()), CUT, "cut"),
        (Vault(gate_in=token(access="watch")), said(200, {"name": "x"}), "read-only"),
    ],
)
async def test_what_is_wrong_is_said_with_what_to_do(
    vms: Played, made: Made, vault: Vault, reply: bytes | str, what: str
) -> None:
    vms.otherwise = reply
    bad = [finding for finding in await made(vault).check([GATE]) if not finding.ok]
    assert what in bad[0].what
    assert bad[0].remedy

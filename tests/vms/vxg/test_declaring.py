"""Event types looked at and declared on request: by the literal calls of the reference, and asked anew each time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.model import CameraId
from bridge.vms.declaring import Declared, Declares
from bridge.vms.vxg import VxgTarget
from bridge.vms.webhook import WebhookTarget
from tests.vms.conftest import CUT, Played, Vault, answer, said, token
from tests.vms.vxg.conftest import GATE, TYPES

Made = Callable[..., VxgTarget]
WIDE = CameraId("gate-wide")
NONE = {"meta": {"total_count": 0}, "objects": []}
MADE = {"name": "vehicle_identified", "custom": True, "notify": True, "receive": False, "caps": {}}
LOOK = b"GET /api/v2/cameras/4711/event_processing/events/?limit=1000 HTTP/1.1"
POST = b"POST /api/v2/cameras/4711/event_processing/events/ HTTP/1.1"


def test_a_vms_says_by_its_class_whether_it_has_types_to_declare() -> None:
    assert issubclass(VxgTarget, Declares)
    assert not issubclass(WebhookTarget, Declares)


async def test_types_are_read_as_they_are_now_page_by_page(made: Made, vms: Played) -> None:
    target = made()
    more = {"meta": {"total_count": 2}, "objects": [{"name": "net"}]}
    vms.script = [said(200, {**TYPES, "meta": {"total_count": 2}}), said(200, more), said(200, NONE)]
    assert await target.declared([GATE]) == {GATE: Declared(frozenset({"access_denied", "net"}))}
    assert await target.declared([GATE]) == {GATE: Declared()}, "what was seen before may be gone"
    assert vms.heads[:2] == [LOOK, LOOK.replace(b" HTTP", b"&offset=1 HTTP")]
    assert b"Authorization: Acc " in vms.requests[0]


async def test_what_a_type_is_called_is_asked_of_the_settings(made: Made) -> None:
    target = made(event_names={"vehicle.identified": "plate_recognition"})
    assert target.declared_as(GATE, "vehicle.identified") == "plate_recognition"
    assert target.declared_as(GATE, "Door.forced-open") == "door_forced_open"


async def test_declaring_is_one_call_for_each_type_that_is_not_there(made: Made, vms: Played) -> None:
    target = made(declare_types=False)
    vms.script = [said(200, TYPES), said(201, MADE)]
    lines = await target.declare(GATE, ["vehicle.identified", "access.denied"])
    assert [(each.ok, each.what, each.where) for each in lines] == [
        (True, "vehicle_identified (vehicle.identified) is declared now", "camera gate-in"),
        (True, "access_denied (access.denied) is declared already", "camera gate-in"),
    ]
    assert vms.heads == [LOOK, POST]
    assert vms.bodies[1] == b'{"name":"vehicle_identified","notify":true}'


async def test_one_that_somebody_declared_meanwhile_is_as_good(made: Made, vms: Played) -> None:
    """The code for a type that exists is not documented."""
    target = made()
    there = {"meta": {"total_count": 1}, "objects": [{"name": "vehicle_identified"}]}
    vms.script = [said(200, NONE), said(400, {"errorDetail": "exists"}), said(200, there)]
    (line,) = await target.declare(GATE, ["vehicle.identified"])
    assert (line.ok, "declared already" in line.what) == (True, True)


async def test_one_that_was_taken_away_by_hand_is_declared_again(made: Made, vms: Played) -> None:
    target = made()
    vms.script = [said(200, NONE), said(201, MADE), said(200, NONE), said(201, MADE)]
    await target.declare(GATE, ["vehicle.identified"])
    (line,) = await target.declare(GATE, ["vehicle.identified"])
    assert (line.ok, vms.heads.count(POST)) == (True, 2)


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        (said(403, {"errorDetail": "no rights"}), "no rights"),
        (said(404, {}), "has no camera 4711"),
        (answer(200, b"<html>Please log in</html>"), "no list of event types"),
        (CUT, "cut before an answer came"),
    ],
)
async def test_what_cannot_be_read_is_said_for_the_camera_and_declared_nowhere(
    made: Made, vms: Played, answered: bytes | str, why: str
) -> None:
    target = made()
    vms.otherwise = answered
    found = await target.declared([GATE])
    assert why in found[GATE].unknown
    (line,) = await target.declare(GATE, ["vehicle.identified"])
    assert (line.ok, why in line.what, bool(line.remedy)) == (False, True, True)
    assert POST not in vms.heads


async def test_a_token_of_another_camera_stops_only_its_own(made: Made, vms: Played) -> None:
    target = made(Vault(gate_in=token(9), gate_wide=token(4712)))
    vms.otherwise = said(200, TYPES)
    found = await target.declared([GATE, WIDE])
    assert "this token is of camera 9" in found[GATE].unknown
    assert found[WIDE].names == {"access_denied"}


async def test_where_nobody_answers_the_others_are_not_tried(
    made: Made, vms: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.vms.vxg.declaring._AT_ONCE", 1)
    vms.otherwise = answer(503)
    found = await made().declared([GATE, WIDE])
    assert found[GATE].unknown == found[WIDE].unknown
    assert len(vms.heads) == 1

"""What stands in a simulated VMS is read in the words of the ledger, corrections and repetitions included."""

from __future__ import annotations

import json

from bridge.simulator.arrivals import from_vxg, from_webhook
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.webhook import Hook
from tests.simulator.conftest import ask


def hook(order: int, revision: int, plate: str, event: str = "e1", **more: object) -> Hook:
    body = {
        "version": 1,
        "action": "amend" if revision else "raise",
        "possible_duplicate": False,
        "camera": {"name": "Board", "key": "board", "id": "board"},
        "sensor": {"id": "json-1", "name": "Reader", "kind": "lpr"},
        "event": {
            "id": event,
            "revision": revision,
            "fields": {"plate": plate, "serial": "S", "vehicle": "7", "x": None},
        },
    }
    return Hook(order, 0.0, "POST", "/board", {}, json.dumps(body | more).encode())


async def test_a_vxg_event_is_read_by_its_tags_as_they_are_now(vms: SimulatedVxg) -> None:
    meta = {
        "bridge_event": "e1",
        "sensor": "json-1",
        "serial": "S",
        "vehicle": "7",
        "plate": "OLD",
        "license_plate": "OLD",
    }
    body = {"camid": 4711, "name": "access_denied", "time": "2026-02-03T10:15:30", "meta": meta}
    await ask(vms, "POST /api/v2/storage/events/", json.dumps(body))
    await ask(vms, "PUT /api/v2/storage/events/900001/meta/license_plate/", '{"data":"NEW"}')
    (arrival,) = from_vxg(vms.record, {4711: "gate"})
    assert (arrival.camera, arrival.event, arrival.vehicle) == ("gate", "e1", ("json-1", "S", 7))
    assert arrival.values["plate"] == "NEW"
    assert not arrival.possible_duplicate


def test_an_amended_webhook_stands_where_it_was_raised_and_says_what_it_says_now() -> None:
    arrivals, repeated = from_webhook([hook(0, 0, "OLD"), hook(1, 0, "B", event="e2"), hook(2, 1, "NEW")])
    assert [(each.event, each.order, each.values["plate"]) for each in arrivals] == [("e1", 0, "NEW"), ("e2", 1, "B")]
    assert arrivals[0].vehicle == ("json-1", "S", 7)
    assert "x" not in arrivals[0].values
    assert repeated == 0


def test_a_webhook_that_comes_again_is_known_by_its_id_and_counted() -> None:
    arrivals, repeated = from_webhook([hook(0, 0, "A"), hook(1, 0, "A"), hook(2, 1, "B"), hook(3, 1, "B")])
    assert (len(arrivals), repeated) == (1, 2)

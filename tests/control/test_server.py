"""What a running service answers to those that may ask."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from bridge.control.client import CallFailed, Client
from bridge.control.door import DoorError, Loopback, Nobody
from bridge.control.tap import Tap
from bridge.model import DeliveryState, Receipt, ReceiptKind, Urgency
from tests.control.conftest import Running, dead, event, refuse, running

T = TypeVar("T")


async def ask(path: Path, question: Callable[[Client], T]) -> T:
    def asked() -> T:
        with Client(path, timeout=30) as client:
            return question(client)

    return await asyncio.to_thread(asked)


async def test_it_says_how_it_is(control: Running) -> None:
    assert await ask(control.path, lambda client: client.get("/status")) == {"site": "Harbour depot", "pid": 7}


async def test_events_come_as_lines_with_everything_the_sensor_said(control: Running) -> None:
    control.service.journal.events = [event(1), event(2)]
    lines = await ask(control.path, lambda client: list(client.lines("/events", sensor="gate-lpr", since="2 h")))
    assert [line["id"] for line in lines] == ["e1", "e2"]
    assert lines[0]["detail"] == {"plate": "ABC123", "raw": {"x": 1}}
    assert lines[0]["urgency"] == "alarm"
    query = control.service.journal.queries[0]
    assert query.sensor == "gate-lpr"
    assert query.newest_first
    assert query.since is not None


async def test_events_are_chosen_by_type_with_a_star(control: Running) -> None:
    control.service.journal.events = [event(1), event(2, "door.forced"), event(3), event(4)]
    lines = await ask(control.path, lambda client: list(client.lines("/events", type="vehicle.*", limit="2")))
    assert [line["id"] for line in lines] == ["e1", "e3"]


async def test_dead_deliveries_are_listed_replayed_and_dropped(control: Running) -> None:
    journal = control.service.journal
    journal.dead = [dead(1), dead(2, "gate-wide"), dead(3, vms="hook")]
    listed = await ask(control.path, lambda client: list(client.lines("/deliveries", state="dead")))
    assert (listed[0]["event"], listed[0]["why"]) == ("e1", "400: title too long")
    assert journal.queries[0].states == (DeliveryState.DEAD,)
    assert await ask(control.path, lambda client: client.post("/dead/replay", {"vms": "hook"})) == {"replayed": 1}
    assert journal.replayed == [("e3", "gate-in")]
    assert await ask(control.path, lambda client: client.post("/dead/drop", {"event": "e2"})) == {"dropped": 1}
    assert journal.dropped == [("e2", "gate-wide")]
    assert await ask(control.path, lambda client: client.post("/dead/replay", {"all": True})) == {"replayed": 3}


@pytest.mark.parametrize("call", ["/dead/replay", "/dead/drop", "/quarantine/drop"])
async def test_nothing_is_replayed_or_dropped_by_leaving_the_choice_out(control: Running, call: str) -> None:
    """Nor where all and some are asked for."""
    control.service.journal.dead = [dead(1)]
    with pytest.raises(CallFailed, match="say which"):
        await ask(control.path, lambda client: client.post(call, {}))
    some = {"event": "e1"} if call.startswith("/dead") else {"origin": "lpr"}
    with pytest.raises(CallFailed, match="all means every one of them"):
        await ask(control.path, lambda client: client.post(call, {**some, "all": True}))
    assert not control.service.journal.replayed
    assert not control.service.journal.dropped


async def test_a_test_event_is_fired(control: Running) -> None:
    body = {"sensor": "gate-lpr", "type": "door.forced", "fields": {"door": 3}, "urgency": "alarm"}
    answer = await ask(control.path, lambda client: client.post("/fire", body))
    assert answer["kind"] == "accepted"
    assert control.service.fired == [("gate-lpr", "door.forced", {"door": 3}, Urgency.ALARM)]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"sensor": "gate-lrp"}, "did you mean gate-lpr"),
        ({"sensor": "gate-lpr", "urgency": "loud"}, "alarm, fault or notice"),
        ({"sensor": "gate-lpr", "colour": 1}, "colour"),
        ({"sensor": "gate-lpr", "fields": {"deep": {"er": 1}}}, "fields"),
    ],
)
async def test_a_wrong_test_event_is_refused_with_what_to_write(control: Running, body: object, why: str) -> None:
    with pytest.raises(CallFailed, match=why):
        await ask(control.path, lambda client: client.post("/fire", body))  # type: ignore[arg-type]
    assert not control.service.fired


async def test_a_test_event_that_could_not_be_kept_is_not_called_fired(control: Running) -> None:
    control.service.receipt = Receipt(ReceiptKind.LATER, "disk full")
    with pytest.raises(CallFailed, match="disk full"):
        await ask(control.path, lambda client: client.post("/fire", {"sensor": "gate-lpr"}))


async def test_a_site_with_errors_is_refused_and_they_are_told(control: Running) -> None:
    control.reloads.append(refuse("site.yaml:3:7: unknown key\nsite.yaml:9:1: no such camera"))
    with pytest.raises(CallFailed, match=r"site\.yaml:3:7: unknown key\nsite\.yaml:9:1: no such camera") as failed:
        await ask(control.path, lambda client: client.post("/reload", {}))
    assert failed.value.status == 422
    assert await ask(control.path, lambda client: client.post("/reload", {})) == {"changed": []}


async def test_a_reload_may_be_asked_for_one_site_alone(control: Running) -> None:
    answered = await ask(control.path, lambda client: client.post("/reload", {"digest": "a1b2"}))
    assert answered == {"changed": [], "digest": "a1b2"}
    with pytest.raises(CallFailed, match="diggest"):
        await ask(control.path, lambda client: client.post("/reload", {"diggest": "a1b2"}))


async def test_a_service_without_a_file_cannot_say_what_a_reload_would_do(control: Running) -> None:
    with pytest.raises(CallFailed, match="no site file") as failed:
        await ask(control.path, lambda client: client.get("/difference"))
    assert failed.value.status == 404


async def test_what_is_not_there_and_what_is_too_large_is_said(control: Running) -> None:
    for question, status in [
        (lambda client: client.get("/nothing"), 404),
        (lambda client: client.get("/fire"), 405),
        (lambda client: client.post("/fire", {"sensor": "x" * 100_000}), 413),
        (lambda client: list(client.lines("/events", limit="many")), 400),
        (lambda client: list(client.lines("/events", since="yesterday")), 400),
    ]:
        with pytest.raises(CallFailed) as failed:
            await ask(control.path, question)
        assert failed.value.status == status


async def test_nobody_is_served_on_loopback_without_the_token(tmp_path: Path) -> None:
    async with running(tmp_path / "control", unix=False) as control:
        assert await ask(control.path, lambda client: client.get("/status"))
        where = json.loads(control.path.read_bytes())
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer \xe9"}):

            def without(headers: dict[str, str] = headers) -> int:
                line = http.client.HTTPConnection("127.0.0.1", where["port"], timeout=30)
                line.request("GET", "/status", headers=headers)
                status = line.getresponse().status
                line.close()
                return status

            assert await asyncio.to_thread(without) == 401
        assert set(where) == set(Loopback.__struct_fields__)


def test_a_service_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Nobody, match="no service is running"):
        Client(tmp_path / "control.sock")


async def test_a_service_that_never_answers_costs_a_bounded_wait(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "c"))
        mute.listen()
        with pytest.raises(DoorError, match="in time"), Client(tmp_path / "c", timeout=0.2) as client:
            await asyncio.to_thread(client.get, "/status")


async def test_stopping_ends_a_listener_and_takes_the_socket_away(tmp_path: Path) -> None:
    tap = Tap()
    async with running(tmp_path / "c.sock", tap=tap) as control:
        client = Client(control.path)
        told = await asyncio.to_thread(client.listen, "/tap")
        heard = asyncio.create_task(asyncio.to_thread(list, told))
    assert await asyncio.wait_for(heard, 30) == []
    with tap.listen() as lines:  # and who comes too late does not wait for ever
        assert await asyncio.wait_for(anext(lines, None), 30) is None
    assert not control.path.exists()
    client.close()

"""Every fault does what its name says, seen by a client that knows nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable

import pytest

from bridge.simulator.faults import Fault, Faults, Kind, every_kind
from bridge.simulator.vxg import SimulatedVxg
from tests.simulator.conftest import ask
from tests.vms.time_passes import NEVER, SECONDS, outwaited, pass_time

BOUND = 20.0
RAISE = '{"camid":4711,"name":"access_denied","time":"2026-02-03T10:15:30"}'
POST = "POST /api/v2/storage/events/"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(BOUND):
        while not condition():
            await asyncio.sleep(0.001)


def hits(vms: SimulatedVxg) -> int:
    return sum(vms.faults.hits.values())


async def left(vms: SimulatedVxg) -> None:
    """Somebody asks, and is gone before there is an answer; the VMS has noticed."""
    before = hits(vms)
    asking = asyncio.create_task(ask(vms, POST, RAISE))
    await until(lambda: hits(vms) > before)
    asking.cancel()
    await asyncio.wait([asking])
    await until(lambda: not vms.server._connections)


@pytest.mark.parametrize(
    ("kind", "status", "begins"),
    [
        (Kind.UNAUTHORIZED, 401, b'{"status":401,"errorType":"not_authorized"'),
        (Kind.THROTTLED, 429, b'{"status":429,'),
        (Kind.SERVER_ERROR, 500, b'{"status":500,'),
        (Kind.UNAVAILABLE, 503, b'{"status":503,'),
        (Kind.BAD_GATEWAY, 502, b"<html>"),
    ],
)
async def test_a_refusal_has_its_status_and_nothing_is_kept(
    vms: SimulatedVxg, kind: Kind, status: int, begins: bytes
) -> None:
    vms.faults.add(Fault(kind=kind, next=1, seconds=2))
    answered = await ask(vms, POST, RAISE)
    assert answered.status == status
    assert answered.body.startswith(begins)
    assert ("Retry-After: 2\r\n" in answered.head) == (status in (429, 503))
    assert not vms.record
    assert (await ask(vms, POST, RAISE)).status == 201


async def test_a_cut_before_the_commit_leaves_nothing(vms: SimulatedVxg) -> None:
    vms.faults.add(Fault(kind=Kind.CUT_BEFORE, next=1))
    with pytest.raises(ConnectionError):
        await ask(vms, POST, RAISE)
    assert not vms.record


async def test_a_cut_after_the_commit_leaves_an_event_nobody_was_told_of(vms: SimulatedVxg) -> None:
    vms.faults.add(Fault(kind=Kind.CUT_AFTER, next=1))
    with pytest.raises(ConnectionError):
        await ask(vms, POST, RAISE)
    assert len(vms.record) == 1


async def test_a_slow_one_does_not_work_for_a_client_that_left(vms: SimulatedVxg) -> None:
    vms.faults.add(Fault(kind=Kind.SLOW, next=2, seconds=SECONDS))
    await left(vms)
    asked = await outwaited(ask(vms, POST, RAISE, bound=NEVER), lambda: hits(vms) == 2)
    assert asked.status == 201
    assert len(vms.record) == 1


async def test_a_late_commit_happens_though_the_client_has_left(vms: SimulatedVxg) -> None:
    vms.faults.add(Fault(kind=Kind.LATE_COMMIT, next=1, seconds=SECONDS))
    await left(vms)
    assert not vms.record
    pass_time()
    await until(lambda: vms.record)


async def test_a_late_answer_has_committed_at_once(vms: SimulatedVxg) -> None:
    vms.faults.add(Fault(kind=Kind.LATE_ANSWER, next=1, seconds=SECONDS))
    asking = asyncio.create_task(ask(vms, POST, RAISE, bound=NEVER))
    await until(lambda: vms.record)
    assert (await ask(vms, "GET /api/v2/storage/events/")).status == 200
    assert not asking.done()
    pass_time()
    assert (await asking).status == 201


async def test_the_search_lags_behind_and_the_event_itself_does_not(
    vms: SimulatedVxg, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(vms, "POST /simulator/lag", '{"seconds":60}')
    await ask(vms, POST, RAISE)

    async def listed() -> int:
        return len(json.loads((await ask(vms, "GET /api/v2/storage/events/")).body)["objects"])

    assert await listed() == 0
    assert (await ask(vms, "GET /api/v2/storage/events/900001/")).status == 200
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + 60)
    assert await listed() == 1


async def test_an_outage_refuses_connections_cuts_those_there_are_and_ends_by_itself(vms: SimulatedVxg) -> None:
    port = vms.server.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await ask(vms, "POST /simulator/away", '{"seconds":60}')
    async with asyncio.timeout(BOUND):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await ask(vms, POST, RAISE)
    pass_time()
    await until(lambda: vms.server.present)
    assert vms.server.port == port
    assert (await ask(vms, POST, RAISE)).status == 201


async def test_a_fault_hits_only_its_path_and_method(vms: SimulatedVxg) -> None:
    vms.faults.add(Fault(kind=Kind.SERVER_ERROR, path=r"^/api/v2/storage/events/?$", method="POST"))
    assert (await ask(vms, POST, RAISE)).status == 500
    assert (await ask(vms, "GET /api/v2/storage/events/")).status == 200
    assert (await ask(vms, "GET /api/v4/channel/")).status == 200


async def test_faults_are_switched_on_listed_and_off_over_the_simulators_own_api(vms: SimulatedVxg) -> None:
    made = await ask(vms, "POST /simulator/faults", '{"kind":"throttled","probability":1.0,"path":"events"}')
    assert (made.status, made.body) == (201, b'{"id":1}')
    assert (await ask(vms, POST, RAISE)).status == 429
    listed = json.loads((await ask(vms, "GET /simulator/faults")).body)
    assert (listed[0]["fault"]["kind"], listed[0]["hits"]) == ("throttled", 1)
    assert (await ask(vms, "DELETE /simulator/faults/1")).status == 204
    assert (await ask(vms, POST, RAISE)).status == 201
    assert (await ask(vms, "POST /simulator/faults", '{"kind":"no such"}')).status == 400


def test_a_window_of_time_opens_and_closes() -> None:
    now = 100.0
    faults = Faults(now=lambda: now)
    faults.add(Fault(kind=Kind.SLOW, starts_in=1, lasts=2))
    hits = []
    for now in (100.5, 101.0, 102.9, 103.0):  # noqa: B007 - the faults read it
        hits.append(faults.pick("GET", "/api/x") is not None)
    assert hits == [False, True, True, False]


def test_chance_is_the_same_for_the_same_seed_and_all_kinds_share_what_they_are_given() -> None:
    def run(seed: int) -> list[Kind | None]:
        faults = Faults(seed)
        for fault in every_kind(0.1):
            faults.add(fault)
        picked = [faults.pick("POST", "/api/x") for _ in range(20_000)]
        return [None if fault is None else fault.kind for fault in picked]

    first = run(3)
    assert first == run(3) != run(4)
    assert 0.09 < sum(kind is not None for kind in first) / len(first) < 0.11
    for kind in Kind:
        assert 0.006 < first.count(kind) / len(first) < 0.014

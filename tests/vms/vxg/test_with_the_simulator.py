"""The target and the simulated cloud, which were written apart from the same reference."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.model import Absent, Action, Blocked, CameraId, Delivered, Found, VmsId
from bridge.simulator.vxg import SimulatedVxg
from bridge.vms.vxg import VxgCamera, VxgSettings, VxgTarget
from tests.vms.conftest import Vault, event, sent
from tests.vms.time_passes import PATIENCE
from tests.vms.vxg.conftest import GATE, delivery

Made = Callable[..., VxgTarget]


@pytest.fixture
async def cloud() -> AsyncIterator[SimulatedVxg]:
    async with SimulatedVxg(cameras=1, record_bytes=True) as vms:
        yield vms


@pytest.fixture
async def ours(cloud: SimulatedVxg) -> AsyncIterator[tuple[VxgTarget, Vault]]:
    vault = Vault(gate_in=cloud.tokens[4711])
    settings = VxgSettings.model_validate({"type": "vxg", "allow_http": True, "timeout": PATIENCE})
    cameras = {CameraId("gate-in"): VxgCamera.model_validate({"vms": "cloud", "id": 4711, "token": "secret:gate-in"})}
    target = VxgTarget(VmsId("cloud"), settings, cameras, vault)
    yield target, vault
    await target.close()


Ours = tuple[VxgTarget, Vault]


@pytest.mark.parametrize("size", [10, 2000, 65_000])
async def test_an_event_arrives_whole_and_is_found(cloud: SimulatedVxg, ours: Ours, size: int) -> None:
    target, _ = ours
    told = event(detail=json.dumps({"log": "ü" * size}, ensure_ascii=False).encode())
    assert await target.find(delivery(told)) == Absent()
    outcome = await sent(target, delivery(told))
    assert isinstance(outcome, Delivered)
    (stored,) = cloud.events_of(4711)
    assert str(stored.id) == outcome.remote_id
    assert stored.time == told.occurred_at
    assert whole(cloud, stored.meta) == told.detail
    assert await target.find(delivery(told)) == Found(outcome.remote_id)


def whole(cloud: SimulatedVxg, meta: Any) -> bytes:
    """The message as a reader of the VMS gets it back."""
    if "detail_document" in meta:
        return str(cloud.cloud.store.documents[4711][meta["detail_document"]]["raw_data"]).encode()
    pieces = []
    while f"detail_{len(pieces) + 1}" in meta:
        pieces.append(meta[f"detail_{len(pieces) + 1}"])
    return "".join(pieces).encode()


async def test_a_document_written_twice_is_there_once(cloud: SimulatedVxg, ours: Ours) -> None:
    target, _ = ours
    told = event(detail=json.dumps({"log": "x" * 65_000}).encode())
    for _ in range(2):
        await sent(target, delivery(told))
    assert len(cloud.cloud.store.documents[4711]) == 1


async def test_an_amendment_changes_the_event_that_stands_there(cloud: SimulatedVxg, ours: Ours) -> None:
    target, _ = ours
    outcome = await sent(target, delivery())
    assert isinstance(outcome, Delivered)
    later = event(revision=1, title="Access granted", fields={"card": "2", "door": "back"}, changes=("card", "door"))
    amendment = delivery(later, Action.AMEND, remote_id=outcome.remote_id)
    assert await target.find(amendment) == Absent()
    assert await sent(target, amendment) == outcome
    assert await target.find(amendment) == Found(outcome.remote_id)
    (stored,) = cloud.events_of(4711)
    assert (stored.meta["card"], stored.meta["door"], stored.meta["title"]) == ("2", "back", "Access granted")
    assert await sent(target, amendment) == outcome


async def test_a_rotated_token_is_taken_up_and_a_forgotten_one_parks(cloud: SimulatedVxg, ours: Ours) -> None:
    target, vault = ours
    await sent(target, delivery())
    vault.values["gate-in"] = cloud.rotate(4711)
    assert isinstance(await sent(target, delivery(event(id="2"))), Delivered)
    cloud.rotate(4711)
    assert isinstance(await sent(target, delivery(event(id="3"))), Blocked)


async def test_it_passes_its_own_check(ours: Ours) -> None:
    assert all(finding.ok for finding in await ours[0].check([GATE]))

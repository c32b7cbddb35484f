"""A VXG target against a VMS that plays back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.model import Action, CameraId, Delivery, SensorEvent, VmsId
from bridge.vms.vxg import VxgCamera, VxgSettings, VxgTarget
from tests.vms.conftest import Played, Vault, event, said, token
from tests.vms.time_passes import PATIENCE

GATE = CameraId("gate-in")
TYPES = {"meta": {"limit": 1000, "offset": 0, "total_count": 1}, "objects": [{"name": "access_denied"}]}
CREATED = {"id": 900001, "camid": 4711, "name": "access_denied", "time": "2026-02-03T10:15:30.250000", "meta": {}}


def target(vault: Vault | None = None, **settings: Any) -> VxgTarget:
    vault = vault or Vault(gate_in=token(), gate_wide=token(4712))
    read = VxgSettings.model_validate({"type": "vxg", "url": "https://web.harbour.example", **settings})
    cameras = {
        GATE: VxgCamera.model_validate({"vms": "cloud", "id": 4711, "token": "secret:gate-in"}),
        CameraId("gate-wide"): VxgCamera.model_validate({"vms": "cloud", "id": 4712, "token": "secret:gate-wide"}),
    }
    return VxgTarget(VmsId("cloud"), read, cameras, vault)


def delivery(told: SensorEvent | None = None, action: Action = Action.RAISE, **more: Any) -> Delivery:
    return Delivery(event=told or event(), camera=more.pop("camera", GATE), vms=VmsId("cloud"), action=action, **more)


Made = Callable[..., VxgTarget]


@pytest.fixture
async def made(vms: Played) -> AsyncIterator[Made]:
    """Targets that speak to ``vms``, closed at the end."""
    targets: list[VxgTarget] = []

    def make(vault: Vault | None = None, **settings: Any) -> VxgTarget:
        url = {"url": f"http://127.0.0.1:{vms.port}", "allow_http": True, "timeout": PATIENCE}
        targets.append(target(vault, **{**url, **settings}))
        return targets[-1]

    yield make
    for each in targets:
        await each.close()


def declared(vms: Played) -> None:
    """The VMS says that the type is declared, once, and then creates."""
    vms.script = [said(200, TYPES)]
    vms.otherwise = said(201, CREATED)

"""An Nx target and a simulated Nx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.model import Action, CameraId, Delivery, SensorEvent, VmsId
from bridge.simulator.nx import SimulatedNx
from bridge.vms.nx import NxCamera, NxSettings, NxTarget
from tests.vms.conftest import Vault, event
from tests.vms.time_passes import PATIENCE

DOCK, GATE, GONE = CameraId("dock"), CameraId("gate"), CameraId("gone")
DEVICES = {
    DOCK: "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    GATE: "3f2504e0-4f89-11d3-9a0c-0305e82c3302",
    GONE: "3f2504e0-4f89-11d3-9a0c-0305e82c3399",
}
URL = "https://nx.harbour.example:7001"


def settings(**more: Any) -> NxSettings:
    return NxSettings.model_validate({"type": "nx", "url": URL, "user": "bridge", "password": "secret:nx", **more})


def target(vault: Vault | None = None, **more: Any) -> NxTarget:
    cameras = {name: NxCamera(vms="yard", id=device) for name, device in DEVICES.items()}
    return NxTarget(VmsId("yard"), settings(**more), cameras, vault or Vault(nx="first pass"))


def delivery(told: SensorEvent | None = None, action: Action = Action.RAISE, **more: Any) -> Delivery:
    return Delivery(event=told or event(), camera=more.pop("camera", DOCK), vms=VmsId("yard"), action=action, **more)


@pytest.fixture
async def nx() -> AsyncIterator[SimulatedNx]:
    async with SimulatedNx() as simulated:
        yield simulated


Made = Callable[..., NxTarget]


@pytest.fixture
async def made(nx: SimulatedNx) -> AsyncIterator[Made]:
    """Targets that speak to ``nx``, closed at the end."""
    targets: list[NxTarget] = []

    def make(vault: Vault | None = None, **more: Any) -> NxTarget:
        targets.append(target(vault, **{"url": nx.base_url, "allow_http": True, "timeout": PATIENCE, **more}))
        return targets[-1]

    yield make
    for each in targets:
        await each.close()

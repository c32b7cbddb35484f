"""A Frigate target and a simulated Frigate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.model import Action, CameraId, Delivery, SensorEvent, VmsId
from bridge.simulator.frigate import SimulatedFrigate
from bridge.vms.frigate import FrigateCamera, FrigateSettings, FrigateTarget
from tests.vms.conftest import Vault, event
from tests.vms.time_passes import PATIENCE

DOCK, GATE, GONE = CameraId("dock"), CameraId("gate"), CameraId("gone")
URL = "https://frigate.harbour.example:8971"


def settings(**more: Any) -> FrigateSettings:
    told = {"type": "frigate", "url": URL, "user": "bridge", "password": "secret:frigate"}
    return FrigateSettings.model_validate({**told, **more})


def target(vault: Vault | None = None, **more: Any) -> FrigateTarget:
    box = more.pop("box", None)
    cameras = {
        DOCK: FrigateCamera(vms="nvr", id="loading_dock", box=box),
        GATE: FrigateCamera(vms="nvr", id="front_gate"),
        GONE: FrigateCamera(vms="nvr", id="Loading_Dock"),
    }
    return FrigateTarget(VmsId("nvr"), settings(**more), cameras, vault or Vault(frigate="first pass"))


def delivery(told: SensorEvent | None = None, action: Action = Action.RAISE, **more: Any) -> Delivery:
    return Delivery(event=told or event(), camera=more.pop("camera", DOCK), vms=VmsId("nvr"), action=action, **more)


def asked(frigate: SimulatedFrigate, word: str) -> int:
    """How many requests had this in their path."""
    return sum(word in each.path for each in frigate.asked)


@pytest.fixture
async def frigate() -> AsyncIterator[SimulatedFrigate]:
    async with SimulatedFrigate(record_bytes=True) as simulated:
        yield simulated


Made = Callable[..., FrigateTarget]


@pytest.fixture
async def made(frigate: SimulatedFrigate) -> AsyncIterator[Made]:
    """Targets that speak to ``frigate``, closed at the end."""
    targets: list[FrigateTarget] = []

    def make(vault: Vault | None = None, **more: Any) -> FrigateTarget:
        there = {"url": frigate.base_url, "allow_http": True, "timeout": PATIENCE, "visible_within": PATIENCE}
        targets.append(target(vault, **{**there, **more}))
        return targets[-1]

    yield make
    for each in targets:
        await each.close()

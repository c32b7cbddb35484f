"""A Digifort target and a simulated Digifort, whose clock a test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.model import Action, CameraId, Delivery, SensorEvent, VmsId
from bridge.simulator.digifort import SimulatedDigifort
from bridge.vms.digifort import DigifortCamera, DigifortSettings, DigifortTarget
from tests.vms.conftest import Vault, event
from tests.vms.time_passes import PATIENCE

DOCK, GATE, GONE = CameraId("dock"), CameraId("gate"), CameraId("gone")
URL = "https://digifort.harbour.example:8601"


def settings(**more: Any) -> DigifortSettings:
    told = {"type": "digifort", "url": URL, "user": "Bridge", "password": "secret:digifort"}
    return DigifortSettings.model_validate({**told, **more})


def target(secrets: Vault | None = None, **more: Any) -> DigifortTarget:
    names = {DOCK: "CAM01", GATE: "CAM02", GONE: "CAM99"}
    of = more.pop("of", {})
    cameras = {
        key: DigifortCamera.model_validate({"vms": "plant", "id": name, **of.get(key, {})})
        for key, name in names.items()
    }
    return DigifortTarget(VmsId("plant"), settings(**more), cameras, secrets or Vault(digifort="first pass"))


def delivery(told: SensorEvent | None = None, action: Action = Action.RAISE, **more: Any) -> Delivery:
    return Delivery(event=told or event(), camera=more.pop("camera", DOCK), vms=VmsId("plant"), action=action, **more)


class Hand:
    """The hand of the server's clock."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
async def digifort(hand: Hand) -> AsyncIterator[SimulatedDigifort]:
    async with SimulatedDigifort(now=hand) as simulated:
        yield simulated


Made = Callable[..., DigifortTarget]


@pytest.fixture
async def made(digifort: SimulatedDigifort) -> AsyncIterator[Made]:
    """Targets that speak to ``digifort``, closed at the end."""
    targets: list[DigifortTarget] = []

    def make(secrets: Vault | None = None, **more: Any) -> DigifortTarget:
        there = {"url": digifort.base_url, "allow_http": True, "timeout": PATIENCE}
        targets.append(target(secrets, **{**there, **more}))
        return targets[-1]

    yield make
    for each in targets:
        await each.close()

"""A Genetec target and a simulated Security Center."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.model import Action, CameraId, Delivery, SensorEvent, VmsId
from bridge.simulator.genetec import SimulatedGenetec
from bridge.simulator.genetec.server import ALARM, CAMERAS, CUSTOM_EVENT
from bridge.vms.genetec import GenetecCamera, GenetecSettings, GenetecTarget
from tests.vms.conftest import Vault, event
from tests.vms.time_passes import PATIENCE

DOCK, GATE, GONE = CameraId("dock"), CameraId("gate"), CameraId("gone")
BY_NUMBER, NO_NUMBER = CameraId("by-number"), CameraId("no-number")
URL = "https://genetec.harbour.example:4590/WebSdk"
EVERY_WAY: dict[str, Any] = {"ways": ["event", "bookmark", "alarm"], "custom_event": CUSTOM_EVENT, "alarm": ALARM}
NOBODY = "00000001-0000-babe-0000-00000000dead"


def settings(**more: Any) -> GenetecSettings:
    told = {"type": "genetec", "url": URL, "user": "bridge", "password": "secret:genetec"}
    return GenetecSettings.model_validate({**told, "application": "secret:genetec-application", **more})


def vault(**more: str) -> Vault:
    return Vault(**{"genetec": "first pass", "genetec_application": "AbC123==", **more})


def target(secrets: Vault | None = None, **more: Any) -> GenetecTarget:
    guids = {DOCK: CAMERAS[0], GATE: CAMERAS[1], GONE: NOBODY}
    cameras = {name: GenetecCamera(vms="hq", id=guid) for name, guid in guids.items()}
    cameras |= {BY_NUMBER: GenetecCamera(vms="hq", logical_id=2), NO_NUMBER: GenetecCamera(vms="hq", logical_id=99)}
    return GenetecTarget(VmsId("hq"), settings(**more), cameras, secrets or vault())


def delivery(told: SensorEvent | None = None, action: Action = Action.RAISE, **more: Any) -> Delivery:
    return Delivery(event=told or event(), camera=more.pop("camera", DOCK), vms=VmsId("hq"), action=action, **more)


@pytest.fixture
async def gsc() -> AsyncIterator[SimulatedGenetec]:
    async with SimulatedGenetec() as simulated:
        yield simulated


Made = Callable[..., GenetecTarget]


@pytest.fixture
async def made(gsc: SimulatedGenetec) -> AsyncIterator[Made]:
    """Targets that speak to ``gsc``, closed at the end."""
    targets: list[GenetecTarget] = []

    def make(secrets: Vault | None = None, **more: Any) -> GenetecTarget:
        there = {"url": gsc.base_url, "allow_http": True, "timeout": PATIENCE}
        targets.append(target(secrets, **{**there, **more}))
        return targets[-1]

    yield make
    for each in targets:
        await each.close()

"""A ZoneMinder target and a simulated ZoneMinder that takes fifty pictures a second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.model import Action, CameraId, Delivery, SensorEvent, VmsId
from bridge.simulator.zoneminder import SimulatedZoneMinder
from bridge.vms.zoneminder import ZoneMinderCamera, ZoneMinderSettings, ZoneMinderTarget
from tests.vms.conftest import Vault, event
from tests.vms.time_passes import PATIENCE

DOCK, GATE, GONE = CameraId("dock"), CameraId("gate"), CameraId("gone")
URL = "https://zm.harbour.example/zm"


def settings(**more: Any) -> ZoneMinderSettings:
    told = {"type": "zoneminder", "url": URL, "user": "bridge", "password": "secret:zm", "alarm_for": "1 s"}
    return ZoneMinderSettings.model_validate({**told, **more})


def target(vault: Vault | None = None, **more: Any) -> ZoneMinderTarget:
    cameras = {name: ZoneMinderCamera(vms="yard", id=number) for name, number in ((DOCK, 1), (GATE, 2), (GONE, 99))}
    return ZoneMinderTarget(VmsId("yard"), settings(**more), cameras, vault or Vault(zm="first pass"))


def delivery(told: SensorEvent | None = None, action: Action = Action.RAISE, **more: Any) -> Delivery:
    return Delivery(event=told or event(), camera=more.pop("camera", DOCK), vms=VmsId("yard"), action=action, **more)


@pytest.fixture
async def zm() -> AsyncIterator[SimulatedZoneMinder]:
    async with SimulatedZoneMinder(second=0.05, stays_open=0.1, record_bytes=True) as simulated:
        yield simulated


Made = Callable[..., ZoneMinderTarget]


@pytest.fixture(params=["socket", "rest"])
def way(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
async def made(zm: SimulatedZoneMinder) -> AsyncIterator[Made]:
    """Targets that speak to ``zm``, closed at the end."""
    targets: list[ZoneMinderTarget] = []

    def make(vault: Vault | None = None, **more: Any) -> ZoneMinderTarget:
        there = {"url": zm.base_url, "allow_http": True, "trigger_port": zm.trigger.port}
        quick = {"timeout": PATIENCE, "confirm_within": PATIENCE}
        targets.append(target(vault, **{**there, **quick, **more}))
        return targets[-1]

    yield make
    for each in targets:
        await each.close()

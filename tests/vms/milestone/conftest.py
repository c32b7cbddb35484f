"""A Milestone target of any way, and a simulated XProtect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.model import Action, CameraId, Delivery, SensorEvent, VmsId
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import BRIDGE_EVENT, DOCK, GATE
from bridge.vms.milestone import MilestoneCamera, MilestoneSettings, MilestoneTarget
from tests.vms.conftest import Vault, event
from tests.vms.time_passes import PATIENCE

DOOR, RAMP, GONE = CameraId("door"), CameraId("ramp"), CameraId("gone")
NOWHERE = "00000000-0000-4000-8000-000000000000"
LOG_IN = {"user": "bridge", "password": "secret:xprotect"}
WAYS: dict[str, dict[str, Any]] = {
    "analytics": {"event_server": "http://events.harbour.example:9090"},
    "alarms": {"gateway": "https://xprotect.harbour.example", **LOG_IN},
    "events": {"gateway": "https://xprotect.harbour.example", **LOG_IN, "event_type": BRIDGE_EVENT},
    "bookmarks": {"gateway": "https://xprotect.harbour.example", **LOG_IN},
    "generic": {"generic": "tcp://events.harbour.example:1235"},
    "ai-bridge": {"ai_bridge": "http://ai-bridge.harbour.example:4000/graphql", "topic": "alerts"},
}


def settings(way: str = "analytics", **more: Any) -> MilestoneSettings:
    return MilestoneSettings.model_validate({"type": "milestone", "way": way, **WAYS[way], **more})


def target(way: str = "analytics", vault: Vault | None = None, **more: Any) -> MilestoneTarget:
    cameras = {
        DOOR: MilestoneCamera(vms="depot", id=DOCK),
        RAMP: MilestoneCamera(vms="depot", id=GATE, name="Ramp", address="10.0.0.32", related=(DOCK,)),
        GONE: MilestoneCamera(vms="depot", id=NOWHERE),
    }
    return MilestoneTarget(VmsId("depot"), settings(way, **more), cameras, vault or Vault(xprotect="first pass"))


def delivery(told: SensorEvent | None = None, action: Action = Action.RAISE, **more: Any) -> Delivery:
    return Delivery(event=told or event(), camera=more.pop("camera", DOOR), vms=VmsId("depot"), action=action, **more)


@pytest.fixture
async def xprotect() -> AsyncIterator[SimulatedMilestone]:
    async with SimulatedMilestone(visible_after=0.0, record_bytes=True) as simulated:
        yield simulated


Made = Callable[..., MilestoneTarget]


@pytest.fixture
async def made(xprotect: SimulatedMilestone) -> AsyncIterator[Made]:
    """Targets that speak to ``xprotect``, closed at the end."""
    targets: list[MilestoneTarget] = []

    def make(way: str = "analytics", vault: Vault | None = None, **more: Any) -> MilestoneTarget:
        url = xprotect.base_url
        places = {
            "event_server": url,
            "gateway": url,
            "generic": f"tcp://127.0.0.1:{xprotect.source.port}",
            "ai_bridge": f"{url}/graphql",
        }
        there = {name: places[name] for name in {**WAYS[way], **more} if name in places}
        targets.append(target(way, vault, **{"timeout": PATIENCE, "allow_http": True, **there, **more}))
        return targets[-1]

    yield make
    for each in targets:
        await each.close()

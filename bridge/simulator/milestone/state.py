"""What the simulated XProtect has: cameras, event types, and what was raised."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from bridge.simulator.milestone.analytics import Told

DOCK, GATE, YARD = (
    "0b4a2f7e-1111-4222-8333-944445555666",
    "1c5b3f8f-2222-4333-8444-a55556666777",
    "2d6c4a90-3333-4444-8555-b66667777888",
)
BRIDGE_EVENT = "7a0c1b52-2222-4333-8444-955556666777"


class Camera(msgspec.Struct):
    id: str
    name: str
    address: str = ""
    enabled: bool = True


class Event(msgspec.Struct):
    """``seen``: when (of the loop) it is told; None: never, as its type's retention is 0."""

    id: str
    type: str
    camera: str
    analytics: Told | None = None
    seen: float | None = 0.0


class Alarm(msgspec.Struct):
    id: str
    name: str
    message: str
    source: str
    time: str
    comments: list[str] = []
    seen: float = 0.0


class State:
    """``visible_after``: seconds until what was taken is told. ``retention``: whether events are kept at all."""

    def __init__(self, now: Callable[[], float], visible_after: float) -> None:
        self._now = now
        self._visible_after = visible_after
        self.cameras = {
            DOCK: Camera(DOCK, "Dock", "10.0.0.31"),
            GATE: Camera(GATE, "Gate", "10.0.0.32"),
            YARD: Camera(YARD, "Yard", enabled=False),
        }
        self.analytics_events = {"vms-bridge"}
        self.user_events = {BRIDGE_EVENT: "vms-bridge", "85867627-b287-4439-9e55-a63701e1715b": "RequestPlayAudio"}
        self.generic_events = {"vms-bridge"}
        self.allowed = True
        self.retention = True
        self.events: list[Event] = []
        self.alarms: list[Alarm] = []
        self.bookmarks: dict[str, dict[str, object]] = {}
        self.lines: list[bytes] = []
        """What came as generic events."""
        self.posted: list[dict[str, object]] = []
        """What came to the AI Bridge's topic."""

    def keep(self, event: Event) -> None:
        event.seen = self._now() + self._visible_after if self.retention else None
        self.events.append(event)

    def raise_alarm(self, alarm: Alarm) -> None:
        alarm.seen = self._now() + self._visible_after
        self.alarms.append(alarm)

    def visible(self, seen: float | None) -> bool:
        return seen is not None and seen <= self._now()


def new_id() -> str:
    return str(uuid.uuid4())

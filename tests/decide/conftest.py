"""A small site and drafts to decide about; decide itself needs no journal, clock or socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bridge.config.site import Camera, Connector, JournalSettings, Sensor, Site, Vms
from bridge.decide.decide import decide, decide_timer
from bridge.decide.memory import Fact, Memory
from bridge.decide.rules import Rule
from bridge.model import (
    CameraId,
    Collapse,
    ConnectorId,
    Decision,
    Draft,
    Instant,
    Item,
    Malformed,
    Message,
    MessageId,
    Origin,
    Part,
    ProfileId,
    SensorId,
    SiteId,
    State,
    StateKey,
    VmsId,
)
from bridge.routing import Routed, RoutedItem
from bridge.vms.base import CameraSettings, VmsSettings
from connectors.base import Address, ConnectorSettings

START = datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC)
VEHICLE = Collapse("4711/902", hold=1.5, window=1800.0, amend=("plate", "direction"))


def site_of(*rules: Rule, cameras: tuple[str, ...] = ("gate-in", "gate-wide")) -> Site:
    sensor = Sensor(
        id=SensorId("gate-lpr"),
        name="Gate plate reader",
        kind="lpr",
        profile=ProfileId("any"),
        connector=ConnectorId("lpr"),
        address=Address(),
        cameras=tuple(CameraId(camera) for camera in cameras),
        timezone=ZoneInfo("UTC"),
        rules=rules,
    )
    return Site(
        id=SiteId("depot"),
        name="Depot",
        timezone=ZoneInfo("UTC"),
        digest="0",
        vms={VmsId("cloud"): Vms(VmsId("cloud"), VmsSettings(type="any"))},
        cameras={
            CameraId(camera): Camera(CameraId(camera), VmsId("cloud"), CameraSettings(vms="cloud"))
            for camera in cameras
        },
        connectors={ConnectorId("lpr"): Connector(ConnectorId("lpr"), ConnectorSettings(type="any"))},
        sensors={sensor.id: sensor},
        profiles={},
        journal=JournalSettings(path=Path("journal")),
    )


def draft(plate: str = "4AB1234", **changes: object) -> Draft:
    made = Draft(type="vehicle.identified", title=plate, fields={"plate": plate, "lane": "1"}, detail=b"{}")
    return msgspec.structs.replace(made, **changes)


def door(state: State = State.ACTIVE, /, **changes: object) -> Draft:
    """A condition of a door, a notice unless it is said otherwise."""
    made = Draft(
        type="door.open",
        title=f"Door {state.value}",
        fields={"door": "7"},
        detail=b'{"door":7}',
        state=state,
        condition="door|7",
    )
    return msgspec.structs.replace(made, **changes)


class Bench:
    """Says messages to ``decide`` and remembers what followed, as intake does after a commit."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.memory = Memory()
        self.memory.load(SensorId("gate-lpr"), {})
        self.seconds = 0.0
        self.messages = 0

    @property
    def at(self) -> Instant:
        return Instant(START + timedelta(seconds=self.seconds), 1000.0 + self.seconds)

    def say(self, *drafts: Draft | Malformed | None, media: tuple[Part, ...] = (), test: bool = False) -> Decision:
        """One message; a draft of None is an item of a sensor nobody knows."""
        self.messages += 1
        sensor = self.site.sensors[SensorId("gate-lpr")]
        items = tuple(
            RoutedItem(Item(place, {}, media), None if each is None else sensor, each, "nobody" if each is None else "")
            for place, each in enumerate(drafts)
        )
        message = Message(
            connector=ConnectorId("lpr"), origin=Origin("10.0.0.21", "/gate"), body=b"{}", arrived=self.at
        )
        return self._then(
            decide(self.site, Routed(message, items), MessageId(f"m{self.messages}"), self.memory, self.at, test)
        )

    def timer(self, key: str = VEHICLE.key) -> Decision:
        return self._then(
            decide_timer(self.site, StateKey(SensorId("gate-lpr"), "collapse", key), self.memory, self.at)
        )

    def wait(self, seconds: float) -> list[Decision]:
        """Time passes; what the timers that fire meanwhile decide, in order."""
        end = self.seconds + seconds
        decided: list[Decision] = []
        while True:
            due = sorted(
                (fact.due, key.kind, key.key)
                for key, fact in self.facts().items()
                if fact.due is not None and fact.due <= 1000.0 + end
            )
            if not due:
                self.seconds = end
                return decided
            moment, kind, name = due[0]
            self.seconds = max(self.seconds, moment - 1000.0)
            key = StateKey(SensorId("gate-lpr"), kind, name)
            decided.append(self._then(decide_timer(self.site, key, self.memory, self.at)))

    def facts(self) -> dict[StateKey, Fact]:
        sensor = SensorId("gate-lpr")
        kinds = ("dedup", "collapse", "condition", "filtered", "debounce", "ending", "suppress", "chatter")
        return {
            StateKey(sensor, kind, name): fact
            for kind in kinds
            for name, fact in self.memory.of_kind(sensor, kind, self.at.utc.timestamp()).items()
        }

    def _then(self, decision: Decision) -> Decision:
        self.memory.apply(decision.changes, self.at.utc.timestamp(), self.at.monotonic)
        return decision


@pytest.fixture
def bench() -> Bench:
    return Bench(site_of())

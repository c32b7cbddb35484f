"""A decision, and what became of its deliveries, stage by stage: message, item, event, answer. And who wants which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import msgspec

from bridge.control.records import Object
from bridge.journal.contract import LaneHead
from bridge.model import CameraId, ConnectorId, Decision, KeptMessage, Outcome, SensorId

STAGES = ("message", "item", "event", "answer")
SHOWN = 2000
"""Bytes of a message's body that are shown."""

ConnectorsOf = Callable[[SensorId], Collection[ConnectorId]]


class Wanted(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is left out does not narrow. ``what``: stages with commas between; ``sensor`` and ``camera`` may hold *."""

    what: str = ",".join(STAGES)
    sensor: str | None = None
    connector: str | None = None
    camera: str | None = None

    def __post_init__(self) -> None:
        for stage in self.stages:
            if stage not in STAGES:
                raise ValueError(f"there is no stage {stage!r}; there is {', '.join(STAGES)}")

    @property
    def stages(self) -> frozenset[str]:
        return frozenset(self.what.split(","))


class Sieve:
    """Tells what one listener wants from what it does not."""

    def __init__(self, wanted: Wanted, connectors_of: ConnectorsOf) -> None:
        self._wanted = wanted
        self._stages = wanted.stages
        self._connectors_of = connectors_of

    def decided(self, decision: Decision) -> Iterator[Object]:
        kept = decision.message
        if kept is not None and "message" in self._stages and self._is_wanted_message(kept, decision):
            yield _message(kept, decision)
        heard = decision.heard
        connector = heard.connector if heard is not None else None
        if "item" in self._stages and self._wanted.camera is None:
            for verdict in decision.verdicts:
                if self._is_wanted(verdict.sensor, connector):
                    about = msgspec.structs.asdict(verdict)
                    about["message"] = decision.about
                    yield {"what": "item", "at": decision.at.utc, "connector": connector, **about}
        if "event" in self._stages:
            for event in decision.events:
                cameras = [
                    new.camera for new in decision.deliveries if (new.event, new.revision) == (event.id, event.revision)
                ]
                if self._is_wanted(event.sensor, connector) and self._is_wanted_camera(cameras):
                    yield {
                        "what": "event", "at": decision.at.utc, "connector": connector, "id": event.id,
                        "revision": event.revision, "sensor": event.sensor, "type": event.type, "state": event.state,
                        "urgency": event.urgency.name.lower(), "title": event.title, "fields": event.fields,
                        "occurred_at": event.occurred_at, "cameras": cameras, "withheld": event.withheld,
                        "message": event.message,
                    }  # fmt: skip

    def settled(self, head: LaneHead, outcome: Outcome) -> Object | None:
        delivery = head.delivery
        event = delivery.event
        wanted = "answer" in self._stages and self._is_wanted(event.sensor, None)
        if not wanted or not self._is_wanted_camera([delivery.camera]):
            return None
        now = datetime.now(UTC)
        return {
            "what": "answer", "at": now, "event": event.id, "revision": event.revision, "sensor": event.sensor,
            "camera": delivery.camera, "vms": delivery.vms, "action": delivery.action,
            "urgency": event.urgency.name.lower(), "title": event.title, "attempts": delivery.attempts,
            "outcome": type(outcome).__name__.lower(), "remote_id": getattr(outcome, "remote_id", None),
            "why": getattr(outcome, "why", ""), "seconds": (now - event.arrived_at).total_seconds(),
        }  # fmt: skip

    def _is_wanted(self, sensor: SensorId | None, connector: ConnectorId | None) -> bool:
        wanted = self._wanted
        if wanted.sensor is not None and (sensor is None or not fnmatchcase(sensor, wanted.sensor)):
            return False
        if wanted.connector is None:
            return True
        if connector is not None:
            return connector == wanted.connector
        return sensor is not None and wanted.connector in self._connectors_of(sensor)

    def _is_wanted_camera(self, cameras: Collection[CameraId]) -> bool:
        camera = self._wanted.camera
        return camera is None or any(fnmatchcase(each, camera) for each in cameras)

    def _is_wanted_message(self, kept: KeptMessage, decision: Decision) -> bool:
        sensors = {verdict.sensor for verdict in decision.verdicts} or {None}
        by_camera = self._is_wanted_camera([new.camera for new in decision.deliveries])
        return by_camera and any(self._is_wanted(sensor, kept.message.connector) for sensor in sensors)


def _message(kept: KeptMessage, decision: Decision) -> Object:
    """As it is kept: what its profile masks is masked. Of an unknown sender no profile says what is secret, so that
    its body is not shown."""
    message, origin = kept.message, kept.message.origin
    unknown = any(each.unknown for each in decision.quarantined)
    return {
        "what": "message", "at": message.arrived.utc, "id": kept.id, "connector": message.connector,
        "peer": origin.peer, "place": origin.place, "authenticated": origin.authenticated,
        "content_type": message.content_type, "bytes": len(message.body),
        "parts": [{"name": part.name, "content_type": part.content_type} for part in message.parts],
        "media": len(kept.media),
        "body": None if unknown else message.body[:SHOWN].decode("utf-8", "replace"),
    }  # fmt: skip

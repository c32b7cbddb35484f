"""How the journal's nouns look outside: JSON objects for ``--json``, the control API and the tap. Stable names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from bridge.journal.contract import DeliveryRecord, LaneHead, QuarantineRecord
from bridge.model import Decision, Outcome, SensorEvent

Object: TypeAlias = dict[str, object]

_encoder = msgspec.json.Encoder()


def line(record: Mapping[str, object]) -> bytes:
    """One JSON object and a line feed."""
    return _encoder.encode(record) + b"\n"


def of_event(event: SensorEvent, detail: bool = True) -> Object:
    """An event; ``detail`` is the device's own document as JSON, pictures by their ids in ``media``."""
    record: Object = {name: getattr(event, name) for name in event.__struct_fields__ if name != "detail"}
    record["urgency"] = event.urgency.name.lower()
    if detail:
        record["detail"] = msgspec.Raw(event.detail) if event.detail else None
    return record


def of_delivery(delivery: DeliveryRecord) -> Object:
    record: Object = {name: getattr(delivery, name) for name in delivery.__struct_fields__}
    record["urgency"] = delivery.urgency.name.lower()
    return record


def of_quarantined(item: QuarantineRecord) -> Object:
    return {name: getattr(item, name) for name in item.__struct_fields__}


def of_decision(decision: Decision) -> Object:
    """What followed from one message (or, with ``message`` null, from a timer)."""
    heard = decision.heard
    return {
        "what": "decided",
        "at": decision.at.utc,
        "message": decision.about,
        "connector": heard.connector if heard else None,
        "peer": heard.origin.peer if heard else None,
        "place": heard.origin.place if heard else None,
        "verdicts": decision.verdicts,
        "events": [of_event(event, detail=False) for event in decision.events],
        "deliveries": [
            {"event": new.event, "revision": new.revision, "camera": new.camera, "vms": new.vms, "action": new.action}
            for new in decision.deliveries
        ],
        "quarantined": decision.quarantined,
    }


def of_settled(head: LaneHead, outcome: Outcome) -> Object:
    """What became of one attempt to deliver; ``outcome`` is its name in lower case ("delivered", "retry", …)."""
    delivery = head.delivery
    return {
        "what": "settled",
        "event": delivery.event.id,
        "revision": delivery.event.revision,
        "title": delivery.event.title,
        "sensor": delivery.event.sensor,
        "camera": delivery.camera,
        "vms": delivery.vms,
        "action": delivery.action,
        "urgency": delivery.event.urgency.name.lower(),
        "attempts": delivery.attempts,
        "possible_duplicate": delivery.possible_duplicate,
        "outcome": type(outcome).__name__.lower(),
        "remote_id": getattr(outcome, "remote_id", None),
        "why": getattr(outcome, "why", ""),
    }

"""What every request of this target says of itself, whatever the way."""

from __future__ import annotations

import uuid
from enum import Enum

from bridge.model import Delivery, EventId
from bridge.vms.base import Request

JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))
_NAMESPACE = uuid.UUID("6f3b1c0e-5a55-4d6e-9a0c-6d1f6f0d7c11")
"""Ours, so that the same event on the same camera has the same id each time it is made."""


class Kind(Enum):
    ANALYTICS = "analytics"
    REST = "rest"
    GENERIC = "generic"
    LOOK_UP = "look up"
    TOPIC = "topic"


class Step(Request, frozen=True, kw_only=True):
    """``path`` is below the gateway's address. ``amends``: it changes what was raised. ``gives``: the id that the
    event gets by us; "" where XProtect gives one. ``name``: of the analytics event."""

    kind: Kind
    event: EventId
    path: str = ""
    amends: bool = False
    gives: str = ""
    name: str = ""


def id_of(delivery: Delivery, camera: str) -> str:
    """A GUID for this event (its revision) on this camera."""
    event = delivery.event
    return str(uuid.uuid5(_NAMESPACE, f"{event.site}/{event.id}/{event.revision}/{camera}"))

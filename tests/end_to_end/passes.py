"""What a plate reader sends, made for one test: vehicles by number, each message as a whole HTTP request or bare."""

from __future__ import annotations

import base64
import time

from bridge.simulator import payloads
from bridge.simulator.payloads import Identity, Quirks
from bridge.simulator.picture import picture
from bridge.simulator.vehicles import CarState, Sighting, Vehicle

PLAIN = Quirks()


def said(
    number: int,
    state: CarState = CarState.RELIABLE,
    *,
    listed: str = "",
    serial: str = "B8A44F000001",
    plate: str | None = None,
    at: int | None = None,
) -> dict[str, object]:
    """The JSON object of one message; ``number`` is the vehicle's, and the reader's own number of it."""
    vehicle = Vehicle(number, number, listed)
    seen = Sighting(vehicle, state, 0.0, plate or vehicle.plate, "in", 0.93, raises=True)
    return payloads.document(seen, Identity(serial=serial), at or time.time_ns() // 1_000_000, number)


def bare(found: dict[str, object]) -> bytes:
    return payloads.encode(found, PLAIN)


def post(path: str, body: bytes, user: str = "", kind: str = payloads.JSON) -> bytes:
    """A whole request. ``user``: ``name:password`` for basic authentication."""
    authorization = f"Basic {base64.b64encode(user.encode()).decode()}" if user else ""
    return payloads.post(path, "bridge.example", kind, body, authorization, PLAIN)


def form(path: str, found: dict[str, object], number: int, size: int = 2_000, user: str = "") -> bytes:
    """The same as a form with a picture of ``size`` bytes."""
    body = payloads.multipart(bare(found), number, (picture(number, size),), PLAIN)
    return post(path, body, user, payloads.FORM)

"""A message as a broker gave it."""

from __future__ import annotations

from typing import NamedTuple

from bridge.model import Instant


class Arrived(NamedTuple):
    """One PUBLISH. ``retained``: the broker told it because we subscribed. ``again``: it says it may have before."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    retained: bool
    again: bool
    at: Instant

"""Who watches deliveries end."""

from __future__ import annotations

from typing import Protocol

from bridge.journal.contract import LaneHead
from bridge.model import Outcome


class Observer(Protocol):
    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        """The outcome of a delivery is durable. Called on the hot path: quick, and it may not raise."""

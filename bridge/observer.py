"""A seam for those who watch: the dry run, the demo, a tap."""

from __future__ import annotations

from typing import Protocol

from bridge.journal.contract import LaneHead
from bridge.model import Decision, Outcome


class Observer(Protocol):
    """Called on the hot path after the commit, so it must be quick; it may not raise."""

    def decided(self, decision: Decision) -> None: ...

    def settled(self, head: LaneHead, outcome: Outcome) -> None: ...

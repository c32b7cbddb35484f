"""A seam for those who watch: the dry run, the demo, a tap."""

from __future__ import annotations

from typing import Protocol

from bridge.journal.contract import LaneHead
from bridge.model import Decision, Outcome


class Observer(Protocol):
    """Called on the hot path after the commit, so it must be quick; it may not raise."""

    def decided(self, decision: Decision) -> None: ...

    def settled(self, head: LaneHead, outcome: Outcome) -> None: ...


def all_of(*observers: Observer | None) -> Observer:
    """One that tells all of these, of which at least one is there."""
    there = [observer for observer in observers if observer is not None]
    joined = there.pop()
    while there:
        joined = Both(there.pop(), joined)
    return joined


class Both:
    """Two who watch."""

    def __init__(self, one: Observer, other: Observer) -> None:
        self._one = one
        self._other = other

    def decided(self, decision: Decision) -> None:
        self._one.decided(decision)
        self._other.decided(decision)

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        self._one.settled(head, outcome)
        self._other.settled(head, outcome)

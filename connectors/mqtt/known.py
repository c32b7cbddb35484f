"""Which topics the broker was asked for before: kept in the journal, so that a restart knows it too. Pure.

What is retained under a topic that was asked for before tells of a change while we were away; under a new one it tells
how things stood when we came. And what is no longer wanted must be given up, for the broker remembers it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bridge.model import ConnectorId, Position
from connectors.mqtt import topics

Plan = Callable[[bool], tuple[Sequence[str], Sequence[str]]]
"""Whether the broker still has our session → which filters to leave, and which to subscribe to."""


class Asked(msgspec.Struct, frozen=True):
    """As it is kept."""

    topics: tuple[str, ...] = ()
    qos: int = 1


class Known:
    """``name``: that of the position it is kept under."""

    def __init__(self, name: ConnectorId, position: Position | None) -> None:
        self.name = f"mqtt {name}"
        self._kept = _read(position)
        self._before = self._kept
        self._wanted = Asked()
        self._unsure: set[str] = set()
        """Asked for, or given up, since what is kept: that waits for a message, and may be older than a reload."""
        self._on_its_way = False

    def want(self, filters: Sequence[str], qos: int) -> None:
        """Another connection, with these."""
        self._before = self._kept
        self._unsure |= set(self._kept.topics) ^ set(filters)
        self._wanted = Asked(tuple(filters), qos)

    def plan(self, five: bool) -> Plan:
        """With MQTT 5 all are asked for each time, and what is retained comes for new ones only. With 3.1.1 it would
        come each time, so only what is new, or was asked for with another QoS, is asked for."""
        before, wanted = self._before, self._wanted
        perhaps = self._unsure.union(before.topics)
        same = () if before.qos != wanted.qos else set(before.topics) - self._unsure

        def plan(present: bool) -> tuple[Sequence[str], Sequence[str]]:
            if not present:
                return (), wanted.topics
            leave = sorted(perhaps.difference(wanted.topics))
            return leave, wanted.topics if five else [each for each in wanted.topics if each not in same]

        return plan

    def asked_before(self, topic: str) -> bool:
        """Whether a filter that chooses this topic was asked for on an earlier connection."""
        return any(topics.matches(filter, topic) for filter in self._before.topics)

    def position(self) -> Position | None:
        """What to keep with the next message, if what is kept is not so any more; then tell ``kept``."""
        if self._on_its_way or self._kept == self._wanted:
            return None
        self._on_its_way = True
        return Position(self.name, msgspec.json.encode(self._wanted).decode())

    def kept(self, position: Position) -> None:
        self._on_its_way = False
        self._kept = _read(position)
        if self._kept == self._wanted:
            self._unsure.clear()


def _read(position: Position | None) -> Asked:
    if position is None:
        return Asked()
    try:
        return msgspec.json.decode(position.value, type=Asked)
    except msgspec.MsgspecError:
        return Asked()

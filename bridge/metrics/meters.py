"""Counting on the hot path: after the commit, in plain dictionaries, no lock and no label objects.

Measured (``python -m tests.benchmarks.metrics``): the figure is in docs/metrics.md.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping

from bridge.journal.contract import LaneHead
from bridge.metrics.exposition import Histogram
from bridge.model import Action, CameraId, ConnectorId, Decision, Delivered, Fate, Outcome, SensorId, Urgency, VmsId

COMMIT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DELIVERY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 100.0, 600.0, 3600.0)
"""Upper bounds of the buckets, in seconds. 1 s is what a guard is promised, 100 s what an alarm may take at most."""

_RANK = {fate: rank for rank, fate in enumerate(Fate)}
"""Of a message with several items, the fate that counts: the first of these that any of them has."""


class Meters:
    """Implements ``bridge.observer.Observer``. ``by``: "sensor" and "camera" where the site wants them counted too."""

    def __init__(self, by: Collection[str] = ()) -> None:
        self.messages: defaultdict[tuple[ConnectorId, str], int] = defaultdict(int)
        self.events = [0] * len(Urgency)
        self.amendments = [0] * len(Urgency)
        self.deliveries: defaultdict[tuple[VmsId, type[Outcome]], int] = defaultdict(int)
        self.delivery_seconds: dict[VmsId, tuple[Histogram, ...]] = {}
        self.commit_seconds = Histogram(COMMIT)
        self.by_sensor: defaultdict[SensorId, int] | None = None
        self.by_camera: defaultdict[CameraId, int] | None = None
        self.count_by(by)

    def count_by(self, by: Collection[str]) -> None:
        """From now on; what was counted and is still wanted stays."""
        if "sensor" not in by:
            self.by_sensor = None
        elif self.by_sensor is None:
            self.by_sensor = defaultdict(int)
        if "camera" not in by:
            self.by_camera = None
        elif self.by_camera is None:
            self.by_camera = defaultdict(int)

    def decided(self, decision: Decision) -> None:
        kept = decision.message
        if kept is not None:
            verdicts = decision.verdicts
            if len(verdicts) == 1:
                fate = verdicts[0].fate
            elif verdicts:
                fate = min([verdict.fate for verdict in verdicts], key=_RANK.__getitem__)
            else:
                fate = Fate.FILTERED
            self.messages[kept.message.connector, fate._value_] += 1
        for event in decision.events:
            if event.revision:
                self.amendments[event.urgency] += 1
            else:
                self.events[event.urgency] += 1
                if self.by_sensor is not None:
                    self.by_sensor[event.sensor] += 1

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        delivery = head.delivery
        vms = delivery.vms
        kind = type(outcome)
        self.deliveries[vms, kind] += 1
        if kind is Delivered and delivery.action is Action.RAISE:
            histograms = self.delivery_seconds.get(vms)
            if histograms is None:
                histograms = self.delivery_seconds[vms] = tuple([Histogram(DELIVERY) for _ in Urgency])
            event = delivery.event
            histograms[event.urgency].observe(max(0.0, time.time() - event.arrived_at.timestamp()))
            if self.by_camera is not None:
                self.by_camera[delivery.camera] += 1

    def committed(self, seconds: float) -> None:
        """One batch of the journal is on disk, after so many seconds."""
        self.commit_seconds.observe(seconds)


def by_urgency(counts: Collection[int]) -> Mapping[str, int]:
    """Counts in the order of ``Urgency``, by its name in small letters."""
    return {urgency.name.lower(): count for urgency, count in zip(Urgency, counts, strict=True)}

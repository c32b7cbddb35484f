"""What waits for a VMS for too long: anything at all, and alarms, of which every second counts."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.journal.contract import Oldest, Refused
from bridge.model import EventId, Instant, Urgency, VmsId
from bridge.supervision.conditions import Conditions
from bridge.supervision.silence import spoken

SEEN = 2.0
"""Seconds an alarm has to be seen waiting: one that was held by a rule is old when its delivery is made."""


class Backlog:
    """``old``: seconds after which an event that waits is a fault; ``alarm_within``: the same for an alarm."""

    def __init__(self, conditions: Conditions, old: float, alarm_within: float) -> None:
        self._conditions = conditions
        self._old = old
        self._alarm_within = alarm_within
        self._alarms: dict[VmsId, tuple[EventId, float]] = {}

    def change(self, old: float, alarm_within: float) -> None:
        self._old, self._alarm_within = old, alarm_within

    def looked(self, vms: Iterable[VmsId], waiting: Iterable[Oldest], now: Instant) -> None:
        """The oldest event that waits, of each VMS and urgency. ``vms``: all of the site."""
        oldest: dict[VmsId, Oldest] = {}
        for each in waiting:
            if each.vms not in oldest or each.arrived < oldest[each.vms].arrived:
                oldest[each.vms] = each
        for name in vms:
            self._backlog(name, oldest.get(name), now)

    def looked_for_alarms(self, vms: Iterable[VmsId], waiting: Iterable[Oldest], now: Instant) -> None:
        """The same of alarms alone, which is asked more often."""
        alarms = {each.vms: each for each in waiting if each.urgency is Urgency.ALARM}
        for name in vms:
            self._alarm(name, alarms.get(name), now)

    def looked_for_refused(self, vms: Iterable[VmsId], refused: Iterable[Refused]) -> None:
        """Alarms that will never be accepted, unless somebody acts."""
        latest = {each.vms: each for each in refused}
        for name in vms:
            key = f"alarm-refused {name}"
            found = latest.get(name)
            if found is None:
                self._conditions.end(key, "they were replayed or dropped")
                continue
            more = f", and {found.count - 1} before it" if found.count > 1 else ""
            why = f"{found.title!r} for {found.camera} was refused for good{more}: {found.why} (vms-bridge dead list)"
            self._conditions.begin(key, why)

    def _backlog(self, vms: VmsId, oldest: Oldest | None, now: Instant) -> None:
        key = f"backlog {vms}"
        if oldest is None or _age(oldest, now) < self._old:
            self._conditions.end(key, "nothing waits long any more")
        else:
            self._conditions.begin(key, f"the oldest has waited longer than {spoken(self._old)}")

    def _alarm(self, vms: VmsId, oldest: Oldest | None, now: Instant) -> None:
        key = f"alarm {vms}"
        if oldest is None or _age(oldest, now) < self._alarm_within:
            self._alarms.pop(vms, None)
            self._conditions.end(key, "the alarms were taken")
            return
        seen = self._alarms.get(vms)
        if seen is None or (seen[0] != oldest.event and not self._conditions.holds(key)):
            seen = self._alarms[vms] = (oldest.event, now.monotonic)
        if now.monotonic - seen[1] >= SEEN:
            why = f"{oldest.title!r} for {oldest.camera} was not accepted within {spoken(self._alarm_within)}"
            self._conditions.begin(key, why)


def _age(oldest: Oldest, now: Instant) -> float:
    return (now.utc - oldest.arrived).total_seconds()

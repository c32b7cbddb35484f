"""Sensors that should have been heard by now. Pure but for the conditions it tells.

One that is silent is a fault of its own. Many behind one connector within a while are one fault that lists them: a
switch that died takes three hundred sensors with it, and nobody reads three hundred faults.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from bridge.model import ConnectorId, Instant, SensorId
from bridge.supervision.conditions import Conditions
from bridge.supervision.kinds import NO_LONGER_WATCHED

GATHERED = 10.0
"""Seconds in which it is seen whether a silent sensor is alone."""
MANY = 3
"""So many behind one connector are one fault."""

Excused = Callable[[SensorId], str]
"""Why nobody should miss a sensor ("" when somebody should): it is out of service."""
Deaf = Callable[[SensorId], bool]
"""Whether nobody could hear it now: its connectors are down."""


class Watched(msgspec.Struct, frozen=True):
    """``limit``: seconds it may be silent for."""

    connector: ConnectorId
    limit: float


class _Behind:
    """The silent sensors of one connector: ``waiting`` until it is seen how many there are."""

    def __init__(self) -> None:
        self.waiting: dict[SensorId, None] = {}
        self.judged_at = 0.0
        self.alone: set[SensorId] = set()
        self.many: dict[SensorId, None] = {}


class Silence:
    """``alone`` and ``many``: the first words of its conditions' keys. ``what``: what is missed, in words. ``heard``:
    when each sensor was last heard in the way that counts here."""

    def __init__(
        self,
        alone: str,
        many: str,
        what: str,
        heard: Mapping[SensorId, Instant],
        conditions: Conditions,
        excused: Excused,
        deaf: Deaf,
    ) -> None:
        self._alone = alone
        self._many = many
        self._what = what
        self._heard = heard
        self._conditions = conditions
        self._excused = excused
        self._deaf = deaf
        self._watched: Mapping[SensorId, Watched] = {}
        self._base: dict[SensorId, float] = {}  # since when it is expected to speak, monotonic
        self._due: list[tuple[float, SensorId]] = []
        self._next: dict[SensorId, float] = {}  # when each is looked at again; other entries of it are stale
        self._silent: dict[SensorId, Instant | None] = {}  # → when it was last heard before it was called silent
        self._behind: dict[ConnectorId, _Behind] = {}

    # ------------------------------------------------------------------------------------------------------- the site

    def watch(self, watched: Mapping[SensorId, Watched], now: Instant) -> None:
        """These from now on. Nobody is called silent for the time before it was watched."""
        before, self._watched = self._watched, watched
        changed = set()
        for sensor in list(self._silent):
            if watched.get(sensor) != before.get(sensor):
                self._back(sensor, before[sensor].connector, NO_LONGER_WATCHED)
                changed.add(before[sensor].connector)
        for connector in changed:
            self._list(connector)
        for sensor in [each for each in self._base if each not in watched]:
            del self._base[sensor]
            self._next.pop(sensor, None)
        for sensor, each in watched.items():
            if before.get(sensor) != each:
                self._base[sensor] = now.monotonic
                self._again(sensor, now.monotonic + each.limit)

    def _again(self, sensor: SensorId, due: float) -> None:
        self._next[sensor] = due
        heapq.heappush(self._due, (due, sensor))

    def grace(self, sensors: Iterable[SensorId], now: Instant) -> None:
        """They could not be heard until now, or were not to be: they get all their time again, which is found out when
        they would have been looked at. A link that flaps for days queues nothing."""
        for sensor in sensors:
            if sensor in self._watched and sensor not in self._silent:
                self._base[sensor] = now.monotonic

    def restore(self, sensors: Iterable[SensorId], why: str, since: datetime, many: ConnectorId | None) -> bool:
        """Those of which a fault was open when the service stopped are silent until they are heard. ``many``: the
        connector whose one fault lists them. Whether any of them is still watched."""
        known = [each for each in sensors if each in self._watched and each not in self._silent]
        if many is not None:
            known = [each for each in known if self._watched[each].connector == many]
        if not known:
            return False
        for sensor in known:
            behind = self._behind.setdefault(self._watched[sensor].connector, _Behind())
            self._silent[sensor] = self._heard.get(sensor)
            if many is None:
                behind.alone.add(sensor)
                self._conditions.begin(f"{self._alone} {sensor}", why, since=since)
            else:
                behind.many[sensor] = None
        if many is not None:
            self._conditions.begin(f"{self._many} {many}", why, tuple(known), since)
        return True

    # -------------------------------------------------------------------------------------------------------- looking

    def look(self, now: Instant) -> None:
        """Begin and end conditions by what was heard until now."""
        changed = self._look_for_the_heard()
        while self._due and self._due[0][0] <= now.monotonic:
            moment, sensor = heapq.heappop(self._due)
            each = self._watched.get(sensor)
            if each is None or sensor in self._silent or self._next.get(sensor) != moment:
                continue
            last = self._heard.get(sensor)
            due = max(self._base[sensor], last.monotonic if last is not None else 0.0) + each.limit
            if due <= now.monotonic and (self._excused(sensor) or self._deaf(sensor)):
                self._base[sensor] = now.monotonic
                due = now.monotonic + each.limit
            if due > now.monotonic:
                self._again(sensor, due)
                continue
            self._silent[sensor] = last
            behind = self._behind.setdefault(each.connector, _Behind())
            if not behind.waiting:
                behind.judged_at = now.monotonic + min(GATHERED, each.limit)
            behind.waiting[sensor] = None
        for connector, behind in self._behind.items():
            if behind.waiting and (behind.many or now.monotonic >= behind.judged_at):
                self._judge(connector, behind, now)
                changed.add(connector)
        for connector in changed:
            self._list(connector)

    def _look_for_the_heard(self) -> set[ConnectorId]:
        """Those that are silent no more; the connectors whose lists that changed."""
        changed = set()
        for sensor, before in list(self._silent.items()):
            excused = self._excused(sensor)
            if self._heard.get(sensor) == before and not excused:
                continue
            connector = self._watched[sensor].connector
            self._back(sensor, connector, excused or "is heard again")
            heard = self._heard.get(sensor)
            self._base[sensor] = heard.monotonic if heard is not None else 0.0
            self._again(sensor, self._base[sensor] + self._watched[sensor].limit)
            changed.add(connector)
        return changed

    def _back(self, sensor: SensorId, connector: ConnectorId, why: str) -> None:
        del self._silent[sensor]
        behind = self._behind[connector]
        behind.waiting.pop(sensor, None)
        behind.many.pop(sensor, None)
        if sensor in behind.alone:
            behind.alone.remove(sensor)
            self._conditions.end(f"{self._alone} {sensor}", why)
        if not behind.many:
            self._conditions.end(f"{self._many} {connector}", "is silent no more")

    def _judge(self, connector: ConnectorId, behind: _Behind, now: Instant) -> None:
        waiting, behind.waiting = behind.waiting, {}
        if behind.many or len(waiting) + len(behind.alone) >= MANY:
            behind.many.update(waiting)
            return
        for sensor in waiting:
            behind.alone.add(sensor)
            limit = self._watched[sensor].limit
            why = f"{self._what} for {spoken(limit)}"
            last = self._heard.get(sensor)
            since = last.utc if last is not None else now.utc - timedelta(seconds=now.monotonic - self._base[sensor])
            self._conditions.begin(f"{self._alone} {sensor}", why, since=since)

    def _list(self, connector: ConnectorId) -> None:
        names = tuple(self._behind[connector].many)
        if names:
            why = f"{len(names)} sensors behind connector {connector}: {self._what}"
            self._conditions.begin(f"{self._many} {connector}", why, names)
            self._conditions.change(f"{self._many} {connector}", why, names)


def spoken(seconds: float) -> str:
    """``600.0`` → ``"10 min"``."""
    for unit, worth in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= worth and (seconds / worth) % 1 == 0:
            return f"{seconds / worth:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"

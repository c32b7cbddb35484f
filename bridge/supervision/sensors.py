"""The sensors that are supervised: their silence, their heartbeats, their clocks, and who is excused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bridge.clock import Clock
from bridge.config.site import Sensor, Site
from bridge.decide.in_service import INHIBIT, SERVICE, Said
from bridge.decide.rules import Inhibit
from bridge.model import Draft, Instant, SensorId, StateKey
from bridge.routing import Routed
from bridge.supervision.clocks import DeviceClocks
from bridge.supervision.conditions import Conditions
from bridge.supervision.kinds import CLOCK, HEARTBEAT, HEARTBEAT_MANY, OUT_OF_SERVICE, SILENT, SILENT_MANY
from bridge.supervision.silence import Silence, Watched
from bridge.supervision.telling import OpenFault


class Hearing(Protocol):
    """As much of the intake as is needed here."""

    @property
    def heard(self) -> Mapping[SensorId, Instant]: ...

    @property
    def said(self) -> Mapping[StateKey, Said]: ...


class Sensors:
    def __init__(self, site: Site, intake: Hearing, clock: Clock, conditions: Conditions) -> None:
        self._site = site
        self._intake = intake
        self._clock = clock
        self._conditions = conditions
        self._beats: dict[SensorId, Instant] = {}
        missing = self._excused, self._is_deaf
        self._silence = Silence(SILENT, SILENT_MANY, "nothing heard", intake.heard, conditions, *missing)
        self._heartbeats = Silence(HEARTBEAT, HEARTBEAT_MANY, "no heartbeat", self._beats, conditions, *missing)
        self._clocks = DeviceClocks(conditions)
        self._listens: frozenset[SensorId] = frozenset()
        self._may_rest: frozenset[SensorId] = frozenset()
        self._resting: set[SensorId] = set()

    # ------------------------------------------------------------------------------------------------------- the site

    def watch(self, site: Site) -> None:
        """These from now on."""
        self._site = site
        now = self._clock.now()
        sensors = [each for each in self._site.sensors.values() if each.supervise is not None]
        silent, beats, clocks = {}, {}, {}
        for sensor in sensors:
            asked = sensor.supervise
            assert asked is not None
            if asked.silent_after is not None:
                silent[sensor.id] = Watched(sensor.connector, asked.silent_after)
            if asked.heartbeat is not None:
                beats[sensor.id] = Watched(sensor.connector, asked.heartbeat)
            if asked.clock is not None:
                clocks[sensor.id] = asked.clock
        self._listens = frozenset({*beats, *clocks})
        self._may_rest = frozenset(each.id for each in sensors if any(isinstance(rule, Inhibit) for rule in each.rules))
        self._silence.watch(silent, now)
        self._heartbeats.watch(beats, now)
        self._clocks.watch(clocks)

    def _excused(self, id: SensorId) -> str:
        """Why nobody should miss a sensor now."""
        if id not in self._resting:
            return ""
        sensor = self._site.sensors.get(id)
        return f"{OUT_OF_SERVICE}: {self._inhibited(sensor) if sensor is not None else ''}"

    def _is_deaf(self, id: SensorId) -> bool:
        sensor = self._site.sensors[id]
        return all(self._conditions.holds(f"connector {way}") for way in (sensor.connector, *sensor.also))

    def _inhibited(self, sensor: Sensor) -> str:
        said = self._intake.said.get(StateKey(sensor.id, SERVICE, INHIBIT))
        if said is not None:
            return said.why
        now = self._clock.now().utc
        return next((rule.why for rule in sensor.rules if isinstance(rule, Inhibit) and now < rule.until), "")

    def up_again(self, connector: str) -> None:
        """Who could not be heard gets time to speak."""
        now = self._clock.now()
        behind = [each.id for each in self._site.sensors.values() if connector in (each.connector, *each.also)]
        self._silence.grace(behind, now)
        self._heartbeats.grace(behind, now)

    def look(self, now: Instant) -> None:
        """Find who is silent, and who is not any more."""
        self._look_who_rests(now)
        self._silence.look(now)
        self._heartbeats.look(now)

    def _look_who_rests(self, now: Instant) -> None:
        """Who is in service again gets time to speak, too."""
        resting = {key.sensor for key in self._intake.said if key.key == INHIBIT}
        resting |= {id for id in self._may_rest if (sensor := self._site.sensors.get(id)) and self._inhibited(sensor)}
        back = self._resting - resting
        self._resting = resting
        if back:
            self._silence.grace(back, now)
            self._heartbeats.grace(back, now)

    # -------------------------------------------------------------------------------------------------------- hearing

    def heard(self, routed: Routed, at: Instant) -> None:
        """A message as it was read: heartbeats, and what devices' clocks say. Called on the hot path."""
        if not self._listens:
            return
        for item in routed.items:
            sensor, draft = item.sensor, item.draft
            if sensor is None or sensor.id not in self._listens or not isinstance(draft, Draft):
                continue
            if draft.quiet is not None:
                self._beats[sensor.id] = at
            if draft.occurred_at is not None:
                self._clocks.said(sensor.id, (draft.occurred_at - at.utc).total_seconds(), at.monotonic)

    def restore(self, fault: OpenFault) -> bool:
        """What only a sensor can end holds until it does. The rest is found again, or it is over."""
        word, _, about = fault.key.partition(" ")
        since = fault.since or self._clock.now().utc
        for each, alone, many in ((self._silence, SILENT, SILENT_MANY), (self._heartbeats, HEARTBEAT, HEARTBEAT_MANY)):
            if word == alone:
                return each.restore([SensorId(about)], fault.why, since, None)
            if word == many:
                connectors = [name for name in self._site.connectors if name == about]
                names = [SensorId(name) for name in fault.names]
                return bool(connectors) and each.restore(names, fault.why, since, connectors[0])
        if word == CLOCK and self._clocks.watches(SensorId(about)):
            self._conditions.begin(fault.key, fault.why, since=since)
            return True
        return False

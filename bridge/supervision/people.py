"""What people say of sensors for a while: tested, out of service. Durable, with an end, shown in ``status``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.decide.in_service import INHIBIT, SERVICE, TEST, Said, begun, ended
from bridge.decide.rules import Inhibit
from bridge.model import SensorId, StateChange, StateKey

What: TypeAlias = Literal["test", "inhibit"]
LONGEST = 366 * 86400.0


class Standing(msgspec.Struct, frozen=True):
    """``what``: test or inhibit; ``by``: who said so, the site file or a command."""

    sensor: SensorId
    what: str
    why: str
    until: datetime
    by: str


class Remembering(Protocol):
    """As much of the intake as is needed here."""

    @property
    def said(self) -> Mapping[StateKey, Said]: ...

    async def remember(self, changes: Sequence[StateChange]) -> None: ...


class People:
    def __init__(self, site: Site, intake: Remembering, clock: Clock) -> None:
        self._site = site
        self._intake = intake
        self._clock = clock

    def replace(self, site: Site) -> None:
        self._site = site

    async def begin(self, sensor: SensorId, what: What, why: str, seconds: float) -> Standing:
        """From now on, for so many seconds; in the place of what was said of it before. Raises KeyError for an unknown
        sensor, JournalError."""
        self._site.sensors[sensor]
        until = self._clock.now().utc.timestamp() + seconds
        await self._intake.remember([begun(sensor, what, Said(why, until), seconds)])
        return Standing(sensor, what, why, datetime.fromtimestamp(until, UTC), "command")

    async def end(self, sensor: SensorId, what: What) -> bool:
        """Over now; whether there was anything to end. Raises JournalError."""
        if StateKey(sensor, SERVICE, what) not in self._intake.said:
            return False
        await self._intake.remember([ended(sensor, what)])
        return True

    def standing(self) -> list[Standing]:
        """All that holds now, by sensor."""
        return sorted(self._all(), key=lambda each: (each.sensor, each.what, each.by))

    def _all(self) -> Iterator[Standing]:
        now = self._clock.now().utc
        for key, said in self._intake.said.items():
            if key.key in (TEST, INHIBIT):
                until = datetime.fromtimestamp(said.until, UTC)
                yield Standing(key.sensor, key.key, said.why, until, "command")
        for sensor in self._site.sensors.values():
            for rule in sensor.rules:
                if isinstance(rule, Inhibit) and now < rule.until:
                    yield Standing(sensor.id, INHIBIT, rule.why, rule.until, "site file")

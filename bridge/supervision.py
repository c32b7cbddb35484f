"""What is wrong right now, said once when it begins and once when it ends."""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec

from bridge.clock import Clock

log = logging.getLogger("bridge.supervision")


class Condition(msgspec.Struct, frozen=True):
    """``key`` names what it is about ("vms cloud", "camera gate-in", "connector lpr")."""

    key: str
    why: str
    since: datetime


class Conditions:
    """The conditions that hold now; a change is logged, a repetition is not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, Condition] = {}

    def begin(self, key: str, why: str) -> None:
        """Something is wrong with ``key``. Repeating it, even with another reason, is not news."""
        if key not in self._held:
            self._held[key] = Condition(key, why, self._clock.now().utc)
            log.warning("%s: %s", key, why)

    def end(self, key: str, what: str = "works again") -> None:
        held = self._held.pop(key, None)
        if held is not None:
            seconds = (self._clock.now().utc - held.since).total_seconds()
            log.info("%s: %s after %.1f s (was: %s)", key, what, seconds, held.why)

    def holds(self, key: str) -> bool:
        return key in self._held

    def held(self) -> tuple[Condition, ...]:
        return tuple(self._held.values())

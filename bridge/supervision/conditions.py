"""What is wrong right now, said once when it begins and once when it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import msgspec

from bridge.clock import Clock
from bridge.supervision.kinds import type_of

log = logging.getLogger("bridge.supervision")


class Condition(msgspec.Struct, frozen=True):
    """``key`` names what it is about ("vms cloud", "camera gate-in", "connector lpr"); ``type`` is the type its event
    has, "" for what makes no event; ``names`` what it lists, the sensors behind a dead switch, say."""

    key: str
    why: str
    since: datetime
    type: str = ""
    names: tuple[str, ...] = ()


Changed = Callable[[str, Condition | None, str], None]
"""Told the key, and the condition that holds; or None when it is over, and how in words."""


class Conditions:
    """The conditions that hold now; a change is logged, a repetition is not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, Condition] = {}
        self.on_change: Changed | None = None

    def begin(self, key: str, why: str, names: tuple[str, ...] = (), since: datetime | None = None) -> None:
        """Something is wrong with ``key``. Repeating it, even with another reason, is not news. ``since``: when it
        began, where that was before now."""
        if key not in self._held:
            held = self._held[key] = Condition(key, why, since or self._clock.now().utc, type_of(key), names)
            log.warning("%s: %s", key, why, extra={"condition": key, "change": "begins"})
            self._tell(key, held, "")

    def change(self, key: str, why: str, names: tuple[str, ...]) -> None:
        """What holds has grown or shrunk: the same condition, with what it is by now."""
        held = self._held.get(key)
        if held is not None and (held.why, held.names) != (why, names):
            held = self._held[key] = msgspec.structs.replace(held, why=why, names=names)
            self._tell(key, held, "")

    def end(self, key: str, what: str = "works again") -> None:
        held = self._held.pop(key, None)
        if held is not None:
            seconds = (self._clock.now().utc - held.since).total_seconds()
            told = {"condition": key, "change": "ends", "seconds": round(seconds, 1)}
            log.info("%s: %s after %.1f s (was: %s)", key, what, seconds, held.why, extra=told)
            self._tell(key, None, what)

    def holds(self, key: str) -> bool:
        return key in self._held

    def held(self) -> tuple[Condition, ...]:
        return tuple(self._held.values())

    def _tell(self, key: str, held: Condition | None, what: str) -> None:
        if self.on_change is not None:
            self.on_change(key, held, what)

"""Silence is an event: what is wrong, found, damped and told.

Whatever is a condition (see ``Conditions``) comes here, whoever found it, and becomes an event once it has lasted, and
another once it is over; what nobody else would find (silence, wrong clocks, a disk that fills, what waits too long)
is looked for here, once a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.journal.contract import Fenced, JournalError, Oldest, Refused, StateRow, Totals
from bridge.model import Decision, Instant, SensorId, StateKey, Urgency
from bridge.routing import Routed
from bridge.supervision.backlog import Backlog
from bridge.supervision.conditions import Condition, Conditions
from bridge.supervision.damping import Damping, Fault
from bridge.supervision.kinds import (
    NO_LONGER_WATCHED,
    NOT_OF_THIS_SITE,
    OF_ALARMS,
    OF_SENSORS,
    kind_of,
    word_of,
)
from bridge.supervision.room import Room
from bridge.supervision.sensors import Hearing, Sensors
from bridge.supervision.telling import Telling

log = logging.getLogger("bridge.supervision")

TICK = 1.0
ALARMS_EVERY, ROOM_EVERY = 2.0, 60.0
"""Seconds between looks: at everything; at alarms that wait; at all that waits, and at the disk."""


class Door(Hearing, Protocol):
    """As much of the intake as is needed here."""

    async def tell(self, routed: Routed) -> Decision: ...


class Kept(Protocol):
    """As much of the journal."""

    async def state(self, sensors: Sequence[SensorId]) -> Mapping[StateKey, StateRow]: ...

    async def totals(self) -> Totals: ...

    async def oldest(self, least: Urgency) -> Sequence[Oldest]: ...

    async def refused_alarms(self) -> Sequence[Refused]: ...


Announce = Callable[[Condition, bool, str], None]
"""The second way: told a fault, whether it holds, and its title. May not raise or wait."""


class Supervisor:
    """``free`` gives the bytes free where the journal is. ``run`` until cancelled, after ``restore``."""

    def __init__(
        self,
        site: Site,
        door: Door,
        journal: Kept,
        clock: Clock,
        conditions: Conditions,
        free: Callable[[], int],
        announce: Announce,
    ) -> None:
        self._site = site
        self._door = door
        self._journal = journal
        self._clock = clock
        self._conditions = conditions
        self._free = free
        self._announce = announce
        self._telling = Telling(site, door, journal)
        self._damping = Damping()
        self._faults: dict[str, Condition] = {}  # the last known of each fault that is damped
        self._how: dict[str, str] = {}  # and how it was over
        self._announced: set[str] = set()
        self._perhaps_announced: set[str] = set()
        limits = site.faults
        self._sensors = Sensors(site, door, clock, conditions)
        self._room = Room(conditions, limits.disk_low, limits.buffer_short, site.journal.limit, site.journal.reserve)
        self._backlog = Backlog(conditions, limits.backlog_old, limits.alarm_within)
        self._next_alarms = self._next_room = 0.0
        self._failed = self._unseen = False
        conditions.on_change = self._changed
        self._sensors.watch(site)

    # ------------------------------------------------------------------------------------------------------- the site

    def replace(self, site: Site) -> None:
        """Another site: what is no longer watched is no longer wrong."""
        before, self._site = self._site, site
        self._telling.replace(site)
        limits = site.faults
        self._room.change(limits.disk_low, limits.buffer_short)
        self._backlog.change(limits.backlog_old, limits.alarm_within)
        self._sensors.watch(site)
        ended: list[tuple[str, Sequence[str]]] = [
            ("connector", [each for each in before.connectors if each not in site.connectors]),
            ("vms", [each for each in before.vms if each not in site.vms]),
            ("backlog", [each for each in before.vms if each not in site.vms]),
            *[(word, [each for each in before.vms if each not in site.vms]) for word in OF_ALARMS],
            ("camera", [each for each in before.cameras if each not in site.cameras]),
        ]
        for word, gone in ended:
            for each in gone:
                self._conditions.end(f"{word} {each}", NOT_OF_THIS_SITE)

    def heard(self, routed: Routed, at: Instant) -> None:
        """A message as it was read. Called on the hot path."""
        self._sensors.heard(routed, at)

    def _changed(self, key: str, held: Condition | None, how: str) -> None:
        """A condition began, changed or ended."""
        now = self._clock.now().monotonic
        if held is None:
            self._damping.ends(key, now)
            if key in self._faults:
                self._how[key] = how
            if word_of(key) == "connector":
                self._sensors.up_again(key.partition(" ")[2])
            return
        kind = kind_of(key)
        if kind is not None:
            self._faults[key] = held
            self._how.pop(key, None)
            self._damping.begins(key, held.why, held.names, kind.lasts, now)

    # ------------------------------------------------------------------------------------------------------ restarting

    async def restore(self) -> None:
        """Take up the faults that are open in the journal. Before anything runs. Raises JournalError."""
        now = self._clock.now()
        for fault in await self._telling.open():
            kind = kind_of(fault.key)
            assert kind is not None
            since = fault.since or now.utc
            self._faults[fault.key] = Condition(fault.key, fault.why, since, kind.type, fault.names)
            if word_of(fault.key) in OF_ALARMS:
                self._perhaps_announced.add(fault.key)  # it may have waited to be told, in memory
            else:
                self._announced.add(fault.key)
            known = self._conditions.holds(fault.key)
            self._damping.restore(fault.key, fault.why, fault.names, now.monotonic, kind.unheard)
            if known or self._sensors.restore(fault):
                self._damping.begins(fault.key, fault.why, fault.names, kind.lasts, now.monotonic)
            elif word_of(fault.key) in OF_SENSORS:
                self._how[fault.key] = NO_LONGER_WATCHED

    # -------------------------------------------------------------------------------------------------------- running

    async def run(self) -> None:
        """Look and tell, until cancelled. Raises Fenced when another process has the journal."""
        while True:
            await self.look()
            await self._clock.sleep(TICK)

    async def look(self) -> None:
        """One round: look for what is wrong, then tell what is due."""
        now = self._clock.now()
        self._sensors.look(now)
        try:
            if now.monotonic >= self._next_alarms:
                self._next_alarms = now.monotonic + ALARMS_EVERY
                alarms = await self._journal.oldest(Urgency.ALARM)
                self._backlog.looked_for_alarms(self._site.vms, alarms, now)
                self._backlog.looked_for_refused(self._site.vms, await self._journal.refused_alarms())
            if now.monotonic >= self._next_room:
                self._next_room = now.monotonic + ROOM_EVERY
                waiting = await self._journal.oldest(Urgency.NOTICE)
                self._backlog.looked(self._site.vms, waiting, now)
                free = await asyncio.to_thread(self._free)
                waits = max(((now.utc - each.arrived).total_seconds() for each in waiting), default=0.0)
                self._room.measured((await self._journal.totals()).size, free, now.monotonic, waits)
            self._unseen = False
        except Fenced:
            raise
        except (JournalError, OSError) as error:
            if not self._unseen:
                log.warning("the journal could not be looked at: %s", error)
            self._unseen = True
        for key in [each for each in self._perhaps_announced if self._conditions.holds(each)]:
            self._say(self._faults[key], True, "")
        for fault in self._damping.due(now.monotonic):
            await self._tell(fault, now)

    def _say(self, held: Condition, on: bool, how: str) -> None:
        """By the second way, where a word too much is better than none."""
        self._perhaps_announced.discard(held.key)
        (self._announced.add if on else self._announced.discard)(held.key)
        self._announce(held, on, self._telling.title(held.key, on, held.why, how))

    async def _tell(self, fault: Fault, now: Instant) -> None:
        """One that cannot be kept now is told in one of the next rounds; the second way has it once."""
        key, on = fault.key, fault.on
        held = self._faults[key]
        how = self._how.get(key, "")
        if on is not (key in self._announced) or key in self._perhaps_announced:
            self._say(held, on, how)
        try:
            await self._telling.tell(held, on, how, fault.times, now)
        except Fenced:
            raise
        except JournalError as error:
            if not self._failed:
                log.warning("%s: it could not be kept as an event, and will be tried again: %s", key, error)
            self._failed = True
            return
        self._failed = False
        self._damping.was_told(fault, on, held.names, now.monotonic)
        if key not in self._damping.faults:
            del self._faults[key]
            self._how.pop(key, None)

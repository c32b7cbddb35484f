"""What is done once a minute: old records go, and a VMS that is within its budget again is said to be."""

from __future__ import annotations

import logging

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.journal.contract import Fenced, JournalError
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Urgency, VmsId
from bridge.supervision import Conditions

log = logging.getLogger("bridge.service.housekeeping")

EVERY = 60.0
"""Seconds."""
JUMP = 3600.0
BELIEVED = 86400.0
"""Seconds after which a clock that jumped ahead by more than ``JUMP`` is believed: what it makes old does not come back
when a wrong time server is put right."""
AT_ONCE = 10_000
"""Old records removed before it is asked how many more there are."""


class Housekeeping:
    def __init__(self, site: Site, journal: SqliteJournal, clock: Clock, conditions: Conditions) -> None:
        self._retention = site.journal.retention
        self._journal = journal
        self._clock = clock
        self._conditions = conditions
        self._over_budget: set[str] = set()
        now = clock.now()
        self._began = now.utc.timestamp() - now.monotonic
        """When the monotonic clock began, by the clock that is believed."""
        self._jumped: float | None = None
        journal.on_expired = self._expired

    def replace(self, site: Site) -> None:
        self._retention = site.journal.retention

    async def run(self) -> None:
        """Until cancelled. Raises Fenced."""
        while True:
            over, self._over_budget = self._over_budget, set()
            await self._clock.sleep(EVERY)
            for key in over - self._over_budget:
                self._conditions.end(key, "within the budget again")
            try:
                while await self._journal.purge(self._before(), AT_ONCE) >= AT_ONCE:
                    pass  # more has become old in this minute than is removed at once
            except Fenced:
                raise
            except JournalError as error:  # a full disk, say: the next round tries again
                log.warning("old records could not be removed: %s", error)

    def _before(self) -> float:
        """What arrived before is old: epoch seconds."""
        now = self._clock.now()
        began = now.utc.timestamp() - now.monotonic
        if began <= self._began + JUMP:
            self._began, self._jumped = began, None
        elif self._jumped is None:
            self._jumped = now.monotonic
            log.warning("the clock jumped ahead by %.1f h: old records stay for a day", (began - self._began) / 3600)
        elif now.monotonic - self._jumped >= BELIEVED:
            self._began, self._jumped = began, None
        return self._began + now.monotonic - self._retention

    def _expired(self, vms: VmsId, urgency: Urgency, count: int) -> None:
        """Undelivered events over their VMS's budget were given up, the oldest first; the totals count them."""
        key = f"budget {vms} {urgency.name.lower()}"
        self._over_budget.add(key)
        self._conditions.begin(key, "more waits than may; the oldest are given up (see: status, expired)")

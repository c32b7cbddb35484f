"""What follows when the timer of a fact fires: the timer is consumed, what it made is kept, in one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from bridge.clock import Clock
from bridge.decide.decide import PIECE, decide_timer
from bridge.decide.in_service import SERVICE, Said, read
from bridge.intake.facts import Facts
from bridge.intake.reading import Reading
from bridge.intake.receipts import LATER
from bridge.intake.timers import Timers
from bridge.journal.contract import Journal, JournalError
from bridge.model import Decision, Instant, SensorId, StateChange, StateKey
from bridge.supervision import Conditions

log = logging.getLogger("bridge.intake.firing")

AGAIN = 60.0
"""Seconds until a timer that could not be decided is tried again."""


class Firing:
    def __init__(
        self, reading: Reading, facts: Facts, timers: Timers, journal: Journal, clock: Clock, conditions: Conditions
    ) -> None:
        self._reading = reading
        self._facts = facts
        self._timers = timers
        self._journal = journal
        self._clock = clock
        self._conditions = conditions
        self.said: dict[StateKey, Said] = {}
        """What people said of sensors for a while: each ends with its timer."""

    async def run(self) -> None:
        """Decide what timers ask for, until cancelled."""
        while True:
            while self._timers.lost:
                try:
                    await self._read()
                except JournalError as error:
                    self._timers.lost = True
                    await self._failed(str(error))
            wait = self._timers.look(self._clock.now().monotonic)
            if wait is not None and wait <= 0:
                await self.fire_due()
            else:
                await self._timers.wait(wait)

    async def _failed(self, why: str) -> None:
        self._conditions.begin("journal", why)
        await self._clock.sleep(LATER)

    async def _read(self) -> None:
        self._timers.lost = False
        now = self._clock.now().monotonic
        self.said.clear()
        for row in await self._journal.timers():
            self._timers.set(now + (row.remaining or 0.0), row.key)
            if row.key.kind == SERVICE:
                self.said[row.key] = read(row.value)

    def remember(self, change: StateChange) -> None:
        """What people said just now is durable."""
        if change.value is None:
            self.said.pop(change.key, None)
        else:
            self.said[change.key] = read(change.value)

    async def fire_due(self) -> None:
        """Decide all timers that are due now, and wait for their commits."""
        now = self._clock.now()
        due = deque(self._timers.take_due(now.monotonic, PIECE))
        commits: list[tuple[Decision, asyncio.Future[None], list[SensorId]]] = []
        failed = ""
        async with self._facts.line:
            try:
                await self._facts.load([key.sensor for key in due])
                while due:
                    key = due[0]
                    decision = self._decide(key, now)
                    if decision is not None:
                        commits.append((decision, self._facts.commit(decision, [key.sensor]), [key.sensor]))
                    due.popleft()
            except JournalError as error:
                failed = str(error)
                for late in due:
                    self._timers.set(now.monotonic + LATER, late)
        for decision, commit, sensors in commits:
            try:
                await self._facts.committed(decision, commit, sensors)
            except JournalError as error:
                failed = str(error)
        if failed:
            await self._failed(failed)

    def _decide(self, key: StateKey, now: Instant) -> Decision | None:
        """None when nothing follows now."""
        fact = self._facts.memory.get(key.sensor, key.kind, key.key, now.utc.timestamp())
        if fact is None or fact.due is None:
            return None  # raised or withdrawn meanwhile
        if fact.due > now.monotonic:
            self._timers.set(fact.due, key)
            return None
        try:
            decision = decide_timer(self._reading.site, key, self._facts.memory, now)
        except Exception:  # a fault of ours must not stop all other timers; it is tried again
            log.exception("the timer of %s %s could not be decided", key.sensor, key.key)
            self._timers.set(now.monotonic + AGAIN, key)
            return None
        self.said.pop(key, None)
        return decision

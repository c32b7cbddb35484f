"""What is remembered of sensors, and how decisions change it: loaded, decided, handed to the journal, in one order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from bridge.clock import Clock
from bridge.decide.memory import Fact, Memory
from bridge.intake.timers import Timers
from bridge.journal.contract import Journal, StateRow, Undone
from bridge.model import Decision, SensorId, StateKey, Urgency
from bridge.observer import Observer
from bridge.supervision import Conditions


class Facts:
    """``memory`` is a cache of what the journal holds once all that was handed to it is durable.

    ``line``: whoever has to wait for facts before deciding waits in it, first come, first decided. A decision about
    sensors that are ``ready`` may be made without it, if no earlier message of theirs waits.
    """

    def __init__(
        self, journal: Journal, clock: Clock, timers: Timers, conditions: Conditions, observer: Observer | None
    ) -> None:
        self.memory = Memory()
        self.line = asyncio.Lock()
        self._journal = journal
        self._clock = clock
        self._timers = timers
        self._conditions = conditions
        self._observer = observer
        self._generation = journal.generation
        self._untold = False

    def ready(self, sensors: Iterable[SensorId]) -> bool:
        """Whether all that is known of these is in memory."""
        self.look_for_undone()
        return all(self.memory.knows(sensor) for sensor in sensors)

    async def load(self, sensors: Iterable[SensorId]) -> None:
        """Only in the ``line``. Raises JournalError."""
        while not self.ready(sensors):
            missing = [sensor for sensor in dict.fromkeys(sensors) if not self.memory.knows(sensor)]
            generation = self._generation
            rows = await self._journal.state(missing)
            if generation != self._journal.generation:
                continue
            now = self._clock.now().monotonic
            facts: dict[SensorId, dict[StateKey, Fact]] = {sensor: {} for sensor in missing}
            for key, row in rows.items():
                facts[key.sensor][key] = _fact(row, now)
            wanted = frozenset(sensors)
            for sensor in missing:
                self.memory.load(sensor, facts[sensor], wanted)

    def commit(self, decision: Decision, sensors: Sequence[SensorId]) -> asyncio.Future[None]:
        """Hand a decision to the journal and remember it; one step, so that call order is commit order. ``committed``
        must follow. Raises JournalError."""
        commit = self._journal.commit(decision)  # raises Full before anything is taken or remembered
        self.memory.pin(sensors)
        at = decision.at
        if decision.changes:
            self.memory.apply(decision.changes, at.utc.timestamp(), at.monotonic)
            for change in decision.changes:
                if change.due_in is not None:
                    self._timers.set(at.monotonic + change.due_in, change.key)
        return commit

    async def committed(self, decision: Decision, commit: asyncio.Future[None], sensors: Sequence[SensorId]) -> None:
        """Wait until it is durable. Raises JournalError when it never will be."""
        try:
            await commit
        except Undone:
            self.look_for_undone()
            raise
        finally:
            self.memory.unpin(sensors)
        if self._observer is not None:
            self._observer.decided(decision)
        if self._conditions.holds("journal") and not any(each.urgency is Urgency.ALARM for each in decision.events):
            self._conditions.end("journal")  # an alarm is kept in the reserve, too: it says nothing about the room

    async def decided(self, sensors: Sequence[SensorId], decide: Callable[[], Decision]) -> Decision:
        """All of it, for what need not be quick: load, ask for the decision, wait until it is durable. Raises
        JournalError."""
        async with self.line:
            await self.load(sensors)
            decision = decide()
            commit = self.commit(decision, sensors)
        await self.committed(decision, commit, sensors)
        return decision

    def look_for_undone(self) -> bool:
        """When decisions were undone, what was remembered from them, timers too, is read anew from the journal.

        Whether their senders are only being told, in this turn of the loop: what has come behind theirs would overtake
        it, and is undone too."""
        if self._generation != self._journal.generation:
            self._generation = self._journal.generation
            self.memory.clear()
            self._timers.lose()
            self._untold = True
            asyncio.get_running_loop().call_soon(self._told)
        return self._untold

    def _told(self) -> None:
        self._untold = False


def _fact(row: StateRow, now: float) -> Fact:
    return Fact(row.value, row.expires, None if row.remaining is None else now + row.remaining)

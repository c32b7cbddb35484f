"""Whether a VMS answers: away, one careful probe at a time, and back by doubling.

While it is away whoever holds a delivery waits here for a turn, and one of them gets it: an alarm if there is one.
The condition begins when the first probe failed too, so that one refused connection is no news.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections.abc import Callable

from bridge.clock import Clock
from bridge.delivery.backoff import FIRST, LONGEST_ASKED_FOR, full_jitter, wait_until
from bridge.model import Urgency
from bridge.supervision import Conditions

AWAY = 3
SILENT, REFUSED = 1, 2
"""What a request without an answer counts, and one that surely was not taken; a VMS counts as away from ``AWAY`` in a
row. One refusal is not enough: a gateway's odd 502 is told in the same way as a refused connection."""
LONGEST = 10.0
"""Seconds between probes at most."""
LONGEST_WITH_ALARM = 5.0
"""The same while an alarm waits."""
ALARMS_IN_A_ROW = 10
"""Probes by alarms after which another delivery has a turn: an alarm may fail for what it or its camera is."""
EARLY = 2.0
"""Seconds between probes at least when a new alarm asks for one."""


class Turn(enum.Enum):
    OPEN = "open"
    """the VMS is back: send as usual"""
    PROBE = "probe"
    """the one probe: send, then call ``turn_over``"""
    NONE = "none"
    """give the delivery back"""


class _Candidate:
    __slots__ = ("fresh", "order", "turn", "urgency")

    def __init__(self, urgency: Urgency, fresh: bool, order: int, turn: asyncio.Future[Turn]) -> None:
        self.urgency = urgency
        self.fresh = fresh
        self.order = order
        self.turn = turn


class Availability:
    """Of one VMS. ``window``: requests in flight that it is trusted with, ``connections`` unless it was away just
    now. ``troubled``: there is something to note about an answer; else ``answered`` need not be called.
    ``changed`` is called when more may be sent than before; ``parked`` tells whether the whole VMS is parked."""

    def __init__(
        self,
        key: str,
        connections: int,
        clock: Clock,
        conditions: Conditions,
        changed: Callable[[], None],
        parked: Callable[[], bool],
    ) -> None:
        self._key = key
        self._parked = parked
        self._connections = connections
        self._clock = clock
        self._conditions = conditions
        self._changed = changed
        self.away = False
        self.troubled = False
        self.window = connections
        self._silent = 0
        self._closed = False
        self._probing = False
        self._probes_failed = 0
        self._by_alarms = 0
        """Probes in a row."""
        self._due = self._last_probe = 0.0
        self._order = itertools.count()
        self._candidates: list[_Candidate] = []
        self._stir = asyncio.Event()

    # ------------------------------------------------------------------------------------------------- what answers say

    def answered(self) -> None:
        """The VMS answered, whatever it said."""
        self._silent = self._by_alarms = 0
        if self.away:
            self.away = False
            self.window = min(2, self._connections) if self._probes_failed else self._connections
            if not self._parked():  # else the condition is about that, and goes on
                self._conditions.end(self._key)
            self._release(Turn.OPEN)
        else:
            self.window = min(self.window * 2, self._connections)
        self.troubled = self.window < self._connections
        self._changed()

    def silent(self, why: str, *, refused: bool, probe: bool, after: float = 0.0) -> None:
        """The VMS did not answer. ``refused``: it surely took nothing. ``probe``: this was the one probe.
        ``after``: seconds it asked to be left alone."""
        self.troubled = True
        now = self._clock.now().monotonic
        if self.away:
            if probe:
                self._probes_failed += 1
                if not self._closed:  # else it may be of this site no more
                    self._conditions.begin(self._key, why)
                pause = max(full_jitter(self._probes_failed, LONGEST), min(after, LONGEST_ASKED_FOR))
                self._due = now + pause
            return
        self._silent += REFUSED if refused else SILENT
        if self._silent >= AWAY:
            self.away = True
            self._probes_failed = 0
            self._last_probe = now
            self._due = now + max(full_jitter(0, LONGEST, FIRST), min(after, LONGEST_ASKED_FOR))
            self._stir.set()

    # --------------------------------------------------------------------------------------------------------- turns

    @property
    def wants_candidate(self) -> bool:
        """Nobody waits to be the probe, or nobody but alarms that have had their turns."""
        if self._by_alarms >= ALARMS_IN_A_ROW:
            return all(each.urgency is Urgency.ALARM for each in self._candidates)
        return not self._candidates and not self._probing

    async def turn(self, urgency: Urgency, fresh: bool) -> Turn:
        """Wait for a turn while the VMS is away. ``fresh``: never sent before. A second delivery that is no alarm
        is turned away at once: one is enough to probe with."""
        if self._closed:
            return Turn.NONE
        if not self.away:
            return Turn.OPEN
        if urgency is not Urgency.ALARM and any(each.urgency is not Urgency.ALARM for each in self._candidates):
            return Turn.NONE
        candidate = _Candidate(urgency, fresh, next(self._order), asyncio.get_running_loop().create_future())
        self._candidates.append(candidate)
        self._stir.set()
        try:
            return await candidate.turn
        finally:
            if candidate in self._candidates:
                self._candidates.remove(candidate)

    def take_probe(self) -> bool:
        """Ask for the one probe without waiting; if granted, call ``turn_over`` after it. Granted when not away."""
        if self.away and self._probing:
            return False
        self._probing = True
        return True

    def turn_over(self) -> None:
        """The probe has ended; what it showed has been told."""
        self._probing = False
        self._last_probe = self._clock.now().monotonic
        self._stir.set()

    def soon(self) -> None:
        """Something was changed that may help: probe now."""
        self._due = self._clock.now().monotonic
        self._stir.set()

    def resize(self, connections: int) -> None:
        self._connections = connections
        self.window = min(self.window, connections) if self.troubled else connections

    def close(self) -> None:
        """Everybody gives back what they hold."""
        self._closed = True
        self._release(Turn.NONE)

    def _release(self, turn: Turn) -> None:
        candidates, self._candidates = self._candidates, []
        for candidate in candidates:
            if not candidate.turn.done():
                candidate.turn.set_result(turn)

    # -------------------------------------------------------------------------------------------------------- probing

    async def run(self) -> None:
        """Grant turns while the VMS is away."""
        while True:
            self._stir.clear()
            if not self.away or self._probing or not self._candidates:
                await self._stir.wait()
                continue
            rest = self._next_probe() - self._clock.now().monotonic
            if rest > 0:
                await wait_until(self._stir, self._clock, rest)
                continue
            first = self._first()
            self._candidates.remove(first)
            if not first.turn.done():
                self._probing = True
                first.turn.set_result(Turn.PROBE)
                self._by_alarms = self._by_alarms + 1 if first.urgency is Urgency.ALARM else 0
                if self._by_alarms == ALARMS_IN_A_ROW:
                    self._changed()

    def _first(self) -> _Candidate:
        others = [each for each in self._candidates if each.urgency is not Urgency.ALARM]
        among = others if others and self._by_alarms >= ALARMS_IN_A_ROW else self._candidates
        return min(among, key=lambda each: (each.urgency, each.order))

    def _next_probe(self) -> float:
        """Monotonic time of the next probe, given who waits."""
        due = self._due
        if any(each.urgency is Urgency.ALARM for each in self._candidates):
            due = min(due, self._last_probe + LONGEST_WITH_ALARM)
        if any(each.urgency is Urgency.ALARM and each.fresh for each in self._candidates):
            due = min(due, self._last_probe + EARLY)
        return due

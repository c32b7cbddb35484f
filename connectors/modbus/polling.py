"""The one who asks: everything on a line in turn, each point as often as it wants, one question at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from bridge.model import Instant
from connectors.backoff import Backoff
from connectors.modbus.faults import Faults
from connectors.modbus.groups import Answers, Group, groups_of
from connectors.modbus.line import Gone, Line, Odd, Refused, Silent
from connectors.modbus.plan import Apart, Block, taken_apart
from connectors.modbus.points import Point
from connectors.modbus.settings import ModbusSettings
from connectors.modbus.telling import Teller

LONGEST_BACKOFF = 15.0
"""Seconds between two tries of what does not answer; each costs its neighbours on the line the time-out."""
MISSES = 3
"""Questions without an answer after which a unit is called silent, and a connection is made anew."""
BUSY = 5
"""Times in a row that a unit may say that it is busy."""
_TAKE_APART = (2, 3)
"""Exceptions by which devices say that not all of what was asked for is there, or that it is too much."""
_BUSY = (5, 6)
_NOT_THERE = (10, 11)
"""What a gateway says for a unit that does not answer it."""


class _Unit:
    """``misses``: questions in a row without an answer. ``not_before``: when to ask it again."""

    def __init__(self) -> None:
        self.misses = 0
        self.not_before = 0.0
        self.backoff = Backoff(1.0, LONGEST_BACKOFF)


class _Wrong:
    """A question that is refused, ``times`` in a row: asked again, but less often."""

    def __init__(self) -> None:
        self.times = 0
        self.not_before = 0.0
        self.backoff = Backoff(1.0, LONGEST_BACKOFF)


class Poller:
    """``counts``: ``questions``, ``rounds``, ``late`` rounds that began later than they should by a whole interval,
    ``failed`` ones that ended with the connection, or could not have one."""

    def __init__(
        self, settings: ModbusSettings, line: Line, faults: Faults, teller: Teller, counts: Counter[str], note: str = ""
    ) -> None:
        """``note``: what to say besides when all is well."""
        self._settings = settings
        self._line = line
        self._faults = faults
        self._teller = teller
        self._counts = counts
        self._note = note
        self._units: dict[int, _Unit] = {}
        self._groups: list[Group] = []
        self._apart: Apart = set()
        self._wrong: dict[tuple[int, str], _Wrong] = {}
        self._unanswered = 0
        self._read_at: dict[str, float] = {}
        self._reconnecting = Backoff(0.5, LONGEST_BACKOFF)

    async def watch(self, points: Sequence[Point]) -> None:
        """Read these from now on."""
        await self._teller.know(points)
        self._groups = groups_of(points, self._settings.poll, time.monotonic())
        self._units = {group.unit: self._units.get(group.unit) or _Unit() for group in self._groups}
        for group in self._groups:
            group.plan(self._settings.gap, self._settings.most, self._apart)
        self._forget_what_is_not_asked()
        kept = {point.key for point in points}
        self._read_at = {key: at for key, at in self._read_at.items() if key in kept}
        questions = sum(len(group.blocks) for group in self._groups)
        works = f"{self._settings.line} answers: {len(points)} points in {questions} questions{self._note}"
        self._faults.watch(self._units, works)

    def _forget_what_is_not_asked(self) -> None:
        asked = {(block.unit, block.label) for group in self._groups for block in group.blocks}
        for unit, label in self._wrong.keys() - asked:
            del self._wrong[unit, label]
            self._faults.gives(unit, label)

    async def run(self, tasks: asyncio.TaskGroup, changed: asyncio.Event) -> None:
        """Until ``changed`` is set, or for ever. What is to be told is submitted by ``tasks``."""
        while not changed.is_set():
            group = min(self._groups, key=lambda each: each.due, default=None)
            wait = None if group is None else group.due - time.monotonic()
            if group is None or wait is None or wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await changed.wait()
                continue
            self._counts["rounds"] += 1
            self._counts["late"] += -wait > group.every
            due = group.due
            try:
                whole = await self._round(tasks, group)
            except Gone as gone:
                self._counts["failed"] += 1
                self._faults.gone(str(gone))
                again = time.monotonic() + self._reconnecting.next()
                for each in self._groups:
                    each.due = max(each.due, again)
                continue
            if whole:  # what was late is not made up for: the device would be asked without a pause
                group.due = max(due + group.pace.next(), time.monotonic(), self._units[group.unit].not_before)

    async def _round(self, tasks: asyncio.TaskGroup, group: Group) -> bool:
        """Ask all questions of a group, then see what changed. False when the questions turned out to be too long, and
        others are to be asked at once. Raises Gone."""
        unit = self._units[group.unit]
        if unit.not_before > time.monotonic():
            return True
        await self._line.connect()
        answers: list[Sequence[int] | None] = []
        for block in group.blocks:
            wrong = self._wrong.get((block.unit, block.label))
            if wrong is not None and wrong.not_before > time.monotonic():
                answers.append(None)
                continue
            try:
                answers.append(await self._ask(unit, block))
            except Silent:
                break
            except Refused as refused:
                self._answered(group.unit, unit)
                if self._refused(group, block, refused):
                    return False
                answers.append(None)
            else:
                self._answered(group.unit, unit)
                if self._wrong.pop((block.unit, block.label), None) is not None:
                    self._faults.gives(block.unit, block.label)
        answers += [None] * (len(group.blocks) - len(answers))
        self._see(tasks, group, answers)
        return True

    async def _ask(self, unit: _Unit, block: Block) -> Sequence[int]:
        """What a block reads. Asked again when nothing comes: a line may be disturbed, and some devices take what
        follows a question that nobody answered for its answer. Raises Silent when that does not help, Refused, Gone."""
        while True:
            self._counts["questions"] += 1
            try:
                return await self._line.read(block)
            except Refused as refused:
                if refused.code not in _NOT_THERE:
                    raise
                why = f"does not answer its gateway: {refused}"
            except (Silent, Odd) as missed:
                why = str(missed)
            self._missed(block.unit, unit, why)
            if unit.misses >= MISSES:
                raise Silent(why)

    def _see(self, tasks: asyncio.TaskGroup, group: Group, answers: Answers) -> None:
        at = Instant(datetime.now(UTC), time.monotonic())
        for point, value, along in group.seen(answers):
            unwatched = self._unwatched(point, group.every, at.monotonic)
            self._read_at[point.key] = at.monotonic
            self._teller.seen(tasks, point, value, along, at, unwatched)

    def _unwatched(self, point: Point, every: float, now: float) -> str:
        """Why what it reads may be older than this round."""
        before = self._read_at.get(point.key)
        if before is None:
            return "since the bridge was started"
        gap = now - before
        return f"not read for {gap:.0f} s" if gap > 3 * every + self._settings.timeout else ""

    # ------------------------------------------------------------------------------------------- what answers, and how

    def _answered(self, number: int, unit: _Unit) -> None:
        self._unanswered = 0
        self._reconnecting.reset()
        if unit.misses:
            unit.misses, unit.not_before = 0, 0.0
            unit.backoff.reset()
        self._faults.answers(number)

    def _missed(self, number: int, unit: _Unit, why: str) -> None:
        unit.misses += 1
        self._unanswered += 1
        if unit.misses >= MISSES:
            self._faults.silent(number, why)
            unit.not_before = time.monotonic() + unit.backoff.next()
        if self._unanswered >= MISSES:
            self._line.close()  # a connection of which the other end is gone looks just like this
            self._unanswered = 0

    def _refused(self, group: Group, block: Block, refused: Refused) -> bool:
        """Whether what the block reads is asked for in other pieces from now on."""
        apart = taken_apart(block) if refused.code in _TAKE_APART else set()
        if apart:
            self._apart |= apart
            group.plan(self._settings.gap, self._settings.most, self._apart)
            self._forget_what_is_not_asked()
            return True
        wrong = self._wrong.setdefault((block.unit, block.label), _Wrong())
        wrong.times += 1
        if refused.code not in _BUSY or wrong.times >= BUSY:
            self._faults.refuses(block.unit, block.label, str(refused))
            wrong.not_before = time.monotonic() + wrong.backoff.next()
        return False

"""What is told of a point: each change is a message, and what was told last is committed with it.

The next change of a point is submitted when the one before it is kept: so what the journal has as told last is what was
told last, whatever is refused or killed in between. Points do not wait for each other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from bridge.model import ConnectorId, Instant, Message, Origin, Position
from connectors.base import Intake
from connectors.in_order import jittered
from connectors.modbus.levels import NORMAL, way
from connectors.modbus.points import Point, State, Value

MOST = 64
"""Changes of one point that wait to be kept. What happens beyond that is told as one change, once there is room."""

AT_ONCE = 64
"""Messages of a connector that wait for their commit at once: a thousand points at a first start are not a flood."""

_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 0.01

Document: TypeAlias = Mapping[str, object]


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was told of a point last. ``state``: None before its first value. ``bad``: it has none now. ``shown``: that
    it is on was told as an event, not only as what it was when we came."""

    state: State | None = None
    bad: bool = False
    shown: bool = False


class Change(msgspec.Struct, frozen=True):
    """``after``: what is told once this is. ``said``: what the message says of it."""

    after: Told
    said: Document


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Told)


def changes(point: Point, told: Told | None, value: Value | None, at_start: str) -> Sequence[Change]:
    """What is to be told of a point that reads ``value`` (None: it has none), in order. Pure."""
    before = told or Told()
    if value is None:
        lost = msgspec.structs.replace(before, bad=True)
        return () if before.bad else (Change(lost, {"about": "reading", "lost": True}),)
    found = []
    if before.bad:
        before = msgspec.structs.replace(before, bad=False)
        found.append(Change(before, {"about": "reading", "lost": False}))
    state = point.state(value, before.state)
    if before.state is None:
        shown = (point.settings.at_start or at_start) == "event"
        said = {**_said(point, state, value), "start": True, "tell": shown}
        found.append(Change(Told(state, shown=shown), said))
    elif state != before.state:
        for step in way(before.state, state):
            said = _said(point, step, value)
            if point.about == "change":
                said["before"] = before.state
            elif not before.shown and step in ("off", NORMAL):
                said["untold"] = True
            before = Told(step, shown=True)
            found.append(Change(before, said))
    return found


def _said(point: Point, state: State, value: Value) -> dict[str, object]:
    said: dict[str, object] = {"about": point.about, "value": value}
    if point.about == "contact":
        said["on"] = state == "on"
        said["normally"] = point.settings.normally
    elif point.about == "level":
        said["level"] = state
    return said


def again(point: Point, told: Told, value: Value | None) -> Change:
    """What was told last, once more: nothing of it has changed. Pure."""
    if told.bad or told.state is None or value is None:
        return Change(told, {"about": "reading", "lost": told.bad, "again": True})
    return Change(told, {**_said(point, told.state, value), "again": True, "tell": told.shown})


class _Queue:
    """The changes of one point that are on their way. ``told``: as of the last of them, ``at``: when that was."""

    def __init__(self, told: Told | None) -> None:
        self.told = told
        self.at: float | None = None
        self.waiting: deque[Message] = deque()
        self.task: asyncio.Task[None] | None = None


class Teller:
    """``counts``: ``messages`` kept, ``again``: times the intake said later and was waited for, ``merged``: changes
    that were not told one by one. ``at_start``: the connector's. ``repeat``: seconds after which a state is told again.
    """

    def __init__(
        self,
        name: ConnectorId,
        peer: str,
        intake: Intake,
        counts: Counter[str],
        at_start: str = "state",
        repeat: float | None = None,
    ) -> None:
        self._name = name
        self._peer = peer
        self._at_start = at_start
        self._repeat = repeat
        self._intake = intake
        self._counts = counts
        self._queues: dict[str, _Queue] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._stopping = asyncio.Event()

    async def know(self, points: Iterable[Point]) -> None:
        """Read what was told last of points that are new here; forget the others."""
        wanted = {point.key for point in points}
        for key in [each for each, queue in self._queues.items() if each not in wanted and queue.task is None]:
            del self._queues[key]
        for key in wanted - self._queues.keys():
            self._queues[key] = _Queue(_read(await self._intake.position(self._position(key))))

    def seen(
        self,
        group: asyncio.TaskGroup,
        point: Point,
        value: Value | None,
        along: Mapping[str, Value],
        at: Instant,
        unwatched: str,
    ) -> None:
        """A point was read. ``along``: what was read with it. ``unwatched``: why a change may be older than it looks,
        "" where it is not. What is to be told is submitted in a task of ``group``."""
        queue = self._queues[point.key]
        if queue.at is None:
            queue.at = at.monotonic
        found = changes(point, queue.told, value, self._at_start)
        if not found and self._repeat is not None and queue.told is not None and not queue.waiting:
            found = [again(point, queue.told, value)] if at.monotonic - queue.at >= self._repeat else ()
        for change in found:
            if len(queue.waiting) >= MOST:
                self._counts["merged"] += 1
                return
            queue.told, queue.at = change.after, at.monotonic
            queue.waiting.append(self._message(point, change, along, at, unwatched))
        if queue.waiting and queue.task is None:
            queue.task = group.create_task(self._keep(queue), name=f"modbus {self._name} {point.key}")

    async def finish(self, within: float) -> None:
        """Let what was submitted be kept, then end the rest: what is not told now is told after the next start."""
        self._stopping.set()
        tasks = {queue.task for queue in self._queues.values() if queue.task is not None}
        if tasks:
            try:
                await asyncio.wait(tasks, timeout=within)
            finally:
                for task in tasks:
                    task.cancel()

    def _message(self, point: Point, change: Change, along: Document, at: Instant, unwatched: str) -> Message:
        settings = point.settings
        said: dict[str, object] = {
            "point": point.name, "unit": point.unit, "table": settings.table, "register": settings.number,
        }  # fmt: skip
        if settings.bit is not None:
            said["bit"] = settings.bit
        for name in ("of", "measure"):
            if getattr(settings, name):
                said[name] = getattr(settings, name)
        said |= change.said
        if settings.thresholds is not None:
            said["thresholds"] = settings.thresholds.model_dump(exclude_none=True, exclude_defaults=True)
        if unwatched and "start" not in said and "again" not in said:
            said["unwatched"] = unwatched
        if along:
            said["values"] = along
        return Message(
            connector=self._name,
            origin=Origin(self._peer, point.place, attributes={"address": point.digest}),
            body=_encoder.encode(said),
            content_type="application/json",
            arrived=at,
            position=Position(self._position(point.key), _encoder.encode(change.after).decode()),
        )

    def _position(self, key: str) -> str:
        """The name the journal keeps it under."""
        return f"modbus {self._name} {key}"

    async def _keep(self, queue: _Queue) -> None:
        pause = 0.0
        try:
            while queue.waiting:
                async with self._slots:
                    receipt = await self._intake.submit(queue.waiting[0])
                if receipt.kept:
                    queue.waiting.popleft()
                    self._counts["messages"] += 1
                    pause = 0.0
                    continue
                self._counts["again"] += 1
                if self._stopping.is_set():
                    return
                pause = max(receipt.after, min(2 * pause, _LONGEST_PAUSE), _SHORTEST_PAUSE)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(jittered(pause)):
                        await self._stopping.wait()
        finally:
            queue.task = None


def _read(position: Position | None) -> Told | None:
    """None for what nobody can read: then it begins anew."""
    if position is None:
        return None
    try:
        return _decoder.decode(position.value)
    except msgspec.DecodeError:
        return None

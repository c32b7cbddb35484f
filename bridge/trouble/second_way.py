"""All ways of the site by which trouble is told: each in order, tried again until it is told, none waiting for another.

What waits is bounded and lost with the process: what is still wrong after a restart is said again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.delivery.backoff import half_jitter
from bridge.secret import Secrets
from bridge.supervision import Condition, Conditions
from bridge.supervision.kinds import OF_ALARMS, word_of
from bridge.trouble.told import NotTold, Trouble

if TYPE_CHECKING:
    from bridge.trouble.settings import TroubleSettings

log = logging.getLogger("bridge.trouble")

WAITING = 100
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0


class _Told:
    """One way: what waits to be told by it."""

    def __init__(self, number: int, settings: TroubleSettings) -> None:
        self.settings = settings
        self.key = f"trouble {settings.type} {number}"
        self.waiting: deque[Trouble] = deque(maxlen=WAITING)
        self.filled = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class SecondWay:
    """``run`` until cancelled; ``announce`` at any time."""

    def __init__(self, site: Site, secrets: Secrets, clock: Clock, conditions: Conditions) -> None:
        self._site = site
        self._secrets = secrets
        self._clock = clock
        self._conditions = conditions
        self._ways = _ways(site.trouble)
        self._group: asyncio.TaskGroup | None = None

    def announce(self, condition: Condition, on: bool, title: str) -> None:
        """Tell a fault that holds, or one that is over, by every way that is told such. Never waits."""
        trouble = Trouble(
            site=self._site.id,
            site_name=self._site.name,
            type=condition.type,
            key=condition.key,
            state="active" if on else "restored",
            title=title,
            why=condition.why,
            since=condition.since,
            at=self._clock.now().utc,
            names=condition.names,
        )
        for way in self._ways:
            if way.settings.faults or word_of(condition.key) in OF_ALARMS:
                if len(way.waiting) == WAITING:
                    log.error("%s: too much waits to be told; the oldest is left out", way.key)
                way.waiting.append(trouble)
                way.filled.set()

    def replace(self, site: Site) -> None:
        """Another site: ways that stay as they were keep what waits."""
        before, self._ways = self._ways, []
        self._site = site
        for way in _ways(site.trouble):
            same = next((each for each in before if each.settings == way.settings), way)
            if same is not way:
                before.remove(same)
            self._ways.append(same)
        for gone in before:
            if gone.task is not None:
                gone.task.cancel()
            self._conditions.end(gone.key, "is no longer of this site")
        if self._group is not None:
            self._start(self._group)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._start(group)
                await asyncio.get_running_loop().create_future()  # until cancelled
        finally:
            self._group = None

    def _start(self, group: asyncio.TaskGroup) -> None:
        for way in self._ways:
            if way.task is None:
                way.task = group.create_task(self._follow(way), name=way.key)

    async def _follow(self, told: _Told) -> None:
        from bridge.trouble.ways import way_of  # what it needs is loaded only for sites that have some

        way = way_of(told.settings, self._secrets)
        pause = FIRST_PAUSE
        try:
            while True:
                if not told.waiting:
                    told.filled.clear()
                    await told.filled.wait()
                trouble = told.waiting[0]
                try:
                    await way.tell(trouble)
                except NotTold as error:
                    self._conditions.begin(told.key, str(error))
                    await self._clock.sleep(half_jitter(pause))
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                pause = FIRST_PAUSE
                self._conditions.end(told.key)
                if told.waiting and told.waiting[0] is trouble:
                    told.waiting.popleft()
        finally:
            await way.close()


def _ways(settings: Sequence[TroubleSettings]) -> list[_Told]:
    return [_Told(number, each) for number, each in enumerate(settings, 1)]

"""The room of clips: follows the events, asks for what is due, and never hurts who does the events' own work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from bridge.clips.following import Bookmarks, Following, Stream, settings_of
from bridge.clips.making import Making
from bridge.clock import Clock
from bridge.config.site import Site
from bridge.delivery.backoff import wait_until
from bridge.journal.clips import Clips
from bridge.journal.contract import Journal, JournalError
from bridge.model import VmsId
from bridge.vms.base import VmsTarget

log = logging.getLogger("bridge.clips")

LONGEST_SLEEP = 60.0
"""Seconds until the clock is looked at again: it may have been set meanwhile."""
AFTER_A_FAULT = 10.0


class ClipKeeping(Journal, Bookmarks, Protocol):
    """A journal that keeps clips, too."""

    @property
    def clips(self) -> Clips: ...


class ClipRoom:
    """``run`` until cancelled; ``replace`` with another site meanwhile. ``targets``: those of now, asked each time."""

    def __init__(
        self,
        site: Site,
        journal: ClipKeeping,
        stream: Stream,
        targets: Callable[[], Mapping[VmsId, VmsTarget]],
        clock: Clock,
    ) -> None:
        self._site = site
        self._journal = journal
        self._targets = targets
        self._clock = clock
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._following = Following(stream, journal, journal.clips, clock, self._woken.set)
        self._making = Making(journal, journal.clips, clock)

    def replace(self, site: Site) -> None:
        self._site = site
        self._changed.set()
        self._woken.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._safely(self._follow), name="clips: which")
            group.create_task(self._safely(self._make), name="clips: asking")

    async def _follow(self) -> None:
        """While the site wants clips; what was kept before is asked for all the same."""
        self._changed.clear()
        if not settings_of(self._site):
            await self._following.forget()
            await self._changed.wait()
            return
        following = asyncio.ensure_future(self._following.run(lambda: self._site))
        changed = asyncio.ensure_future(self._no_longer_wanted())
        try:
            await asyncio.wait([following, changed], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (following, changed):
                task.cancel()
            await asyncio.wait([following, changed])
        if not following.cancelled() and (failed := following.exception()) is not None:
            raise failed

    async def _no_longer_wanted(self) -> None:
        while settings_of(self._site):
            await self._changed.wait()
            self._changed.clear()

    async def _make(self) -> None:
        self._woken.clear()
        if await self._making.round(self._site, self._targets()):
            return
        due = await self._journal.clips.next_due()
        if due is None:
            await self._woken.wait()
            return
        left = (due - self._clock.now().utc).total_seconds()
        await wait_until(self._woken, self._clock, min(max(left, 0.0), LONGEST_SLEEP))

    async def _safely(self, step: Callable[[], Awaitable[None]]) -> None:
        """Again and again. What goes wrong is said, and costs the events nothing."""
        while True:
            try:
                await step()
            except JournalError as error:
                log.debug("clips: %s", error)
            except Exception:
                log.exception("clips failed; it goes on in %g s", AFTER_A_FAULT)
            else:
                continue
            await self._clock.sleep(AFTER_A_FAULT)

"""The pictures of each message, and the order of a sensor's messages while some of them wait for theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from bridge.fetching.fetcher import Fetcher
from bridge.linking import links_of, with_pictures
from bridge.model import Part, SensorId
from bridge.routing import Routed


class Pictures:
    """What the links of one message brought, by URL: the picture, or why there is none. Held until ``let_go``."""

    def __init__(self) -> None:
        self.brought: dict[str, Part | str] = {}
        self._held: list[tuple[Fetcher, int]] = []

    async def fetch(self, fetcher: Fetcher, links: Iterable[str]) -> None:
        """Side by side, those that were not tried yet."""
        async with asyncio.TaskGroup() as group:
            for url in links:
                if url not in self.brought:
                    group.create_task(self._fetch(fetcher, url))

    async def _fetch(self, fetcher: Fetcher, url: str) -> None:
        part = await fetcher.fetch(url)
        self.brought[url] = part
        if isinstance(part, Part):
            self._held.append((fetcher, len(part.data)))

    def let_go(self) -> None:
        """They are committed, or never will be."""
        while self._held:
            fetcher, size = self._held.pop()
            fetcher.release(size)


class Turn:
    """One message that fetches, or that stands behind one of its sensors that does. Ended by ``over``."""

    def __init__(self, turns: Turns, sensors: Sequence[SensorId], links: Sequence[str]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.before = tuple({turns.last[sensor] for sensor in sensors if sensor in turns.last})
        self.links = links
        self.pictures = Pictures()
        self._turns = turns
        self._fetcher = turns.fetcher
        self._sensors = sensors
        for sensor in sensors:
            turns.last[sensor] = self.done

    async def come(self) -> None:
        """Returns when its pictures are there, and every message before it has been decided."""
        if self.links and self._fetcher is not None:
            await self.pictures.fetch(self._fetcher, self.links)
        if self.before:
            await asyncio.wait(self.before)

    def illustrated(self, routed: Routed) -> Routed:
        """The message with what its links brought."""
        return with_pictures(routed, self.pictures.brought) if self.links else routed

    def hand_over(self) -> Pictures:
        """To whoever lets its pictures go in its stead."""
        pictures, self.pictures = self.pictures, Pictures()
        return pictures

    def decided(self) -> None:
        """It has been decided, or never will be: those behind it may go on, as far as nobody before it waits."""
        if self.done.done():
            return
        for before in self.before:
            if not before.done():
                before.add_done_callback(lambda _: self.decided())
                return
        self.done.set_result(None)
        last = self._turns.last
        for sensor in self._sensors:
            if last.get(sensor) is self.done:
                del last[sensor]

    def over(self) -> None:
        """It has been committed, or not: its pictures are held no longer."""
        self.decided()
        self.pictures.let_go()


class Turns:
    """Keeps the order of each sensor's messages while some of them wait for pictures; the others are not delayed.

    The links of waiting messages are fetched side by side, and decided one after the other. ``fetcher`` may be
    replaced at any moment; None: nothing is allowed.
    """

    def __init__(self, fetcher: Fetcher | None) -> None:
        self.fetcher = fetcher
        self.last: dict[SensorId, asyncio.Future[None]] = {}
        """Per sensor, the last message that waits."""

    def take(self, routed: Routed, sensors: Iterable[SensorId]) -> Turn | None:
        """Its turn; None when it need not wait, which is nearly always."""
        links = links_of(routed) if self.fetcher is not None else ()
        if not links and (not self.last or not any(sensor in self.last for sensor in sensors)):
            return None
        return Turn(self, tuple(dict.fromkeys(sensors)), links)

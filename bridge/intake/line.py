"""A line in which whoever comes first is served first."""

from __future__ import annotations

import asyncio


class Line:
    """A lock that is ``busy`` as long as anybody has it or waits for it: a free ``asyncio.Lock`` may be one whose next
    owner has only been woken, and whoever took it for free would overtake all who wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._here = 0

    @property
    def busy(self) -> bool:
        return self._here > 0

    async def __aenter__(self) -> None:
        self._here += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._here -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._here -= 1
        self._lock.release()

"""A thread with a loop of its own, for what a command is run against: commands have loops of theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
WITHIN = 60.0
"""Seconds for anything that is asked of it."""


class Elsewhere:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="elsewhere")
        self._thread.start()

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(WITHIN)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN)
        self._loop.close()


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    made = Elsewhere()
    try:
        yield made
    finally:
        made.end()


@contextmanager
def entered(there: Elsewhere, what: AbstractAsyncContextManager[T]) -> Iterator[T]:
    async def enter() -> T:
        return await what.__aenter__()

    async def leave() -> None:
        await what.__aexit__(None, None, None)

    found = there.run(enter())
    try:
        yield found
    finally:
        there.run(leave())

"""The loop's clock in a test's hand. Time-outs are long, so that no busy machine reaches one by accident; where a test
is about one, all of it passes at once, when what the test waits for has happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

PATIENCE = "1 min"
"""Every time-out and every wait of a target in these tests."""
SECONDS = 60.0
"""The same as a number."""
NEVER = 3600.0
"""Seconds until something that no test waits for."""

T = TypeVar("T")


def pass_time(seconds: float = SECONDS) -> None:
    """Put this loop's clock forward: whoever has waited since before has waited so much longer. Not uvloop's."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, asyncio.BaseEventLoop)
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]


async def outwaited(waiting: Coroutine[Any, Any, T], begun: Callable[[], object] = lambda: True) -> T:
    """What comes of ``waiting`` when, as soon as ``begun`` says so, but not before its first turn, all its time is
    over; if it is done before that, what came of it."""
    task = asyncio.ensure_future(waiting)
    try:
        await asyncio.sleep(0)
        while not task.done() and not begun():
            await asyncio.sleep(0.001)
        if not task.done():
            pass_time()
        return await task
    finally:
        task.cancel()

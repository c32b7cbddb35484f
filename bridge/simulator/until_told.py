"""When a simulator that is a process of its own has to end: told to by a signal, or its parent is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ENDS = (signal.SIGTERM, signal.SIGINT) if sys.platform != "win32" else ()


@contextmanager
def no_end_yet() -> Iterator[None]:
    """Inside, signals wait until ``until_told`` listens for them: whoever reads "ready" may send one at once."""
    if _ENDS:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        yield
    finally:
        if _ENDS:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)


async def until_told(parent: int, look_every: float = 0.5) -> None:
    """Returns on SIGTERM, on Ctrl-C, and once the process that started this one has ended.

    ``parent``: ``os.getppid()`` of when this process began; asked for any later, it may be somebody else's already.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDS:
        loop.add_signal_handler(number, told.set)
    if _ENDS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
    try:
        while not told.is_set() and os.getppid() == parent:
            try:
                async with asyncio.timeout(look_every):
                    await told.wait()
            except TimeoutError:
                continue
    finally:
        for number in _ENDS:
            loop.remove_signal_handler(number)

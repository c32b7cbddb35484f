"""How long to wait before trying again, and waiting that something may cut short."""

from __future__ import annotations

import asyncio
import random

from bridge.clock import Clock
from bridge.model import Urgency

FIRST = 0.5
LONGEST_LANE = 60.0
LONGEST_ALARM_LANE = 15.0
LONGEST_ASKED_FOR = 600.0
"""Seconds; a server that asks for more patience than this (Retry-After) is asked again all the same."""

_random = random.Random()  # noqa: S311 - spreads retries, guards nothing


def full_jitter(tries: int, longest: float, first: float = FIRST) -> float:
    """Seconds before try number ``tries`` + 1: anywhere between 0 and ``first`` × 2^tries, ``longest`` at most.

    Full jitter keeps many lanes that failed together from coming back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    return _random.uniform(0.0, min(longest, first * 2.0 ** min(tries, 32)))


def half_jitter(seconds: float) -> float:
    """Anywhere between half of ``seconds`` and all of it: for slow probes, which should not come early."""
    return _random.uniform(seconds / 2, seconds)


def lane_pause(tries: int, urgency: Urgency, asked: float) -> float:
    """Seconds a lane waits after its ``tries``-th retry; not less than what the server ``asked`` for, within reason."""
    longest = LONGEST_ALARM_LANE if urgency is Urgency.ALARM else LONGEST_LANE
    return max(min(asked, LONGEST_ASKED_FOR), full_jitter(tries, longest))


async def wait_until(event: asyncio.Event, clock: Clock, seconds: float) -> bool:
    """Wait for the event, ``seconds`` at most; whether it came."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((sleeping, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        waiting.cancel()
    return event.is_set()

"""People before the cameras of a simulated OMNI Platform, and what the ledger knows of them.

The platform keeps everything, so everything must arrive: pushed while the bridge listens, else by a poll of GraphQL,
then with no promise of its place among the others.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bridge.simulator.issued import Issued, Log
from bridge.simulator.omni.documents import Happening, Kind, identifier
from bridge.simulator.omni.platform import SimulatedOmni

DARK = 3.0
"""Seconds before a connection broke in which what was pushed may not have been taken."""

_KINDS = (Kind.IDENTIFICATION, Kind.NON_IDENTIFICATION, Kind.CROSSING, Kind.HAR)


class SceneSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``cameras``: the ledger's name of each sensor and its camera's id. ``every``: seconds between two people.
    ``hidden_every``: each so-manieth is not pushed (agent and platform not yet synchronised, reference section 2)."""

    cameras: Sequence[tuple[str, str]]
    every: float = 1.0
    first: int = 1
    hidden_every: int = 40


class Scene:
    """``await scene.run(stop)`` lets people pass until ``stop`` is set."""

    def __init__(self, settings: SceneSettings, omni: SimulatedOmni, log: Log) -> None:
        self.settings = settings
        self._omni = omni
        self._log = log
        self._recent: deque[tuple[float, Issued]] = deque()

    async def run(self, stop: asyncio.Event, drain: float = 60.0) -> None:
        """Returns at ``stop``: the platform answers polls as long as it is there."""
        due = time.monotonic()
        cameras = itertools.cycle(self.settings.cameras)
        for number in itertools.count(self.settings.first):
            sensor, camera = next(cameras)
            await self._pass(number, sensor, camera)
            due += self.settings.every
            if await _told(stop, due - time.monotonic()):
                return

    async def _pass(self, number: int, sensor: str, camera: str) -> None:
        hidden = self.settings.hidden_every and number % self.settings.hidden_every == 0
        kind = _KINDS[number % len(_KINDS)]
        happening = Happening(number=number, kind=kind, camera=camera, at=datetime.now(UTC), person=number % 50)
        expect = {"recognition": kind.value}
        if kind is Kind.IDENTIFICATION:
            expect["person"] = identifier("profile", number % 50)
        issued = self._log.add(
            Issued(
                sensor=sensor, serial=camera, car=number, state=kind.value, raises=True, written=True, expect=expect,
                name=identifier("activity", number), number=self._log.next_number(sensor), ordered=not hidden,
                urgency="alarm" if kind is Kind.HAR else "notice",
            )
        )  # fmt: skip
        self._log.sent += 1
        await self._omni.happens(happening, push=not hidden)
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - DARK:
            self._recent.popleft()
        self._recent.append((now, issued))
        if not hidden and happening.id not in self._omni.said:
            for _, each in self._recent:
                each.ordered = False


async def _told(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await stop.wait()
    except TimeoutError:
        return False
    return True

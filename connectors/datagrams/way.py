"""A UDP port at work: what it brings is handed on turn by turn, fair to every sender, and what is lost is said."""

from __future__ import annotations

import asyncio
import socket
import time
from abc import ABC, abstractmethod
from collections import Counter

from bridge.model import ConnectorId
from connectors.base import Intake, Link
from connectors.datagrams.receiving import Receiver, kernel_drops
from connectors.datagrams.submitting import Submissions
from connectors.datagrams.trouble import Trouble
from connectors.datagrams.waiting import Datagram, Waiting
from connectors.sources import plain

FINISH_WITHIN = 5.0
"""Seconds that what was received gets to be kept when the connector is stopped."""

LOOK_EVERY = 1.0
"""Seconds between two looks at what the kernel had no room for."""

AT_A_TIME = 0.002
"""Seconds of reading after which other work of the loop has its turn; one trap of SNMP version 3 takes about one ms."""

LOSSES = ("dropped by the kernel", "no room", "abandoned")

OVER_AFTER = 60.0
"""Seconds without a loss after which it is no fault any more."""


class Way(ABC):
    """``counts``: ``received`` datagrams, ``dropped by the kernel``, ``no room`` here, and see ``Submissions``."""

    def __init__(
        self, name: ConnectorId, port: socket.socket, room: int, intake: Intake, counts: Counter[str], what: str
    ) -> None:
        """``room``: bytes that may wait. ``what``: what is received, in the plural."""
        self._what = what
        self._trouble = Trouble(name, counts, what)
        for loss in LOSSES:
            counts[loss] += 0  # told as 0 until there is one
        self._lost_at: float | None = None
        self._port = port
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._waiting = Waiting(room)
        self._receiver = Receiver(port, self._waiting, self._told)
        self._submissions = Submissions(intake, counts, self._news.set)

    @property
    def _more(self) -> str:
        """What is said besides where it hears."""
        return ""

    def _told(self) -> None:
        """In the receiver's thread."""
        self._loop.call_soon_threadsafe(self._news.set)

    @abstractmethod
    def _understand(self, group: asyncio.TaskGroup, datagram: Datagram) -> None:
        """Make a message of it and begin to submit it; count and say what is none."""

    async def work(self, link: Link, bound: str) -> None:
        """Until cancelled; then what was received is kept, within the bound. Raises OSError when the port fails."""
        self._link = link
        self._receiver.start()
        receiving = True
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch())
                link.up(f"hearing on {bound}{self._more}")
                try:
                    await self._distribute(group)
                except asyncio.CancelledError:
                    pass  # to stop is to finish what is in flight, and then to return
                finally:
                    await asyncio.to_thread(self._receiver.stop)
                    receiving = False
                    watching.cancel()
                    await self._finish(group)
                    self._look()
        finally:
            if receiving:
                self._receiver.stop()

    async def _distribute(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._news.clear()
            await self._hand_on(group)
            if self._receiver.error:
                raise OSError(0, self._receiver.error)
            await self._news.wait()

    async def _hand_on(self, group: asyncio.TaskGroup) -> None:
        """Turn by turn, until nobody who waits may speak."""
        while not self._submissions.full:
            taken = self._waiting.take(lambda peer: self._submissions.room(plain(peer)))
            if not taken:
                return
            until = time.monotonic() + AT_A_TIME
            for number, datagram in enumerate(taken, 1):
                self._counts["received"] += 1
                self._understand(group, datagram)
                if time.monotonic() > until:
                    self._waiting.give_back(taken[number:])
                    break
            await asyncio.sleep(0)  # what was received must not keep the loop from other work

    async def _finish(self, group: asyncio.TaskGroup) -> None:
        until = self._loop.time() + FINISH_WITHIN
        while len(self._waiting) and self._loop.time() < until:
            self._news.clear()
            await self._hand_on(group)
            if len(self._waiting):
                try:
                    async with asyncio.timeout_at(until):
                        await self._news.wait()
                except TimeoutError:
                    break
        self._counts["abandoned"] += len(self._waiting)
        await self._submissions.finish(max(0.0, until - self._loop.time()))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self._look()

    def _look(self) -> None:
        """Say what was lost, when more was; it is a fault until nothing was for a while."""
        dropped = self._trouble.lost("dropped by the kernel", kernel_drops(self._port) or 0)
        if self._trouble.lost("no room", self._waiting.dropped) or dropped:
            self._lost_at = self._loop.time()
            why = f"{self._what} are lost: more come than can be received; the log says how many"
            self._link.part("storm").down(why)
        elif self._lost_at is not None and self._loop.time() - self._lost_at >= OVER_AFTER:
            self._lost_at = None
            self._link.part("storm").up()

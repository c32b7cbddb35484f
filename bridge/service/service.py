"""The service itself: starts, runs and stops the rooms in order, and is what everybody else asks.

Order of starting: journal, targets, deliveries, intake, connectors. Of stopping: the reverse, so that nothing is taken
that could not be kept and nothing is sent whose outcome could not be noted.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from bridge.adoption import Counts
from bridge.clock import Clock, SystemClock
from bridge.config.difference import Difference
from bridge.config.site import Site
from bridge.endpoints.status import EndpointStatus
from bridge.journal.contract import QuarantineRecord
from bridge.journal.sqlite import SqliteJournal
from bridge.metrics.health import Health
from bridge.model import Receipt, Scalar, SensorId, Urgency
from bridge.observer import Observer
from bridge.observing import version
from bridge.secret import Secrets
from bridge.service.firing import Firing
from bridge.service.reloading import Reloading
from bridge.service.rooms import Rooms, budgets
from bridge.service.status import Status, status_of
from bridge.service.targets import WrapTarget, close
from bridge.supervision.people import Standing, What
from bridge.ways_in import ConnectorStatus
from connectors.base import Mode


class Service:
    """Made by ``start``; then ``run`` until ``stop``."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._reloading = Reloading(rooms)
        self._firing = Firing(rooms)
        self._stopped = asyncio.Event()
        self.journal = rooms.journal
        self.conditions = rooms.conditions
        self.intake = rooms.intake
        self.endpoints = rooms.endpoints
        self.recorder = rooms.recorder
        self.adoption = rooms.adoption
        self.deliveries = rooms.deliveries
        self.clips = rooms.clips
        self.meters = rooms.meters
        self.observing = rooms.observing
        self.people = rooms.people
        self.trouble = rooms.trouble
        self.supervisor = rooms.supervisor
        self.ways = rooms.ways

    @classmethod
    async def start(
        cls,
        site: Site,
        secrets: Secrets,
        *,
        journal_path: Path | None = None,
        mode: Mode = Mode.TAKE,
        accept: bool = False,
        wrap_target: WrapTarget | None = None,
        observer: Observer | None = None,
        clock: Clock | None = None,
    ) -> Service:
        """Open the journal and build the rooms; nothing is taken or sent before ``run``. Raises JournalError."""
        clock = clock or SystemClock()
        journal = await SqliteJournal.open(
            journal_path or site.journal.path,
            site=site.id,
            node=socket.gethostname(),
            settings=site.journal,
            clock=clock,
            budgets=budgets(site),
        )
        return cls(Rooms(site, secrets, journal, clock, mode, accept, wrap_target, observer))

    # ------------------------------------------------------------------------------------------------------ running

    async def run(self) -> None:
        """Work until ``stop``. A room that fails ends the service with its error."""
        rooms = self._rooms
        try:
            await rooms.supervisor.restore()
            await rooms.intake.restore()
            if rooms.state == "stopping":  # told so before it had begun
                return
            async with asyncio.TaskGroup() as group:
                tasks = self._begin(group)
                self._reloading.group = group
                rooms.ways.start(group, rooms.site)
                rooms.state = "running"
                await self._stopped.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._reloading.group = None
            await close(rooms.targets.now)
            if rooms.turns.fetcher is not None:
                await rooms.turns.fetcher.retire()
            await rooms.journal.close()

    def _begin(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """All rooms but the ways in."""
        rooms = self._rooms
        take = rooms.mode is Mode.TAKE
        working = {
            "deliveries": rooms.deliveries.run(),
            "timers": rooms.intake.run(),
            "housekeeping": rooms.housekeeping.run(),
            "adoption": rooms.adoption.run(),
            "observing": rooms.observing.run(take),
        }
        if take:  # a dry run tells nobody
            working |= {
                "endpoints": rooms.endpoints.run(),
                "clips": rooms.clips.run(),
                "supervision": rooms.supervisor.run(),
                "trouble": rooms.trouble.run(),
            }
        return [group.create_task(work, name=name) for name, work in working.items()]

    async def stop(self, bound: float = 10.0) -> None:
        """Stop taking, let deliveries in flight finish within ``bound`` seconds, then end ``run``."""
        rooms = self._rooms
        rooms.state = "stopping"
        await rooms.ways.stop()
        rooms.intake.stop()
        await rooms.deliveries.drain(bound)
        self._stopped.set()

    @property
    def state(self) -> str:
        """starting, running or stopping"""
        return self._rooms.state

    @property
    def site(self) -> Site:
        """The one that is decided by now."""
        return self._rooms.site

    def differs(self, site: Site) -> Difference:
        """What a reload would do, and what it cannot."""
        return self._reloading.differs(site)

    async def reload(self, site: Site) -> Difference:
        """Change to another site, touching only what differs: either all of it works then, or nothing was changed.
        Raises ReloadRefused. Whoever asked may leave meanwhile: it goes on to its end."""
        return await self._reloading.reload(site)

    # ---------------------------------------------------------------------------------------------------- for people

    async def fire(
        self, sensor_id: SensorId, type: str | None, fields: Mapping[str, Scalar], urgency: Urgency | None
    ) -> Receipt:
        """Raise a test event of a sensor on its cameras, marked as test; none where it would park one of them. Raises
        KeyError for an unknown sensor."""
        return await self._firing.fire(sensor_id, type, fields, urgency)

    async def say(self, sensor: SensorId, what: What, why: str, seconds: float) -> Standing:
        """A sensor is tested, or out of service, for a while. Raises KeyError for an unknown one, JournalError."""
        return await self.people.begin(sensor, what, why, seconds)

    async def unsay(self, sensor: SensorId, what: What) -> bool:
        """That is over; whether it was so. Raises JournalError."""
        return await self.people.end(sensor, what)

    async def replay(self, chosen: AsyncIterator[QuarantineRecord]) -> Counts:
        """Decide what the site knows by now of these quarantined items. Raises JournalError."""
        return await self.adoption.replay(chosen)

    @property
    def taken(self) -> int:
        """Messages that connectors which have stopped took in a dry run: their senders will not send them again."""
        return self.ways.taken

    async def status(self) -> Status:
        """Raises JournalError."""
        return await status_of(self._rooms)

    def backup(self) -> AsyncIterator[bytes]:
        """The journal as it is now, as one file. Raises JournalError."""
        return self.journal.backup(version())

    # -------------------------------------------------------------------------------------------------- for machines

    @property
    def links(self) -> list[ConnectorStatus]:
        """Each connector's word on whether its way in works."""
        return self._rooms.links

    async def endpoint_status(self) -> list[EndpointStatus]:
        return await self._rooms.endpoint_status()

    async def metrics(self) -> bytes:
        """The page a Prometheus reads. Raises JournalError."""
        return await self.observing.metrics()

    def live(self) -> Health:
        return self.observing.live()

    def ready(self) -> Health:
        return self.observing.ready()

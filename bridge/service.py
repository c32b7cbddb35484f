"""A running site: builds every room from the configuration, runs, reloads and stops it in order.

Order of starting: journal, targets, deliveries, intake, connectors. Of stopping: the reverse, so that nothing is taken
that could not be kept and nothing is sent whose outcome could not be noted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from bridge.adoption import Adoption, Counts
from bridge.clock import Clock, SystemClock
from bridge.config.difference import Difference, difference
from bridge.config.registry import connector_class, vms_class
from bridge.config.site import Site
from bridge.control.recorder import Recorder
from bridge.delivery.dispatch import Deliveries
from bridge.endpoints.endpoints import Endpoints
from bridge.endpoints.status import EndpointStatus
from bridge.endpoints.stream import Stream
from bridge.fetching import Fetcher, Turns
from bridge.intake import Intake
from bridge.journal.contract import Fenced, JournalError, QuarantineRecord, Totals
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.limits import free_bytes
from bridge.metrics.health import Health
from bridge.metrics.meters import Meters
from bridge.model import (
    ConnectorId,
    Draft,
    Instant,
    Item,
    Message,
    Origin,
    Receipt,
    ReceiptKind,
    Scalar,
    SensorId,
    State,
    Urgency,
    VmsId,
)
from bridge.observer import Observer, all_of
from bridge.observing import Observing, version
from bridge.routing import Routed, shown_somewhere
from bridge.secret import Secrets
from bridge.supervision import Condition, Conditions
from bridge.supervision.people import People, Standing, What
from bridge.supervision.supervisor import Supervisor
from bridge.trouble.second_way import SecondWay
from bridge.vms.base import VmsTarget
from connectors.base import Address, Connector, Mode

log = logging.getLogger("bridge.service")

WrapTarget = Callable[[VmsId, VmsTarget], VmsTarget]


class ConnectorStatus(msgspec.Struct):
    """``bound``: the address it really listens on, where it listens."""

    name: str
    type: str
    up: bool = False
    why: str = "starting"
    bound: str = ""


class SensorStatus(msgspec.Struct):
    name: str
    last_heard: datetime | None = None


class Status(msgspec.Struct, kw_only=True):
    """What a running service says of itself; JSON-able."""

    site: str
    digest: str
    pid: int
    mode: str
    started: datetime
    connectors: list[ConnectorStatus]
    sensors: dict[str, SensorStatus]
    endpoints: list[EndpointStatus]
    vms: dict[str, dict[str, int]]
    """open bytes by VMS and urgency"""
    parked: list[str]
    conditions: list[Condition]
    messages: int
    items: Mapping[str, int]
    events: int
    amendments: int
    deliveries: Mapping[str, int]
    journal_bytes: int
    health: str = "green"
    """yellow: something is wrong. red: what is sent now may not be kept, or an alarm not arrive."""
    standing: list[Standing] = []
    """what people said of sensors for a while: tested, out of service"""
    observe: str = ""
    """the address a monitoring system asks, where it is asked over TCP"""


class _Link:
    """A connector's word on whether its way in works; a change is a condition."""

    def __init__(self, status: ConnectorStatus, conditions: Conditions, connector: Connector) -> None:
        self._status = status
        self._conditions = conditions
        self._connector = connector

    def up(self, what: str = "") -> None:
        self._status.up, self._status.why = True, what
        self._status.bound = str(getattr(self._connector, "bound", "") or "")
        self._conditions.end(f"connector {self._status.name}")

    def down(self, why: str) -> None:
        self._status.up, self._status.why = False, why
        self._conditions.begin(f"connector {self._status.name}", why)


class _Running:
    """One connector and the task that owns it."""

    def __init__(self, connector: Connector, status: ConnectorStatus, task: asyncio.Task[None]) -> None:
        self.connector = connector
        self.status = status
        self.task = task


class Service:
    """Made by ``start``; then ``run`` until ``stop``."""

    def __init__(
        self,
        site: Site,
        secrets: Secrets,
        journal: SqliteJournal,
        clock: Clock,
        mode: Mode,
        accept: bool,
        wrap_target: WrapTarget | None,
        observer: Observer | None,
    ) -> None:
        self.site = site
        self.journal = journal
        self._secrets = secrets
        self._clock = clock
        self._mode = mode
        self._accept = accept
        self._wrap_target = wrap_target
        self._started = clock.now().utc
        self._stopped = asyncio.Event()
        self._reloading = asyncio.Lock()
        self.conditions = Conditions(clock)
        self._over_budget: set[str] = set()
        journal.on_expired = self._expired
        self._stream = Stream(journal)
        self._turns = Turns(self._fetcher(site))
        self.meters = Meters(site.observe.by if site.observe is not None else ())
        journal.on_committed = self.meters.committed
        watching = all_of(self.meters, observer, self._stream)
        self.intake = Intake(site, journal, clock, self.conditions, watching, turns=self._turns)
        self.endpoints = Endpoints(site, self._stream, secrets, clock, self.conditions)
        self.recorder = Recorder(self._record)
        self.adoption = Adoption(journal, self.intake, clock)
        self._targets: dict[VmsId, VmsTarget] = {vms: self._target(site, vms) for vms in site.vms}
        self.deliveries = Deliveries(
            journal,
            journal.lease,
            self._targets,
            {vms: site.vms[vms].settings for vms in site.vms},
            secrets,
            clock,
            self.conditions,
            all_of(self.meters, observer),
        )
        self.state = "starting"
        """Or running, or stopping."""
        self.observing = Observing(self, journal, self.intake, self.meters, clock, self.conditions)
        self.people = People(site, self.intake, clock)
        self.trouble = SecondWay(site, secrets, clock, self.conditions)
        self.supervisor = Supervisor(
            site, self.intake, journal, clock, self.conditions, lambda: free_bytes(journal.folder),
            self.trouble.announce,
        )  # fmt: skip
        self.intake.hearing = self.supervisor
        self._connectors: dict[ConnectorId, _Running] = {}
        self.taken = 0
        """Messages that connectors which have stopped took in a dry run: their senders will not send them again."""
        self._group: asyncio.TaskGroup | None = None

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
            budgets=_budgets(site),
        )
        return cls(site, secrets, journal, clock, mode, accept, wrap_target, observer)

    # ------------------------------------------------------------------------------------------------------ running

    async def run(self) -> None:
        """Work until ``stop``. A room that fails ends the service with its error."""
        try:
            await self.supervisor.restore()
            await self.intake.restore()
            async with asyncio.TaskGroup() as group:
                self._group = group
                rooms = [
                    group.create_task(self.deliveries.run(), name="deliveries"),
                    group.create_task(self.intake.run(), name="timers"),
                    group.create_task(self._keep_house(), name="housekeeping"),
                    group.create_task(self.adoption.run(), name="adoption"),
                    group.create_task(self.observing.run(self._mode is Mode.TAKE), name="observing"),
                ]
                if self._mode is Mode.TAKE:  # a dry run tells nobody
                    rooms.append(group.create_task(self.endpoints.run(), name="endpoints"))
                    rooms.append(group.create_task(self.supervisor.run(), name="supervision"))
                    rooms.append(group.create_task(self.trouble.run(), name="trouble"))
                for connector in self.site.connectors:
                    self._start_connector(self.site, connector)
                self.state = "running"
                await self._stopped.wait()
                for room in rooms:
                    room.cancel()
        finally:
            self._group = None
            for target in self._targets.values():
                await target.close()
            if self._turns.fetcher is not None:
                await self._turns.fetcher.retire()
            await self.journal.close()

    async def stop(self, bound: float = 10.0) -> None:
        """Stop taking, let deliveries in flight finish within ``bound`` seconds, then end ``run``."""
        self.state = "stopping"
        await self._stop_connectors(list(self._connectors))
        self.intake.stop()
        await self.deliveries.drain(bound)
        self._stopped.set()

    def _expired(self, vms: VmsId, urgency: Urgency, count: int) -> None:
        """Undelivered events over their VMS's budget were given up, the oldest first; the totals count them."""
        key = f"budget {vms} {urgency.name.lower()}"
        self._over_budget.add(key)
        self.conditions.begin(key, "more waits than may; the oldest are given up (see: status, expired)")

    async def _keep_house(self) -> None:
        while True:
            over, self._over_budget = self._over_budget, set()
            await self._clock.sleep(60.0)
            for key in over - self._over_budget:
                self.conditions.end(key, "within the budget again")
            try:
                await self.journal.purge(self._clock.now().utc.timestamp() - self.site.journal.retention)
            except Fenced:
                raise
            except JournalError as error:  # a full disk, say: the next round tries again
                log.warning("old records could not be removed: %s", error)

    # --------------------------------------------------------------------------------------------------- connectors

    def _start_connector(self, site: Site, name: ConnectorId) -> None:
        assert self._group is not None
        settings = site.connectors[name].settings
        connector: Connector = connector_class(settings.type)(name, settings, _addresses(site, name), self._secrets)
        if hasattr(connector, "accept_in_observe"):
            connector.accept_in_observe = self._accept
        status = ConnectorStatus(name, settings.type)
        link = _Link(status, self.conditions, connector)
        task = self._group.create_task(self._run_connector(connector, link), name=f"connector {name}")
        self._connectors[name] = _Running(connector, status, task)

    async def _run_connector(self, connector: Connector, link: _Link) -> None:
        """A connector that fails says why and is tried again; the others never notice."""
        wait = 1.0
        while True:
            try:
                await connector.run(self.intake, link, self._mode)
            except OSError as error:
                link.down(f"{error.strerror or error}")
            except Exception as error:
                link.down(f"failed: {type(error).__name__}: {error}")
                log.exception("connector failed")
            else:
                return
            await self._clock.sleep(wait)
            wait = min(wait * 2, 60.0)

    async def _stop_connectors(self, names: list[ConnectorId]) -> None:
        running = [self._connectors.pop(name) for name in names if name in self._connectors]
        for each in running:
            each.task.cancel()
        await asyncio.gather(*(each.task for each in running), return_exceptions=True)
        self.taken += sum(getattr(each.connector, "taken", 0) for each in running)

    # -------------------------------------------------------------------------------------------------------- reload

    async def reload(self, site: Site) -> Difference:
        """Change to another site, touching only what differs. Raises ValueError for one that cannot be taken over,
        before anything is changed."""
        async with self._reloading:
            changed = difference(self.site, site)
            if changed.other_site:
                raise ValueError(
                    f"this is another site ({site.id} instead of {self.site.id}): run it as its own service"
                )
            targets = {
                vms: self._target(site, vms) if vms in changed.vms_to_rebuild else self._targets[vms]
                for vms in site.vms
            }
            self.journal.set_budgets(_budgets(site))
            self.intake.replace(site)
            await self.deliveries.replace(targets, {vms: site.vms[vms].settings for vms in site.vms})
            self._targets = targets
            await self.endpoints.replace(site)
            self.observing.replace(site)
            self.people.replace(site)
            self.trouble.replace(site)
            if changed.pictures_changed:
                before, self._turns.fetcher = self._turns.fetcher, self._fetcher(site)
                if before is not None:
                    await before.retire()
            await self._stop_connectors([*changed.connectors_to_stop, *changed.connectors_to_restart])
            self.site = site
            for name in (*changed.connectors_to_restart, *changed.connectors_to_start):
                self._start_connector(site, name)
            for name in changed.connectors_to_readdress:
                self._connectors[name].connector.readdress(_addresses(site, name))
            self.supervisor.replace(site)
            self.adoption.look()
            return changed

    def _target(self, site: Site, vms: VmsId) -> VmsTarget:
        settings = site.vms[vms].settings
        cameras = {camera.id: camera.settings for camera in site.cameras.values() if camera.vms == vms}
        target: VmsTarget = vms_class(settings.type)(vms, settings, cameras, self._secrets)
        return self._wrap_target(vms, target) if self._wrap_target is not None else target

    def _fetcher(self, site: Site) -> Fetcher | None:
        return Fetcher(site.pictures, self._secrets) if site.pictures is not None else None

    # ---------------------------------------------------------------------------------------------------- by people

    async def fire(
        self, sensor_id: SensorId, type: str | None, fields: Mapping[str, Scalar], urgency: Urgency | None
    ) -> Receipt:
        """Raise a test event of a sensor on its cameras, marked as test. Raises KeyError for an unknown sensor."""
        sensor = self.site.sensors[sensor_id]
        detail = msgspec.json.encode({"test": True, **fields})
        draft = Draft(
            type=type or "bridge.test",
            title=f"TEST {sensor.name}: {type or 'test event'}",
            fields=fields,
            detail=detail,
            state=State.MOMENTARY,
            urgency=urgency if urgency is not None else Urgency.NOTICE,
        )
        message = Message(connector=sensor.connector, origin=Origin("bridge", "fire"), body=detail, arrived=self._now())
        item = shown_somewhere(Item(0, {}), sensor, draft, {})
        if item.sensor is None:
            return Receipt(ReceiptKind.UNKNOWN, f"nothing was raised: {item.why}")
        return await self.intake.fire(message, Routed(message, (item,)))

    async def say(self, sensor: SensorId, what: What, why: str, seconds: float) -> Standing:
        """A sensor is tested, or out of service, for a while. Raises KeyError for an unknown one, JournalError."""
        return await self.people.begin(sensor, what, why, seconds)

    async def unsay(self, sensor: SensorId, what: What) -> bool:
        """That is over; whether it was so. Raises JournalError."""
        return await self.people.end(sensor, what)

    async def replay(self, chosen: AsyncIterator[QuarantineRecord]) -> Counts:
        """Decide what the site knows by now of these quarantined items. Raises JournalError."""
        return await self.adoption.replay(chosen)

    async def status(self) -> Status:
        totals: Totals = await self.journal.totals()
        heard = self.intake.heard
        vms: dict[str, dict[str, int]] = {name: {} for name in self.site.vms}
        for (name, urgency), size in totals.open_bytes.items():
            vms.setdefault(name, {})[urgency.name.lower()] = size
        return Status(
            site=self.site.name,
            digest=self.site.digest,
            pid=os.getpid(),
            mode=self._mode.value,
            started=self._started,
            connectors=[running.status for running in self._connectors.values()],
            sensors={
                sensor.id: SensorStatus(sensor.name, heard[sensor.id].utc if sensor.id in heard else None)
                for sensor in self.site.sensors.values()
            },
            endpoints=await self.endpoints.status(),
            vms=vms,
            parked=[f"{each.camera or each.vms}: {each.why}" for each in await self.journal.parked()],
            conditions=list(self.conditions.held()),
            messages=totals.messages,
            items=totals.items,
            events=totals.events,
            amendments=totals.amendments,
            deliveries=totals.deliveries,
            journal_bytes=totals.size,
            health=self._health(),
            standing=self.people.standing(),
            observe=self.observing.port.bound,
        )

    def _health(self) -> str:
        if self.state == "running" and not self.ready().ok:
            return "red"
        return "yellow" if self.conditions.held() else "green"

    # ------------------------------------------------------------------------------------------------- for machines

    @property
    def mode_name(self) -> str:
        return self._mode.value

    @property
    def links(self) -> list[ConnectorStatus]:
        """Each connector's word on whether its way in works."""
        return [running.status for running in self._connectors.values()]

    async def endpoint_status(self) -> list[EndpointStatus]:
        return await self.endpoints.status()

    def _record(self, told: Callable[[Routed], None] | None) -> None:
        self.intake.recorder = told

    def backup(self) -> AsyncIterator[bytes]:
        """The journal as it is now, as one file. Raises JournalError."""
        return self.journal.backup(version())

    async def metrics(self) -> bytes:
        """The page a Prometheus reads. Raises JournalError."""
        return await self.observing.metrics()

    def live(self) -> Health:
        return self.observing.live()

    def ready(self) -> Health:
        return self.observing.ready()

    def _now(self) -> Instant:
        return self._clock.now()


def _budgets(site: Site) -> dict[VmsId, dict[Urgency, int]]:
    return {
        vms.id: {Urgency[name.upper()]: size for name, size in vms.settings.budget.items()} for vms in site.vms.values()
    }


def _addresses(site: Site, connector: ConnectorId) -> list[Address]:
    return [
        address
        for sensor in site.sensors.values()
        for way, address in ((sensor.connector, sensor.address), *sensor.also.items())
        if way == connector
    ]

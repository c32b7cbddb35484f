"""A running site: builds every room from the configuration, runs, reloads and stops it in order.

Order of starting: journal, targets, deliveries, intake, connectors. Of stopping: the reverse, so that nothing is taken
that could not be kept and nothing is sent whose outcome could not be noted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from bridge.adoption import Adoption, Counts
from bridge.clips.clips import ClipRoom
from bridge.clock import Clock, SystemClock
from bridge.config.difference import Difference, difference
from bridge.config.registry import vms_class
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
    TEST_TYPE,
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
from bridge.ways_in import CannotChange, Change, ConnectorStatus, WaysIn, port_of
from connectors.base import Mode
from connectors.listening import find_port

log = logging.getLogger("bridge.service")

WrapTarget = Callable[[VmsId, VmsTarget], VmsTarget]


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
    clips: Mapping[str, int] = {}
    """clips around events that are still kept, by what became of them"""


class ReloadRefused(ValueError):
    """The other site was not taken over, and the one before is as it was. The message says why."""


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
        self.clips = ClipRoom(site, journal, self._stream, lambda: self._targets, clock)
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
        self.ways = WaysIn(self.intake, clock, self.conditions, secrets, mode, accept)
        self._opened_with = site.journal
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
            if self.state == "stopping":  # told so before it had begun
                return
            async with asyncio.TaskGroup() as group:
                rooms = [
                    group.create_task(self.deliveries.run(), name="deliveries"),
                    group.create_task(self.intake.run(), name="timers"),
                    group.create_task(self._keep_house(), name="housekeeping"),
                    group.create_task(self.adoption.run(), name="adoption"),
                    group.create_task(self.observing.run(self._mode is Mode.TAKE), name="observing"),
                ]
                if self._mode is Mode.TAKE:  # a dry run tells nobody
                    rooms.append(group.create_task(self.endpoints.run(), name="endpoints"))
                    rooms.append(group.create_task(self.clips.run(), name="clips"))
                    rooms.append(group.create_task(self.supervisor.run(), name="supervision"))
                    rooms.append(group.create_task(self.trouble.run(), name="trouble"))
                self._group = group
                self.ways.start(group, self.site)
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
        await self.ways.stop()
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

    # -------------------------------------------------------------------------------------------------------- reload

    def differs(self, site: Site) -> Difference:
        """What a reload would do, and what it cannot."""
        return difference(msgspec.structs.replace(self.site, journal=self._opened_with), site)

    async def reload(self, site: Site) -> Difference:
        """Change to another site, touching only what differs: either all of it works then, or nothing was changed.
        Raises ReloadRefused. Whoever asked may leave meanwhile: it goes on to its end."""
        if self._group is None:
            raise ReloadRefused("the service is not running")
        task = self._group.create_task(self._reloaded(site), name="reload")
        found = await asyncio.shield(task)
        if isinstance(found, ReloadRefused):
            raise found
        return found

    async def _reloaded(self, site: Site) -> Difference | ReloadRefused:
        try:
            return await self._reload(site)
        except ReloadRefused as refused:
            return refused
        except Exception as error:  # a refusal is no reason to end the service
            log.exception("the reload failed")
            return ReloadRefused(f"{type(error).__name__}: {error}")

    async def _reload(self, site: Site) -> Difference:
        async with self._reloading:
            changed = self.differs(site)
            if changed.other_site:
                raise ReloadRefused(
                    f"this is another site ({site.id} instead of {self.site.id}): run it as its own service"
                )
            before, fetcher = self.site, self._turns.fetcher
            built = await self._built(site, changed.vms_to_rebuild)
            try:
                fetches = self._fetcher(site) if changed.pictures_changed else fetcher
                self._look_for_ports(site, changed)
                change = await self.ways.begin(before, site, changed)
            except BaseException as error:
                for target in built.values():
                    await target.close()
                if isinstance(error, CannotChange | OSError):
                    raise ReloadRefused(str(error)) from error
                raise
            try:
                kept = {vms: self._targets[vms] for vms in site.vms if vms not in built}
                await self._become(site, {**kept, **built}, fetches, changed)
            except Exception as error:
                log.exception("the reload failed half-way, and is taken back")
                await self._go_back(before, fetcher, change, changed)
                for target in built.values():
                    await target.close()
                raise ReloadRefused(f"{type(error).__name__}: {error}") from error
            change.finish()
            if fetches is not fetcher and fetcher is not None:
                await fetcher.retire()
            self.adoption.look()
            return changed

    async def _become(
        self, site: Site, targets: Mapping[VmsId, VmsTarget], fetches: Fetcher | None, changed: Difference
    ) -> None:
        """Every room goes on with this site; what is the same for it stays untouched."""
        self.intake.replace(site)
        self.ways.readdress(site, changed.connectors_to_readdress)
        self.journal.set_budgets(_budgets(site))
        self._turns.fetcher = fetches
        self.site = site
        await self.deliveries.replace(targets, {vms: site.vms[vms].settings for vms in site.vms})
        self._targets = dict(targets)
        await self.endpoints.replace(site)
        self.clips.replace(site)
        self.observing.replace(site)
        self.people.replace(site)
        self.trouble.replace(site)
        self.supervisor.replace(site)

    async def _go_back(self, before: Site, fetcher: Fetcher | None, change: Change, changed: Difference) -> None:
        """A target that was replaced is closed by now: VMS that were touched get new ones."""
        touched = {*changed.vms_to_rebuild, *changed.vms.removed}
        built = await self._built(before, [vms for vms in before.vms if vms in touched])
        kept = {vms: self._targets[vms] for vms in before.vms if vms not in built}
        fetches, self._turns.fetcher = self._turns.fetcher, fetcher
        await change.take_back()
        await self._become(before, {**kept, **built}, fetcher, changed)
        if fetches is not None and fetches is not fetcher:
            await fetches.retire()

    def _look_for_ports(self, site: Site, changed: Difference) -> None:
        """Whether what listens besides the connectors can. Raises ReloadRefused."""
        if self._mode is not Mode.TAKE:
            return
        ours = {port for _, port, _ in _other_ports(self.site)}
        ours |= self.ways.held([*changed.connectors_to_stop, *changed.connectors_to_restart])
        for where, port, bind in _other_ports(site):
            if port not in ours and not (found := find_port(bind, where)).ok:
                raise ReloadRefused(f"{where}: {found.what}")

    async def _built(self, site: Site, names: Iterable[VmsId]) -> dict[VmsId, VmsTarget]:
        """All of them, or none. Raises ReloadRefused."""
        built: dict[VmsId, VmsTarget] = {}
        for vms in names:
            try:
                built[vms] = self._target(site, vms)
            except Exception as error:
                for target in built.values():
                    await target.close()
                raise ReloadRefused(f"VMS {vms} cannot be built: {error or type(error).__name__}") from error
        return built

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
            type=type or TEST_TYPE,
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

    @property
    def taken(self) -> int:
        """Messages that connectors which have stopped took in a dry run: their senders will not send them again."""
        return self.ways.taken

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
            connectors=self.ways.status,
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
            clips=await self.journal.clips.counts(),
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
        return self.ways.status

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


def _other_ports(site: Site) -> list[tuple[str, int, str]]:
    """Where something besides connectors listens: what it is, the port and the whole address, where one is named."""
    binds = [(f"endpoint {name}", getattr(each.settings, "bind", "")) for name, each in site.endpoints.items()]
    if site.observe is not None:
        binds.append(("observe", site.observe.bind))
    return [(where, port_of(bind), bind) for where, bind in binds if port_of(bind)]

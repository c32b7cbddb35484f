"""All rooms of a running site, built from its configuration, and how each goes on with another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.adoption import Adoption
from bridge.clips.clips import ClipRoom
from bridge.clock import Clock
from bridge.config.difference import Difference
from bridge.config.site import Site
from bridge.control.recorder import Recorder
from bridge.delivery.dispatch import Deliveries
from bridge.endpoints.endpoints import Endpoints
from bridge.endpoints.status import EndpointStatus
from bridge.endpoints.stream import Stream
from bridge.fetching import Fetcher, Turns
from bridge.intake import Intake
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.limits import free_bytes
from bridge.metrics.meters import Meters
from bridge.model import Urgency, VmsId
from bridge.observer import Observer, all_of
from bridge.observing import Observing
from bridge.routing import Routed
from bridge.secret import Secrets
from bridge.service.housekeeping import Housekeeping
from bridge.service.targets import Targets, WrapTarget
from bridge.supervision import Conditions
from bridge.supervision.people import People
from bridge.supervision.supervisor import Supervisor
from bridge.trouble.second_way import SecondWay
from bridge.vms.base import VmsTarget
from bridge.ways_in import ConnectorStatus, WaysIn
from connectors.base import Mode


class Rooms:
    """Nothing works yet when they are made. ``state``: starting, running or stopping."""

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
        self.secrets = secrets
        self.journal = journal
        self.clock = clock
        self.mode = mode
        self.state = "starting"
        self.started = clock.now().utc
        self.conditions = Conditions(clock)
        self.housekeeping = Housekeeping(site, journal, clock, self.conditions)
        stream = Stream(journal)
        self.turns = Turns(self.fetcher(site))
        self.meters = Meters(site.observe.by if site.observe is not None else ())
        journal.on_committed = self.meters.committed
        watching = all_of(self.meters, observer, stream)
        self.intake = Intake(site, journal, clock, self.conditions, watching, turns=self.turns)
        self.endpoints = Endpoints(site, stream, secrets, clock, self.conditions)
        self.recorder = Recorder(self._record)
        self.adoption = Adoption(journal, self.intake, clock)
        self.targets = Targets(site, secrets, wrap_target)
        self.deliveries = Deliveries(
            journal,
            journal.lease,
            self.targets.now,
            {vms: site.vms[vms].settings for vms in site.vms},
            secrets,
            clock,
            self.conditions,
            all_of(self.meters, observer),
        )
        self.clips = ClipRoom(site, journal, stream, lambda: self.targets.now, clock)
        self.observing = Observing(self, journal, self.intake, self.meters, clock, self.conditions)
        self.people = People(site, self.intake, clock)
        self.trouble = SecondWay(site, secrets, clock, self.conditions)
        self.supervisor = Supervisor(
            site, self.intake, journal, clock, self.conditions, lambda: free_bytes(journal.folder),
            self.trouble.announce,
        )  # fmt: skip
        self.intake.hearing = self.supervisor
        self.ways = WaysIn(self.intake, clock, self.conditions, secrets, mode, accept)

    def fetcher(self, site: Site) -> Fetcher | None:
        """Where this site allows pictures to be fetched from; None: nowhere."""
        return Fetcher(site.pictures, self.secrets) if site.pictures is not None else None

    async def become(
        self, site: Site, targets: Mapping[VmsId, VmsTarget], fetcher: Fetcher | None, changed: Difference
    ) -> None:
        """Every room goes on with this site; what is the same for it stays untouched."""
        self.intake.replace(site)
        self.ways.readdress(site, changed.connectors_to_readdress)
        self.journal.set_budgets(budgets(site))
        self.turns.fetcher = fetcher
        self.site = site
        self.housekeeping.replace(site)
        await self.deliveries.replace(targets, {vms: site.vms[vms].settings for vms in site.vms})
        self.targets.now = dict(targets)
        await self.endpoints.replace(site)
        self.clips.replace(site)
        self.observing.replace(site)
        self.people.replace(site)
        self.trouble.replace(site)
        self.supervisor.replace(site)

    def _record(self, told: Callable[[Routed], None] | None) -> None:
        self.intake.recorder = told

    # ----------------------------------------------------------------------------------------------- for ``observing``

    @property
    def mode_name(self) -> str:
        return self.mode.value

    @property
    def links(self) -> list[ConnectorStatus]:
        """Each connector's word on whether its way in works."""
        return self.ways.status

    async def endpoint_status(self) -> list[EndpointStatus]:
        return await self.endpoints.status()


def budgets(site: Site) -> dict[VmsId, dict[Urgency, int]]:
    """Bytes of undelivered events that each VMS may have, by urgency."""
    return {
        vms.id: {Urgency[name.upper()]: size for name, size in vms.settings.budget.items()} for vms in site.vms.values()
    }

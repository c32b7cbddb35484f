"""A running service as a monitoring system sees it: meters on its hot path, a pulse through it, a page, a port."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Mapping
from typing import Protocol

from bridge.clock import Clock
from bridge.config.site import Site
from bridge.endpoints.status import EndpointStatus
from bridge.journal.clips import Clips
from bridge.journal.contract import Figures, Parked, Totals
from bridge.metrics import health, process
from bridge.metrics.health import Health
from bridge.metrics.meters import Meters
from bridge.metrics.page import Endpoint, Facts, page
from bridge.metrics.port import ObservePort
from bridge.metrics.pulse import Pulse
from bridge.model import ConnectorId, Instant, SensorId
from bridge.supervision import Conditions


class Told(Protocol):
    """As much of the journal as is asked here."""

    async def totals(self) -> Totals: ...

    async def figures(self) -> Figures: ...

    async def parked(self) -> Iterable[Parked]: ...

    async def beat(self) -> None: ...

    @property
    def clips(self) -> Clips: ...


class Taking(Protocol):
    """As much of the intake."""

    @property
    def heard(self) -> Mapping[SensorId, Instant]: ...

    @property
    def refused(self) -> Mapping[tuple[ConnectorId, str], int]: ...

    async def beat(self) -> None: ...


class Link(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def up(self) -> bool: ...

    @property
    def counts(self) -> Mapping[str, int]: ...


class Whole(Protocol):
    """As much of the service. ``state``: starting, running or stopping."""

    @property
    def site(self) -> Site: ...

    @property
    def state(self) -> str: ...

    @property
    def mode_name(self) -> str: ...

    @property
    def links(self) -> Iterable[Link]: ...

    async def endpoint_status(self) -> list[EndpointStatus]: ...


class Observing:
    """``run`` is a room of the service; ``port`` listens only where ``listens``: a dry run leaves the address free."""

    def __init__(
        self, whole: Whole, journal: Told, intake: Taking, meters: Meters, clock: Clock, conditions: Conditions
    ) -> None:
        self.meters = meters
        self._whole = whole
        self._journal = journal
        self._intake = intake
        self._clock = clock
        self._conditions = conditions
        self.pulse = Pulse(clock, {"the intake": intake.beat, "the journal": journal.beat})
        self.port = ObservePort(self, whole.site.observe, clock, conditions)

    async def run(self, listens: bool) -> None:
        """Until cancelled. Raises Fenced when the journal is another process's."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pulse.run(), name="pulse")
            if listens:
                group.create_task(self.port.run(), name="observe")

    def replace(self, site: Site) -> None:
        self.meters.count_by(site.observe.by if site.observe is not None else ())
        self.port.replace(site.observe)

    def live(self) -> Health:
        return health.live(self.pulse.stuck)

    def ready(self) -> Health:
        return health.ready(self.pulse.stuck, self._whole.state, self._conditions.held())

    async def metrics(self) -> bytes:
        """The page. Raises JournalError."""
        whole = self._whole
        site = whole.site
        parked = list(await self._journal.parked())
        links = list(whole.links)
        endpoints = [Endpoint(each.name, each.up, each.behind, each.told) for each in await whole.endpoint_status()]
        facts = Facts(
            version=version(),
            site=site.id,
            mode=whole.mode_name,
            now=self._clock.now().utc.timestamp(),
            totals=await self._journal.totals(),
            figures=await self._journal.figures(),
            clips=await self._journal.clips.counts(),
            limit=site.journal.limit,
            refused=self._intake.refused,
            links={each.name: each.up for each in links},
            counts={each.name: each.counts for each in links},
            endpoints=endpoints,
            parked_cameras={
                vms: sum(each.vms == vms and each.camera is not None for each in parked) for vms in site.vms
            },
            parked_vms={vms: any(each.vms == vms and each.camera is None for each in parked) for vms in site.vms},
            conditions=len(self._conditions.held()),
            sensors=len(site.sensors),
            heard={sensor: at.utc.timestamp() for sensor, at in self._intake.heard.items()},
            live=self.live().ok,
            ready=self.ready().ok,
            process=process.figures(),
        )
        return page(self.meters, facts)


@functools.cache
def version() -> str:
    """Of this program."""
    from importlib import metadata

    try:
        return metadata.version("vms-bridge")
    except metadata.PackageNotFoundError:
        return "unknown"

"""All connectors of a site, and their change into those of another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from bridge.clock import Clock
from bridge.config.difference import Difference
from bridge.config.registry import connector_class
from bridge.config.site import Site
from bridge.model import ConnectorId
from bridge.secret import Secrets
from bridge.supervision import Conditions
from bridge.ways_in.gate import Gate
from bridge.ways_in.link import ConnectorStatus, Link
from connectors.base import Address, Connector, Intake, Mode

log = logging.getLogger("bridge.service")

LISTENS_WITHIN = 10.0
"""Seconds in which a connector that listens has to say that it does, or a reload is refused."""
CALLS_WITHIN = 1.0
"""Seconds in which one that connects somewhere else may fail to begin at all; whom it calls may be away for days."""


class CannotChange(ValueError):
    """The connectors of another site could not begin; those there were work as before. The message says which."""


class _Way:
    """One connector and the task that owns it."""

    def __init__(self, name: ConnectorId, connector: Connector, status: ConnectorStatus, bind: str) -> None:
        self.name = name
        self.connector = connector
        self.status = status
        self.bind = bind
        """Where it shall listen; "" when it calls."""
        self.link: Link
        self.task: asyncio.Task[None]

    @property
    def port(self) -> int:
        """The port it has, or shall have; 0 for none, or any."""
        return port_of(self.status.bound or self.bind)


class WaysIn:
    """``start`` within a group of tasks; then ``begin`` changes, until ``stop``."""

    def __init__(
        self, intake: Intake, clock: Clock, conditions: Conditions, secrets: Secrets, mode: Mode, accept: bool
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._conditions = conditions
        self._secrets = secrets
        self._mode = mode
        self._accept = accept
        self._group: asyncio.TaskGroup | None = None
        self._stopping = False
        self._ways: dict[ConnectorId, _Way] = {}
        self._beginning: list[_Way] = []
        self.taken = 0
        """Messages that connectors which have stopped took in a dry run: their senders will not send them again."""

    def start(self, group: asyncio.TaskGroup, site: Site) -> None:
        self._group = group
        for name in site.connectors:
            way = self._ways[name] = self._made(site, name)
            self._run(way, self._intake, of_the_site=True)

    async def stop(self) -> None:
        """End all of them, those too that are about to begin."""
        self._stopping = True
        ways = [*self._ways.values(), *self._beginning]
        self._ways.clear()
        self._beginning.clear()
        for way in ways:
            way.link.give_up()
        await self._end(ways)

    @property
    def status(self) -> list[ConnectorStatus]:
        for way in self._ways.values():
            way.status.counted(getattr(way.connector, "counts", {}))
        return [way.status for way in self._ways.values()]

    def held(self, names: Iterable[ConnectorId]) -> set[int]:
        """The ports these have."""
        return {self._ways[name].port for name in names if name in self._ways} - {0}

    def readdress(self, site: Site, names: Iterable[ConnectorId]) -> None:
        for name in names:
            if name in self._ways:
                self._ways[name].connector.readdress(_addresses(site, name))

    # -------------------------------------------------------------------------------------------------------- changing

    async def begin(self, before: Site, site: Site, changed: Difference) -> Change:
        """Let the connectors of ``site`` begin which are new or changed, and end what is gone, while ``before`` still
        decides. What can begin beside what is there does so first: when it fails, nothing was touched. Raises
        CannotChange; then those of ``before`` work."""
        if self._group is None or self._stopping:
            raise CannotChange("the service is not running")
        leaving = [*changed.connectors_to_stop, *changed.connectors_to_restart]
        held = self.held(leaving)
        made = [self._ready(site, name) for name in (*changed.connectors_to_restart, *changed.connectors_to_start)]
        beside = [way for way in made if _may_begin_beside(way, changed, held)]
        change = Change(self, before, site, Gate(self._intake), made)
        try:
            await self._begin(beside, change.gate)
            change.ended = await self._leave(leaving)
            await self._begin([way for way in made if way not in beside], change.gate)
        except BaseException as error:
            again = await change.take_back()
            if isinstance(error, CannotChange) and again:
                raise CannotChange(f"{error}; and as it was before: {again}") from None
            raise
        return change

    def _ready(self, site: Site, name: ConnectorId) -> _Way:
        try:
            return self._made(site, name)
        except Exception as error:
            raise CannotChange(f"connector {name} cannot be built: {error or type(error).__name__}") from error

    async def _begin(self, ways: Sequence[_Way], intake: Intake) -> None:
        self._must_go_on()
        for way in ways:
            self._run(way, intake, of_the_site=False)
            self._beginning.append(way)
        await _spoken(ways)
        self._must_go_on()
        failed = []
        for way in ways:
            first = way.link.first
            if first.done() and first.result():
                failed.append(f"connector {way.name}: {first.result()}")
            elif way.bind and not first.done():
                failed.append(f"connector {way.name} does not say within {LISTENS_WITHIN:.0f} s that it listens")
        if failed:
            raise CannotChange("; ".join(failed))

    def _must_go_on(self) -> None:
        if self._stopping:
            raise CannotChange("the service is stopping")

    async def _leave(self, names: Iterable[ConnectorId]) -> list[ConnectorId]:
        ways = [self._ways.pop(name) for name in names if name in self._ways]
        await self._end(ways)
        for way in ways:
            way.link.leaves()
        return [way.name for way in ways]

    async def discard(self, ways: Sequence[_Way]) -> None:
        """End what was about to begin."""
        began = [way for way in ways if way in self._beginning]
        await self._end(began)
        self._beginning = [way for way in self._beginning if way not in began]

    async def restart(self, site: Site, names: Sequence[ConnectorId]) -> str:
        """Those of ``site`` again; which of them do not work, and why: they are tried again and again."""
        if self._stopping:
            return ""
        ways = [self._made(site, name) for name in names]
        for way in ways:
            self._ways[way.name] = way
            self._run(way, self._intake, of_the_site=True)
        await _spoken(ways)
        return "; ".join(
            f"connector {way.name}: {way.link.first.result()}"
            for way in ways
            if way.link.first.done() and way.link.first.result()
        )

    def accept(self, ways: Sequence[_Way]) -> None:
        """These are the site's from now on."""
        self._beginning = [way for way in self._beginning if way not in ways]
        for way in ways:
            if not self._stopping:
                self._ways[way.name] = way
            way.link.belongs()

    # ----------------------------------------------------------------------------------------------------- one of them

    def _made(self, site: Site, name: ConnectorId) -> _Way:
        settings = site.connectors[name].settings
        connector: Connector = connector_class(settings.type)(name, settings, _addresses(site, name), self._secrets)
        if hasattr(connector, "accept_in_observe"):
            connector.accept_in_observe = self._accept
        bind = getattr(settings, "bind", "")
        return _Way(name, connector, ConnectorStatus(name, settings.type), bind if isinstance(bind, str) else "")

    def _run(self, way: _Way, intake: Intake, of_the_site: bool) -> None:
        assert self._group is not None
        way.link = Link(way.status, self._conditions, way.connector, of_the_site)
        way.task = self._group.create_task(self._work(way, intake), name=f"connector {way.name}")

    async def _work(self, way: _Way, intake: Intake) -> None:
        """A connector that fails says why and is tried again; the others never notice."""
        wait = 1.0
        while True:
            try:
                await way.connector.run(intake, way.link, self._mode)
            except OSError as error:
                way.link.failed(f"{error.strerror or error}")
            except Exception as error:
                way.link.failed(f"failed: {type(error).__name__}: {error}")
                log.exception("connector failed")
            else:
                return
            await self._clock.sleep(wait)
            wait = min(wait * 2, 60.0)

    async def _end(self, ways: Sequence[_Way]) -> None:
        for way in ways:
            way.task.cancel()
        await asyncio.gather(*(way.task for way in ways), return_exceptions=True)
        self.taken += sum(getattr(way.connector, "taken", 0) for way in ways)


class Change:
    """Connectors that have begun, and wait for their site to decide: ``finish`` or ``take_back``."""

    def __init__(self, ways: WaysIn, before: Site, site: Site, gate: Gate, made: Sequence[_Way]) -> None:
        self._of = ways
        self._before = before
        self._made = made
        self.site = site
        self.gate = gate
        self.ended: list[ConnectorId] = []

    def finish(self) -> None:
        """Their site decides now."""
        self._of.accept(self._made)
        self.gate.open()

    async def take_back(self) -> str:
        """As it was before; says what could not be had again."""
        self.gate.shut("the reload was refused")
        await self._of.discard(self._made)
        return await self._of.restart(self._before, [name for name in self._before.connectors if name in self.ended])


def _may_begin_beside(way: _Way, changed: Difference, held: set[int]) -> bool:
    """Whether it may work while what will go is still there: nothing of ours has its port, and nobody it calls sees
    two of the same name."""
    if way.bind:
        return way.port not in held
    return way.name not in changed.connectors_to_restart


async def _spoken(ways: Sequence[_Way]) -> None:
    """Wait for the first word of each, within bounds."""
    for listening, seconds in ((True, LISTENS_WITHIN), (False, CALLS_WITHIN)):
        firsts = [way.link.first for way in ways if bool(way.bind) is listening]
        if firsts:
            await asyncio.wait(firsts, timeout=seconds)


def port_of(bind: str) -> int:
    """The port of ``"0.0.0.0:8080"``; 0 where none is named."""
    port = bind.rpartition(":")[2]
    return int(port) if port.isascii() and port.isdigit() else 0


def _addresses(site: Site, connector: ConnectorId) -> list[Address]:
    return [
        address
        for sensor in site.sensors.values()
        for way, address in ((sensor.connector, sensor.address), *sensor.also.items())
        if way == connector
    ]

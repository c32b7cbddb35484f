"""Another site for a running service, whole or not at all."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from bridge.config.difference import Difference, difference
from bridge.config.site import Site
from bridge.fetching import Fetcher
from bridge.service.rooms import Rooms
from bridge.service.targets import CannotBuild, close
from bridge.ways_in import CannotChange, Change, port_of
from connectors.base import Mode
from connectors.listening import find_port

log = logging.getLogger("bridge.service.reloading")


class ReloadRefused(ValueError):
    """The other site was not taken over, and the one before is as it was. The message says why."""


class Reloading:
    """``group``: the tasks of the service, while it runs."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._opened_with = rooms.site.journal
        self._one_at_a_time = asyncio.Lock()
        self.group: asyncio.TaskGroup | None = None

    def differs(self, site: Site) -> Difference:
        """What a reload would do, and what it cannot."""
        return difference(msgspec.structs.replace(self._rooms.site, journal=self._opened_with), site)

    async def reload(self, site: Site) -> Difference:
        """Change to another site, touching only what differs: either all of it works then, or nothing was changed.
        Raises ReloadRefused. Whoever asked may leave meanwhile: it goes on to its end."""
        if self.group is None:
            raise ReloadRefused("the service is not running")
        task = self.group.create_task(self._reloaded(site), name="reload")
        found = await asyncio.shield(task)
        if isinstance(found, ReloadRefused):
            raise found
        return found

    async def _reloaded(self, site: Site) -> Difference | ReloadRefused:
        try:
            async with self._one_at_a_time:
                return await self._reload(site)
        except ReloadRefused as refused:
            return refused
        except Exception as error:  # a refusal is no reason to end the service
            log.exception("the reload failed")
            return ReloadRefused(f"{type(error).__name__}: {error}")

    async def _reload(self, site: Site) -> Difference:
        rooms = self._rooms
        changed = self.differs(site)
        if changed.other_site:
            raise ReloadRefused(
                f"this is another site ({site.id} instead of {rooms.site.id}): run it as its own service"
            )
        before, fetcher = rooms.site, rooms.turns.fetcher
        try:
            built = await rooms.targets.built(site, changed.vms_to_rebuild)
        except CannotBuild as error:
            raise ReloadRefused(str(error)) from error
        try:
            fetches = rooms.fetcher(site) if changed.pictures_changed else fetcher
            self._look_for_ports(site, changed)
            change = await rooms.ways.begin(before, site, changed)
        except BaseException as error:
            await close(built)
            if isinstance(error, CannotChange | OSError):
                raise ReloadRefused(str(error)) from error
            raise
        try:
            await rooms.become(site, rooms.targets.of(site, built), fetches, changed)
        except Exception as error:
            log.exception("the reload failed half-way, and is taken back")
            await self._go_back(before, fetcher, change, changed)
            await close(built)
            raise ReloadRefused(f"{type(error).__name__}: {error}") from error
        change.finish()
        if fetches is not fetcher and fetcher is not None:
            await fetcher.retire()
        rooms.adoption.look()
        return changed

    async def _go_back(self, before: Site, fetcher: Fetcher | None, change: Change, changed: Difference) -> None:
        """A target that was replaced is closed by now: VMS that were touched get new ones."""
        rooms = self._rooms
        touched = {*changed.vms_to_rebuild, *changed.vms.removed}
        built = await rooms.targets.built(before, [vms for vms in before.vms if vms in touched])
        fetches = rooms.turns.fetcher
        rooms.turns.fetcher = fetcher
        await change.take_back()
        await rooms.become(before, rooms.targets.of(before, built), fetcher, changed)
        if fetches is not None and fetches is not fetcher:
            await fetches.retire()

    def _look_for_ports(self, site: Site, changed: Difference) -> None:
        """Whether what listens besides the connectors can. Raises ReloadRefused."""
        rooms = self._rooms
        if rooms.mode is not Mode.TAKE:
            return
        ours = {port for _, port, _ in _other_ports(rooms.site)}
        ours |= rooms.ways.held([*changed.connectors_to_stop, *changed.connectors_to_restart])
        for where, port, bind in _other_ports(site):
            if port not in ours and not (found := find_port(bind, where)).ok:
                raise ReloadRefused(f"{where}: {found.what}")


def _other_ports(site: Site) -> list[tuple[str, int, str]]:
    """Where something besides connectors listens: what it is, the port and the whole address, where one is named."""
    binds = [(f"endpoint {name}", getattr(each.settings, "bind", "")) for name, each in site.endpoints.items()]
    if site.observe is not None:
        binds.append(("observe", site.observe.bind))
    return [(where, port_of(bind), bind) for where, bind in binds if port_of(bind)]

"""All probes of a site at once, each with its bound; nothing is changed anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bridge.config.places import Places
from bridge.config.registry import vms_class
from bridge.config.secrets import SecretStores
from bridge.config.site import Site
from bridge.endpoints.settings import WebSocketEndpoint
from bridge.model import TEST_TYPE, CameraId, VmsId
from bridge.proving import (
    cameras,
    certificates,
    clocks,
    disk,
    event_types,
    permissions,
    ports,
    routes,
    running,
    ways_in,
)
from bridge.proving.bounded import bounded
from bridge.proving.destinations import Destination, destinations, place_of, settings_of
from bridge.proving.lines import Grade, Line, Topic, in_order
from bridge.proving.running import Told
from bridge.proving.trips import Harm
from bridge.setup.raising import declares_by_itself, raising
from bridge.vms.base import VmsTarget

DESTINATIONS_AT_ONCE = 32
DESTINATION = 40.0
"""Seconds for all that is asked of one end: its name, the way, two handshakes, its time."""
LOCAL = 15.0
"""Seconds for what is on this machine."""
"""What ``fire`` raises when it is not told another type."""
VMS = 60.0
"""Seconds for all cameras of one VMS."""


class Reached(msgspec.Struct, frozen=True):
    """What came of one end. ``usable``: a request may be sent there."""

    lines: tuple[Line, ...]
    usable: bool


class Proving:
    """One site, looked at once: ``online``, then ``close``. Belongs to one event loop.

    ``path``: what the site was loaded from. ``control``: the socket of its service, if one runs. ``told``: what that
    one has said, once it was asked.
    """

    def __init__(self, site: Site, path: Path, stores: SecretStores, control: Path) -> None:
        self.site = site
        self.path = path
        self.stores = stores
        self.control = control
        self.places = Places(path)
        self.targets: Mapping[VmsId, VmsTarget] = {vms: _target(site, vms, stores) for vms in site.vms}
        self.told: Told | None = None
        self._refused: dict[CameraId, str] = {}

    async def close(self) -> None:
        for target in self.targets.values():
            await target.close()

    async def online(self) -> tuple[Line, ...]:
        """Every line, by topic."""
        self.told, lines = await running.status(self.control)
        if self.told is not None:
            lines += running.lines_of(self.told, self.site, self.control)
            lines += running.heard(self.site, self.told, self.places)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._outside()),
                group.create_task(self._disk()),
                group.create_task(self._here()),
                group.create_task(self._clocks()),
            ]
        for task in tasks:
            lines += task.result()
        return in_order(lines)

    async def harm(self) -> Harm:
        """Where test events would do harm, as far as ``online`` has found out."""
        parks: dict[CameraId, str] = {}
        for vms, target in self.targets.items():
            parks |= await event_types.parks(target, TEST_TYPE, VMS, declares_by_itself(self.site, vms))
        return Harm(self._refused, parks)

    # ------------------------------------------------------------------------------------------------ whom it speaks to

    async def _outside(self) -> list[Line]:
        """The ways there first, and only then who is there: many a device takes one connection at a time."""
        found, lines = destinations(self.site, self.places, self.targets)
        room = asyncio.Semaphore(DESTINATIONS_AT_ONCE)
        contexts = certificates.Contexts()

        async def one(destination: Destination) -> Reached:
            async with room:
                return await self._reached(destination, contexts)

        async with asyncio.TaskGroup() as group:
            ends = [(each, group.create_task(one(each))) for each in found if not self._in_use(each)]
        reached = [(destination, task.result()) for destination, task in ends]
        for _, each in reached:
            lines += each.lines
        async with asyncio.TaskGroup() as group:
            tries = [group.create_task(self._cameras(vms, reached)) for vms in self.targets]
            tries.append(group.create_task(ways_in.of_site(self.site, self.stores, self.places, self.told)))
        for tried in tries:
            lines += tried.result()
        return lines

    def _in_use(self, destination: Destination) -> bool:
        """Whether the running service has a connection there, beside which another might end it: its word is taken.
        A handshake alone ends none."""
        section, _, name = destination.part.partition(".")
        if self.told is None or section != "connectors" or destination.tls is not None:
            return False
        return any(way.name == name and way.up for way in self.told.connectors)

    async def _reached(self, destination: Destination, contexts: certificates.Contexts) -> Reached:
        try:
            async with asyncio.timeout(DESTINATION):
                return await self._asked(destination, contexts)
        except TimeoutError:
            what = f"{destination.authority}: not all was found out within {DESTINATION:g} s"
            line = Line(topic=Topic.ROUTES, grade=Grade.WRONG, what=what, where=destination.where)
            return Reached((line,), False)

    async def _asked(self, destination: Destination, contexts: certificates.Contexts) -> Reached:
        lines, addresses = await routes.resolved(destination)
        if not addresses:
            return Reached(tuple(lines), False)
        way = await routes.way_to(destination, addresses)
        lines += way.lines
        if way.address is None or destination.udp:
            return Reached(tuple(lines), way.address is not None)
        settings = settings_of(self.site, destination.part)
        if destination.tls is not None:
            seen = await certificates.certificate_of(destination, way.address, contexts, datetime.now(UTC))
            lines += seen
            if any(line.grade is Grade.WRONG for line in seen):
                return Reached(tuple(lines), False)
        elif destination.starttls:
            lines.append(certificates.not_looked_at(destination, "it is shown only after STARTTLS"))
        elif destination.proxied and destination.origin is not None and destination.origin.secure:
            lines.append(certificates.not_looked_at(destination, "it is behind this proxy"))
        lines += await clocks.of_vms(destination, settings, self.stores)
        return Reached(tuple(lines), True)

    async def _cameras(self, vms: VmsId, reached: Sequence[tuple[Destination, Reached]]) -> list[Line]:
        target = self.targets[vms]
        if not target.cameras:
            return []
        ends = [each.usable for destination, each in reached if destination.part == f"vms.{vms}"]
        if ends and not any(ends):
            self._refused.update(dict.fromkeys(target.cameras, "its VMS cannot be spoken to"))
            return [cameras.not_tried(vms, target, self.places)]
        lines = await cameras.tried(vms, target, self.places, VMS, self._refused)
        usable = [camera for camera in target.cameras if camera not in self._refused]
        wanted = raising(self.site).by_camera
        by_itself = declares_by_itself(self.site, vms)
        return [
            *lines,
            *await event_types.declared(vms, target, usable, wanted, self.places, VMS, by_itself),
        ]

    # ----------------------------------------------------------------------------------------------------- this machine

    async def _disk(self) -> list[Line]:
        journal = self.site.journal
        where = self.places.of("journal")

        def look() -> list[Line]:
            found = disk.room(journal, self.site.faults, where)
            return [*found, *disk.kind(journal.path, where), *disk.speed(journal.path, where)]

        return await bounded(asyncio.to_thread(look), LOCAL, Topic.DISK, "the journal's disk", str(journal.path))

    async def _here(self) -> list[Line]:
        def look() -> list[Line]:
            used = permissions.site_secrets(self.site)
            held, process = (self.told.held, self.told.pid) if self.told is not None else (frozenset[str](), None)
            return [
                *ports.of_site(self.site, self.places, held, process),
                *permissions.of_journal(self.site.journal.path, self.places.of("journal", "", "path")),
                *permissions.of_site_files(self.path),
                *permissions.of_secrets(used, self.stores, self.places, used),
                *self._own_certificates(),
            ]

        return await bounded(asyncio.to_thread(look), LOCAL, Topic.PERMISSIONS, "this machine", str(self.path))

    def _own_certificates(self) -> list[Line]:
        now = datetime.now(UTC)
        lines = []
        for part, settings in _serving(self.site):
            tls = getattr(settings, "tls", None)
            certificate, key = getattr(tls, "certificate", None), getattr(tls, "key", None)
            if isinstance(certificate, Path) and isinstance(key, Path):
                lines += certificates.own(certificate, key, place_of(self.places, part, "tls"), now)
        return lines

    async def _clocks(self) -> list[Line]:
        journal = self.site.journal.path
        offsets, source = await running.offsets(self.control, journal, self.told is not None)
        wrong_ones = self.told.of_kind("clock") if self.told is not None else ()
        of_sensors = clocks.of_sensors(self.site, self.places, offsets, wrong_ones, source)
        return [clocks.of_host(clocks.kernel()), *of_sensors]


def _serving(site: Site) -> list[tuple[str, object]]:
    connectors = [(f"connectors.{name}", each.settings) for name, each in site.connectors.items()]
    endpoints = [
        (f"endpoints.{name}", each.settings)
        for name, each in site.endpoints.items()
        if isinstance(each.settings, WebSocketEndpoint)
    ]
    return [*connectors, *endpoints]


def _target(site: Site, vms: VmsId, stores: SecretStores) -> VmsTarget:
    settings = site.vms[vms].settings
    of_it = {camera.id: camera.settings for camera in site.cameras.values() if camera.vms == vms}
    made: VmsTarget = vms_class(settings.type)(vms, settings, of_it, stores)
    return made

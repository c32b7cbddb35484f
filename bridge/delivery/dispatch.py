"""Deliveries of all VMS: one outlet each, started, changed and drained with the site."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bridge.clock import Clock
from bridge.delivery.observer import Observer
from bridge.delivery.outlet import Outlet
from bridge.journal.contract import Journal, Lease
from bridge.model import VmsId
from bridge.secret import Secrets
from bridge.supervision import Conditions
from bridge.vms.base import VmsSettings, VmsTarget

LONGEST_GOODBYE = 10.0
"""Seconds that a VMS which is taken out of the site has for what is being sent to it."""


class Deliveries:
    """Takes what the journal holds to the cameras, until drained or cancelled.

    The targets are closed here when they are replaced or removed; those that remain at the end are their maker's.
    """

    def __init__(
        self,
        journal: Journal,
        lease: Lease,
        targets: Mapping[VmsId, VmsTarget],
        settings: Mapping[VmsId, VmsSettings],
        secrets: Secrets,
        clock: Clock,
        conditions: Conditions,
        observer: Observer | None,
    ) -> None:
        self._journal = journal
        self._lease = lease
        self._secrets = secrets
        self._clock = clock
        self._conditions = conditions
        self._observer = observer
        self._group: asyncio.TaskGroup | None = None
        self._ended = asyncio.Event()
        self._leaving: dict[Outlet, asyncio.Task[None]] = {}
        self._outlets = {vms: self._outlet(vms, target, settings[vms]) for vms, target in targets.items()}
        self._running: dict[VmsId, asyncio.Task[None]] = {}

    def _outlet(self, vms: VmsId, target: VmsTarget, settings: VmsSettings) -> Outlet:
        return Outlet(
            vms,
            target,
            settings,
            self._journal,
            self._lease,
            self._secrets,
            self._clock,
            self._conditions,
            self._observer,
        )

    async def run(self) -> None:
        """Deliver until ``drain`` has ended. Raises (in an exception group) Fenced when the journal is another's."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for vms, outlet in self._outlets.items():
                self._running[vms] = group.create_task(outlet.run(), name=f"vms {vms}")
            await self._ended.wait()

    async def drain(self, bound: float) -> None:
        """Stop gracefully: nothing more is claimed, what is being sent has ``bound`` seconds to end, and after that
        nothing more is settled. ``run`` ends with it."""
        try:
            async with asyncio.TaskGroup() as group:
                for outlet in (*self._outlets.values(), *self._leaving):
                    group.create_task(outlet.drain(bound))
        finally:
            self._ended.set()

    async def replace(self, targets: Mapping[VmsId, VmsTarget], settings: Mapping[VmsId, VmsSettings]) -> None:
        """Change to these VMS: what is the same object stays untouched, a replaced target is closed when its last
        request has ended, a removed VMS is drained. Deliveries of a removed VMS stay in the journal."""
        for vms in [vms for vms in self._outlets if vms not in targets]:
            await self._remove(vms)
        for vms, target in targets.items():
            if vms in self._outlets:
                await self._outlets[vms].change(target, settings[vms])
            else:
                self._add(vms, target, settings[vms])

    def _add(self, vms: VmsId, target: VmsTarget, settings: VmsSettings) -> None:
        outlet = self._outlets[vms] = self._outlet(vms, target, settings)
        if self._group is not None and not self._ended.is_set():
            self._running[vms] = self._group.create_task(outlet.run(), name=f"vms {vms}")

    async def _remove(self, vms: VmsId) -> None:
        outlet, running = self._outlets.pop(vms), self._running.pop(vms, None)
        if self._group is None or running is None:
            await outlet.close_target()
            return
        self._leaving[outlet] = self._group.create_task(self._say_goodbye(outlet, running), name=f"vms {vms}: leaving")

    async def _say_goodbye(self, outlet: Outlet, running: asyncio.Task[None]) -> None:
        try:
            await outlet.drain(LONGEST_GOODBYE)
            await asyncio.wait([running])
        finally:
            self._leaving.pop(outlet, None)
            await outlet.close_target()

"""What ``plan`` and ``apply`` ask of a camera: the event types it has, and those it shall have [4]."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from bridge.model import CameraId, Delivered, Finding, Findings, Outcome, Retry
from bridge.vms.declaring import Declared
from bridge.vms.http import Origin
from bridge.vms.vxg.account import Account, Unusable
from bridge.vms.vxg.event_types import EventTypes
from bridge.vms.vxg.steps import Steps

_AT_ONCE = 8
_AGAIN = "run vms-bridge apply again once that is mended: what is declared already stays"


class Declaring:
    """The VMS is asked anew each time: what was seen before may have been taken away by hand."""

    def __init__(self, accounts: Mapping[CameraId, Account], types: EventTypes, steps: Steps) -> None:
        self._accounts = accounts
        self._types = types
        self._steps = steps

    async def declared(self, cameras: Sequence[CameraId]) -> dict[CameraId, Declared]:
        places = asyncio.Semaphore(_AT_ONCE)
        away: dict[Origin, str] = {}

        async def one(camera: CameraId) -> Declared:
            async with places:
                return await self._of(camera, away)

        async with asyncio.TaskGroup() as group:
            tasks = {camera: group.create_task(one(camera)) for camera in cameras}
        return {camera: task.result() for camera, task in tasks.items()}

    async def declare(self, camera: CameraId, event_types: Collection[str]) -> Findings:
        names = {kind: self._steps.name_of(kind) for kind in event_types}
        has = await self._of(camera, {})
        if has.unknown:
            return tuple(
                Finding(False, f"{name}: {has.unknown}", f"camera {camera}", _AGAIN) for name in names.values()
            )
        found = []
        given = set(has.names)
        for kind, name in names.items():
            found.append(await self._one(camera, kind, name, name in given))
            given.add(name)
        return tuple(found)

    async def _one(self, camera: CameraId, kind: str, name: str, there: bool) -> Finding:
        where = f"camera {camera}"
        if there:
            return Finding(True, f"{name} ({kind}) is declared already", where)
        account = self._accounts[camera]
        self._types.forget(account, name)  # it is not there, whatever was seen before
        try:
            outcome = await self._types.declare(account, self._steps.declaring(account, name), urgent=False)
        except Unusable as error:
            return Finding(False, f"{name}: {error}", where, _AGAIN)
        if isinstance(outcome, Delivered):
            return Finding(True, f"{name} ({kind}) is {outcome.note or 'declared now'}", where)
        return Finding(False, f"{name}: {_why(outcome)}", where, _AGAIN)

    async def _of(self, camera: CameraId, away: dict[Origin, str]) -> Declared:
        """``away``: where nobody answers, and why: not tried for every camera again."""
        account = self._accounts.get(camera)
        if account is None:
            return Declared(unknown=f"camera {camera} is not of this VMS")
        try:
            there = account.place()[0]
            if there in away:
                return Declared(unknown=away[there])
            found = await self._types.read(account)
        except Unusable as error:
            return Declared(unknown=str(error))
        if isinstance(found, Retry) and found.away:
            away[there] = found.why
        return Declared(found) if isinstance(found, frozenset) else Declared(unknown=_why(found))


def _why(outcome: Outcome) -> str:
    return str(getattr(outcome, "why", "") or type(outcome).__name__)

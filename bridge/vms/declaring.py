"""What a VMS target may know about event types that have to be declared before an event of them can be raised.

Optional for a target, as in ``credentials``: one that has it can be planned for and applied to (``vms-bridge plan``).
The running service does not need it: a target that has to declare does so on the way to its first event of a type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from bridge.model import CameraId, Findings


class Declared(msgspec.Struct, frozen=True):
    """The event types a camera has in its VMS, by the VMS's names; or in ``unknown`` why that could not be read, and
    what to do."""

    names: frozenset[str] = frozenset()
    unknown: str = ""


@runtime_checkable
class Declares(Protocol):
    def declared_as(self, camera: CameraId, event_type: str) -> str:
        """What the VMS will call events of this type on this camera; pure."""

    async def declared(self, cameras: Sequence[CameraId]) -> Mapping[CameraId, Declared]:
        """What each of these cameras has; changes nothing, never raises."""

    async def declare(self, camera: CameraId, event_types: Collection[str]) -> Findings:
        """Declare these (event types of ours, not the VMS's names); one line for each. What exists already is as good
        as declared. Never raises."""


async def undeclared(target: object, cameras: Collection[CameraId], event_type: str, seconds: float) -> list[CameraId]:
    """On which of these cameras an event of this type would be refused, and block all that follow, where nobody
    declares it: there it is not declared, or that was not found out within ``seconds``."""
    if not isinstance(target, Declares):
        return []
    try:
        async with asyncio.timeout(seconds):
            found = await target.declared(list(cameras))
    except TimeoutError:
        found = {}
    nothing = Declared()
    return [
        camera for camera in cameras if target.declared_as(camera, event_type) not in found.get(camera, nothing).names
    ]

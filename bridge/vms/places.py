"""What a VMS target may know about where its cameras are reached, when its settings do not say it.

Optional for a target, as in ``credentials``. Used by ``vms-bridge check --online``.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from bridge.model import CameraId
from bridge.vms.http import Origin


@runtime_checkable
class KnowsOrigins(Protocol):
    def origin(self, camera: CameraId) -> Origin:
        """Where requests of this camera go; its credential may be read for that. Makes no connection. Raises
        ValueError, whose text says why it is not known and is free of secrets."""


@runtime_checkable
class HasClock(Protocol):
    def clock(self) -> Origin | None:
        """Where the VMS itself answers ``GET /`` with its time and takes it for nothing else; None where nothing of
        it does, so that its clock cannot be asked."""

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

"""A target whose VMS is one place and one user for all its cameras: what is the same of all of those."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from bridge.model import Blocked, CameraId, Delivery, Outcome, Rejected, Search, Unanswered, VmsId
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.http import Origin

Step = TypeVar("Step", bound=Request)


class OneServer(ABC, Generic[Step]):
    """Of ``VmsTarget`` are left to write: ``render`` and ``shown``, ``check`` and ``close``, and the two that are
    abstract here, which are only asked about cameras of this VMS. ``origin``: where it is. ``step``: the class of the
    requests it renders."""

    def __init__(
        self,
        name: VmsId,
        cameras: Mapping[CameraId, CameraSettings],
        can: Capabilities,
        origin: Origin,
        step: type[Step],
    ) -> None:
        self.name = name
        self.cameras = cameras
        self.can = can
        self._origin = origin
        self._step = step

    @abstractmethod
    async def _do(self, step: Step, urgent: bool) -> Outcome:
        """Send it, once. Never raises."""

    @abstractmethod
    async def _find(self, delivery: Delivery) -> Search:
        """Look for it by its event id. Never raises."""

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        """Send one of the requests that ``render`` made, once."""
        if not isinstance(request, self._step) or request.camera is None:
            return Rejected("this is no request of this VMS")
        if request.camera not in self.cameras:
            return Blocked(f"camera {request.camera} is not of this VMS")
        return await self._do(request, urgent)

    async def find(self, delivery: Delivery) -> Search:
        if delivery.camera not in self.cameras:
            return Unanswered(f"camera {delivery.camera} is not of this VMS")
        return await self._find(delivery)

    def origin(self, camera: CameraId) -> Origin:
        """Where requests go."""
        return self._origin

    def clock(self) -> Origin | None:
        """The same place, asked for its time."""
        return self._origin

    @staticmethod
    def logs_in(settings: VmsSettings) -> bool:
        """Cameras have no credential of their own: its user sees them, or everybody."""
        return True

    def _ours(self, cameras: Iterable[CameraId]) -> list[CameraId]:
        """Those of this VMS."""
        return [camera for camera in cameras if camera in self.cameras]

"""The Frigate target: its settings, and which part does what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from bridge.model import (
    Blocked,
    CameraId,
    Delivery,
    Findings,
    Outcome,
    Reach,
    Rejected,
    Search,
    Unanswered,
    VmsId,
)
from bridge.secret import Secrets
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.by_record import ByRecord
from bridge.vms.credentials import Discovered, Opens
from bridge.vms.frigate.api import LARGEST_ANSWER, Api
from bridge.vms.frigate.doing import Doing
from bridge.vms.frigate.record import FrigateRecord
from bridge.vms.frigate.search import Finder
from bridge.vms.frigate.settings import FrigateCamera, FrigateSettings
from bridge.vms.frigate.steps import Step, Steps
from bridge.vms.http import Origin, sender_for, split_url
from bridge.vms.http.reaching import reaches


class FrigateTarget(ByRecord):
    """One Frigate. Belongs to one event loop."""

    Settings: ClassVar[type[VmsSettings]] = FrigateSettings
    Camera: ClassVar[type[CameraSettings]] = FrigateCamera
    _record: FrigateRecord

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """For the firewall's table."""
        ours = cast(FrigateSettings, settings)
        open_to_all = "" if ours.user or ours.headers else "; without log-in: open to this bridge alone"
        return reaches(
            ours.url,
            ours.proxy,
            how_often=f"two or three for each event; {ours.connections} connections at most",
            how_large="some KiB an event",
            why=f"events of {len(cameras)} cameras{open_to_all}",
        )

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        self.name = name
        self.cameras = cameras
        ours = self._settings = cast(FrigateSettings, settings)
        self._can = Capabilities(
            search=True,
            backdate=False,
            amend=True,
            picture=False,
            settle_after=ours.settle_after,
            longest_text=ours.description_limit,
            media=("pictures", "clips", "video"),
        )
        self._steps = Steps(ours, cameras)
        self._sender = sender_for(ours, secrets, LARGEST_ANSWER)
        self._api = Api(self._sender, ours, secrets)
        self._doing = Doing(ours, self._api)
        self._finder = Finder(self._api, self._steps, self._doing.known)
        self._record = FrigateRecord(name, ours, self._steps, secrets)

    @property
    def can(self) -> Capabilities:
        return self._can

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        """See ``steps``."""
        return self._steps.of(delivery)

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        """Send one of the requests that ``render`` made, once."""
        if not isinstance(request, Step) or request.camera is None:
            return Rejected("this is no request of this VMS")
        if request.camera not in self.cameras:
            return Blocked(f"camera {request.camera} is not of this VMS")
        return await self._doing.do(request, urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{secret:NAME}`` in the place of the cookie that
        the secret brings."""
        assert isinstance(request, Step)
        headers = (*self._api.shown_credentials(), *request.headers)
        return self._sender.written(
            request.method, self._api.origin, self._api.base + request.path, headers, request.body
        )

    async def find(self, delivery: Delivery) -> Search:
        if delivery.camera not in self.cameras:
            return Unanswered(f"camera {delivery.camera} is not of this VMS")
        return await self._finder.find(delivery)

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        from bridge.vms.frigate.checking import check

        places = {camera: self._steps.place(camera) for camera in cameras if camera in self.cameras}
        return await check(self._settings, self._api, places)

    def origin(self, camera: CameraId) -> Origin:
        """Where its API is."""
        return split_url(self._settings.url)[0]

    def clock(self) -> Origin:
        return split_url(self._settings.url)[0]

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """Its cameras. Raises CannotDiscover."""
        from bridge.vms.frigate.discovery import discover

        return await discover(cast(FrigateSettings, settings), credentials, secrets)

    @staticmethod
    def logs_in(settings: VmsSettings) -> bool:
        """Cameras have no credential of their own: its user sees them, or everybody."""
        return True

    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """A password tells nothing of itself; a token that was taken for one does."""
        from bridge.vms.frigate.privilege import opens

        return opens(text)

    async def close(self) -> None:
        await self._record.close()
        await self._sender.close()

"""The Frigate target: its settings, and which part does what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from bridge.model import CameraId, Delivery, Findings, Outcome, Reach, Search, VmsId
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
from bridge.vms.http import sender_for, split_url
from bridge.vms.http.reaching import reaches
from bridge.vms.one_server import OneServer


class FrigateTarget(ByRecord, OneServer[Step]):
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
        ours = self._settings = cast(FrigateSettings, settings)
        can = Capabilities(
            search=True,
            backdate=False,
            amend=True,
            picture=False,
            settle_after=ours.settle_after,
            longest_text=ours.description_limit,
            media=("pictures", "clips", "video"),
        )
        super().__init__(name, cameras, can, split_url(ours.url)[0], Step)
        self._steps = Steps(ours, cameras)
        self._sender = sender_for(ours, secrets, LARGEST_ANSWER)
        self._api = Api(self._sender, ours, secrets)
        self._doing = Doing(ours, self._api)
        self._finder = Finder(self._api, self._steps, self._doing.known)
        self._record = FrigateRecord(name, ours, self._steps, secrets)

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        """See ``steps``."""
        return self._steps.of(delivery)

    async def _do(self, step: Step, urgent: bool) -> Outcome:
        return await self._doing.do(step, urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{secret:NAME}`` in the place of the cookie that
        the secret brings."""
        assert isinstance(request, Step)
        headers = (*self._api.shown_credentials(), *request.headers)
        return self._sender.written(
            request.method, self._api.origin, self._api.base + request.path, headers, request.body
        )

    async def _find(self, delivery: Delivery) -> Search:
        return await self._finder.find(delivery)

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        from bridge.vms.frigate.checking import check

        places = {camera: self._steps.place(camera) for camera in self._ours(cameras)}
        return await check(self._settings, self._api, places)

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """Its cameras. Raises CannotDiscover."""
        from bridge.vms.frigate.discovery import discover

        return await discover(cast(FrigateSettings, settings), credentials, secrets)

    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """A password tells nothing of itself; a token that was taken for one does."""
        from bridge.vms.frigate.privilege import opens

        return opens(text)

    async def close(self) -> None:
        await self._record.close()
        await self._sender.close()

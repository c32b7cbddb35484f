"""The Digifort target: its settings, and which part does what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from bridge.model import CameraId, Delivery, Findings, Outcome, Reach, Search, Unanswered, VmsId
from bridge.secret import Secrets
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.credentials import Discovered
from bridge.vms.digifort.api import Api
from bridge.vms.digifort.doing import do
from bridge.vms.digifort.settings import DigifortCamera, DigifortSettings
from bridge.vms.digifort.steps import Steps, Trigger
from bridge.vms.http import sender_for, split_url
from bridge.vms.http.reaching import reaches
from bridge.vms.one_server import OneServer


class DigifortTarget(OneServer[Trigger]):
    """One Digifort server. Belongs to one event loop."""

    Settings: ClassVar[type[VmsSettings]] = DigifortSettings
    Camera: ClassVar[type[CameraSettings]] = DigifortCamera

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """For the firewall's table."""
        ours = cast(DigifortSettings, settings)
        often = f"for each event; {ours.connections} connections at most"
        why = f"events of {len(cameras)} cameras"
        return reaches(ours.url, ours.proxy, how_often=often, how_large="1 KiB an event", why=why)

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        ours = self._settings = cast(DigifortSettings, settings)
        # A trigger is now, gives no id, and no documented search tells of it [7, 9].
        can = Capabilities(
            search=False,
            backdate=False,
            amend=False,
            picture=False,
            longest_text=ours.longest_message,
            by_hand="global events",
        )
        super().__init__(name, cameras, can, split_url(ours.url)[0], Trigger)
        self._steps = Steps(ours, cameras)
        self._sender = sender_for(ours, secrets)
        self._api = Api(self._sender, ours, secrets)

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        """See ``steps``; nothing at all where the settings say so, of a restore or an amendment."""
        return self._steps.of(delivery)

    async def _do(self, step: Trigger, urgent: bool) -> Outcome:
        return await do(self._api, step, urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{session}`` and ``{md5-of-secret:NAME}``, or
        ``{base64 of …}``, where what signs it in goes."""
        assert isinstance(request, Trigger)
        return self._api.written(request.path)

    async def _find(self, delivery: Delivery) -> Search:
        return Unanswered("Digifort has no documented search for global events that were triggered")

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        from bridge.vms.digifort.checking import check

        needed = {
            camera: (cast(DigifortCamera, self.cameras[camera]).id, self._steps.names(camera).every())
            for camera in self._ours(cameras)
        }
        return await check(self._api, needed)

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """The cameras. Raises CannotDiscover."""
        from bridge.vms.digifort.discovery import discover

        return await discover(cast(DigifortSettings, settings), credentials, secrets)

    async def close(self) -> None:
        await self._sender.close()

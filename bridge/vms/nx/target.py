"""The Nx target: its settings, and which part does what."""

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
from bridge.units import said_size
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.by_record import ByRecord
from bridge.vms.credentials import Discovered, Opens
from bridge.vms.http import Origin, sender_for
from bridge.vms.http.reaching import reaches
from bridge.vms.nx.api import Api, headed, login_for
from bridge.vms.nx.record import NxRecord
from bridge.vms.nx.search import Finder
from bridge.vms.nx.sending import Sending
from bridge.vms.nx.settings import NxCamera, NxSettings
from bridge.vms.nx.steps import Step, Steps


class NxTarget(ByRecord):
    """One site of Nx, asked through one of its servers or the cloud. Belongs to one event loop."""

    Settings: ClassVar[type[VmsSettings]] = NxSettings
    Camera: ClassVar[type[CameraSettings]] = NxCamera
    _record: NxRecord

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """For the firewall's table."""
        ours = cast(NxSettings, settings)
        requests = "two" if ours.way == "both" else "one"
        found = reaches(
            ours.server(),
            ours.proxy,
            how_often=f"{requests} for each event, searches when not sure; {ours.connections} connections at most",
            how_large=f"some KiB an event, {said_size(ours.description_limit)} at most",
            why=f"events of {len(cameras)} cameras",
        )
        if ours.cloud is None:
            return found
        nodes = f"events, sent on by the relay to a node below {ours.cloud.relay}"
        often, large = "as the line above", "as the line above"
        token = reaches(
            ours.cloud.host, ours.proxy, how_often="once an hour", how_large="1 KiB", why="the token of the site"
        )  # fmt: skip
        sent_on = reaches("", ours.proxy, how_often=often, how_large=large, why=nodes)
        return (*found, *sent_on, *token)

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        self.name = name
        self.cameras = cameras
        ours = self._settings = cast(NxSettings, settings)
        bookmarks = ours.way != "event"
        self._can = Capabilities(
            search=bookmarks,
            backdate=True,
            amend=bookmarks,
            picture=False,
            settle_after=ours.settle_after,
            longest_text=ours.description_limit,
            media=("pictures",) if bookmarks else (),
        )
        self._steps = Steps(ours, cameras)
        self._sender = sender_for(ours, secrets)
        self._login = login_for(ours, self._sender, secrets)
        self._api = Api(ours, self._sender, self._login)
        self._sending = Sending(ours, self._api)
        self._finder = Finder(ours, self._api, self._steps)
        self._record = NxRecord(name, ours, self._steps, self._login, secrets)

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
        return await self._sending.do(request, urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{secret:NAME}`` in the place of the token, or
        of the answer to the server's challenge, that the secret brings."""
        assert isinstance(request, Step)
        headers = headed(self._steps.authorization, bool(request.body))
        return self._sender.written(request.method, self._api.origin, request.path, headers, request.body)

    async def find(self, delivery: Delivery) -> Search:
        if delivery.camera not in self.cameras:
            return Unanswered(f"camera {delivery.camera} is not of this VMS")
        return await self._finder.find(delivery)

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        from bridge.vms.nx.checking import check

        devices = {camera: self._steps.device(camera) for camera in cameras if camera in self.cameras}
        return await check(self._settings, self._api, self._sender, devices)

    def origin(self, camera: CameraId) -> Origin:
        """Where its server, or the relay, is."""
        return self._api.origin

    def clock(self) -> Origin | None:
        """The relay's clock is not the server's."""
        return self._api.origin if self._settings.cloud is None else None

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """The devices. Raises CannotDiscover."""
        from bridge.vms.nx.discovery import discover

        return await discover(cast(NxSettings, settings), credentials, secrets)

    @staticmethod
    def logs_in(settings: VmsSettings) -> bool:
        """Devices have no credential of their own: its user sees them."""
        return True

    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """A password tells nothing of itself; a token that was taken for one does."""
        from bridge.vms.nx.privilege import opens

        return opens(text)

    async def close(self) -> None:
        await self._record.close()
        await self._login.close()
        await self._sender.close()

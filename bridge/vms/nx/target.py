"""The Nx target: its settings, and which part does what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from bridge.model import Absent, CameraId, Delivery, Findings, Outcome, Reach, Search, VmsId
from bridge.secret import Secrets
from bridge.units import said_size
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.by_record import ByRecord
from bridge.vms.credentials import Discovered, Opens
from bridge.vms.http import Origin, sender_for, split_url
from bridge.vms.http.reaching import reaches
from bridge.vms.nx.api import Api, headed, login_for
from bridge.vms.nx.record import NxRecord
from bridge.vms.nx.search import Finder
from bridge.vms.nx.sending import Sending
from bridge.vms.nx.settings import NxCamera, NxSettings
from bridge.vms.nx.steps import Step, Steps
from bridge.vms.one_server import OneServer


class NxTarget(ByRecord, OneServer[Step]):
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
        ours = self._settings = cast(NxSettings, settings)
        bookmarks = ours.way != "event"
        can = Capabilities(
            search=bookmarks,
            backdate=True,
            amend=bookmarks,
            picture=False,
            settle_after=ours.settle_after,
            longest_text=ours.description_limit,
            media=("pictures",) if bookmarks else (),
        )
        super().__init__(name, cameras, can, split_url(ours.server())[0], Step)
        self._steps = Steps(ours, cameras)
        self._sender = sender_for(ours, secrets)
        self._login = login_for(ours, self._sender, secrets)
        self._api = Api(ours, self._sender, self._login)
        self._sending = Sending(ours, self._api)
        self._finder = Finder(ours, self._api, self._steps)
        self._record = NxRecord(name, ours, self._steps, self._login, secrets)

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        """See ``steps``."""
        return self._steps.of(delivery)

    async def _do(self, step: Step, urgent: bool) -> Outcome:
        return await self._sending.do(step, urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{secret:NAME}`` in the place of the token, or
        of the answer to the server's challenge, that the secret brings."""
        assert isinstance(request, Step)
        headers = headed(self._steps.authorization, bool(request.body))
        return self._sender.written(request.method, self._api.origin, request.path, headers, request.body)

    async def _find(self, delivery: Delivery) -> Search:
        found = await self._finder.find(delivery)
        return Absent(surely=False) if type(found) is Absent and self._sending.may_repeat(delivery) else found

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        from bridge.vms.nx.checking import check

        devices = {camera: self._steps.device(camera) for camera in self._ours(cameras)}
        return await check(self._settings, self._api, self._sender, devices)

    def clock(self) -> Origin | None:
        """The relay's clock is not the server's."""
        return self._origin if self._settings.cloud is None else None

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """The devices. Raises CannotDiscover."""
        from bridge.vms.nx.discovery import discover

        return await discover(cast(NxSettings, settings), credentials, secrets)

    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """A password tells nothing of itself; a token that was taken for one does."""
        from bridge.vms.nx.privilege import opens

        return opens(text)

    async def close(self) -> None:
        await self._record.close()
        await self._login.close()
        await self._sender.close()

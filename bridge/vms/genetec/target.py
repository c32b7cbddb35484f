"""The Genetec target: its settings, and which part does what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from bridge.model import CameraId, Delivery, Findings, Outcome, Reach, Search, Unanswered, VmsId
from bridge.secret import Secrets
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.credentials import Discovered, Opens
from bridge.vms.genetec.api import Api
from bridge.vms.genetec.doing import Doing
from bridge.vms.genetec.settings import GenetecCamera, GenetecSettings
from bridge.vms.genetec.steps import Step, Steps
from bridge.vms.http import sender_for, split_url
from bridge.vms.http.reaching import reaches
from bridge.vms.one_server import OneServer


class GenetecTarget(OneServer[Step]):
    """One Security Center. Belongs to one event loop."""

    Settings: ClassVar[type[VmsSettings]] = GenetecSettings
    Camera: ClassVar[type[CameraSettings]] = GenetecCamera

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """For the firewall's table."""
        ours = cast(GenetecSettings, settings)
        often = f"for each event and way; {ours.connections} connections at most"
        why = f"events of {len(cameras)} cameras, to the Web SDK role"
        return reaches(ours.url, ours.proxy, how_often=often, how_large="2 KiB an event", why=why)

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        ours = self._settings = cast(GenetecSettings, settings)
        # It tells nothing of what it was sent: no documented report has the text of an event or bookmark [8].
        can = Capabilities(
            search=False,
            backdate=ours.at_its_time,
            amend=False,
            picture=False,
            longest_text=ours.longest_url,
            by_hand=_by_hand(ours),
        )
        super().__init__(name, cameras, can, split_url(ours.url)[0], Step)
        self._steps = Steps(ours, cameras)
        self._sender = sender_for(ours, secrets)
        self._api = Api(self._sender, ours, secrets)
        self._doing = Doing(self._api)

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        """See ``steps``."""
        return self._steps.of(delivery)

    async def _do(self, step: Step, urgent: bool) -> Outcome:
        return await self._doing.do(step, self._below(step), urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{base64 of …}`` where the log-in goes."""
        return self._api.written(request.method, self._below(request))

    async def _find(self, delivery: Delivery) -> Search:
        return Unanswered("the Web SDK has no documented search for the text of an event or bookmark")

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        from bridge.vms.genetec.checking import check

        return await check(self._settings, self._api, {each: self._steps.entity(each) for each in self._ours(cameras)})

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """The cameras. Raises CannotDiscover."""
        from bridge.vms.genetec.discovery import discover

        return await discover(cast(GenetecSettings, settings), credentials, secrets)

    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """A password tells nothing of itself; a whole log-in that was taken for one does."""
        from bridge.vms.genetec.privilege import opens

        return opens(text)

    async def close(self) -> None:
        await self._sender.close()

    def _below(self, request: Request) -> str:
        """The path below the base URI."""
        return request.url.removeprefix(self._settings.url)


def _by_hand(settings: GenetecSettings) -> str:
    ways = {way for each in (settings.otherwise, *settings.sends) for way in each.ways}
    return " and ".join(what for way, what in (("event", "custom events"), ("alarm", "alarms")) if way in ways)

"""The ZoneMinder target: its settings, and which part does what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from bridge.model import CameraId, Delivery, Findings, Outcome, Reach, Search, VmsId
from bridge.secret import Secrets
from bridge.vms.base import PLAIN, CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.by_record import ByRecord
from bridge.vms.credentials import Discovered, Opens
from bridge.vms.http import sender_for, split_url
from bridge.vms.http.reaching import reaches
from bridge.vms.one_server import OneServer
from bridge.vms.plain import PlainSocket, address
from bridge.vms.zoneminder.api import Api, with_token
from bridge.vms.zoneminder.doing import Doing
from bridge.vms.zoneminder.record import ZoneMinderRecord
from bridge.vms.zoneminder.search import Finder
from bridge.vms.zoneminder.settings import ZoneMinderCamera, ZoneMinderSettings
from bridge.vms.zoneminder.steps import Step, Steps


class ZoneMinderTarget(ByRecord, OneServer[Step]):
    """One ZoneMinder. Belongs to one event loop."""

    Settings: ClassVar[type[VmsSettings]] = ZoneMinderSettings
    Camera: ClassVar[type[CameraSettings]] = ZoneMinderCamera
    _record: ZoneMinderRecord

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """For the firewall's table."""
        ours = cast(ZoneMinderSettings, settings)
        often = f"several for each event; {ours.connections} connections at most"
        why = f"events of {len(cameras)} cameras"
        found = list(reaches(ours.url, ours.proxy, how_often=often, how_large="some KiB an event", why=why))
        if ours.way == "socket":
            host, port = address(ours.trigger())
            found.append(
                Reach(
                    inbound=False,
                    peer=host,
                    port=port,
                    speaks="zmtrigger, plain text without log-in: open to this bridge alone",
                    how_often="one connection, kept; a line for each event",
                    how_large="300 bytes an event",
                    why=f"alarms of {len(cameras)} cameras",
                )
            )
        return found

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        ours = self._settings = cast(ZoneMinderSettings, settings)
        can = Capabilities(
            search=True,
            backdate=False,
            amend=True,
            picture=False,
            settle_after=ours.settle_after,
            longest_text=ours.notes_limit,
            media=("pictures", "video"),
        )
        super().__init__(name, cameras, can, split_url(ours.url)[0], Step)
        self._secrets = secrets
        self._steps = Steps(ours, cameras)
        self._sender = sender_for(ours, secrets)
        self._api = Api(self._sender, ours, secrets)
        self._doing = Doing(ours, self._api)
        self._trigger: PlainSocket = self._doing.trigger
        self._finder = Finder(self._api, self._doing.known, nameless=ours.way == "rest")
        self._record = ZoneMinderRecord(name, ours, self._steps, secrets)

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        """See ``steps``."""
        return self._steps.of(delivery)

    async def _do(self, step: Step, urgent: bool) -> Outcome:
        return await self._doing.do(step, urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``: where the notes hold nothing of another event, and
        with ``{secret:NAME}`` in the place of the token that the secret brings."""
        assert isinstance(request, Step)
        if request.method == PLAIN:
            return request.body
        password = self._settings.password
        path = with_token(f"{self._api.base}/api{request.path}", f"{{secret:{password}}}" if password else "")
        return self._sender.written(request.method, self._api.origin, path, request.headers, request.body)

    async def _find(self, delivery: Delivery) -> Search:
        return await self._finder.find(delivery, self._steps.monitor(delivery.camera))

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        from bridge.vms.zoneminder.checking import check

        monitors = {camera: self._steps.monitor(camera) for camera in self._ours(cameras)}
        return await check(self._settings, self._api, self._trigger, monitors)

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """The monitors. Raises CannotDiscover."""
        from bridge.vms.zoneminder.discovery import discover

        return await discover(cast(ZoneMinderSettings, settings), credentials, secrets)

    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """A password tells nothing of itself; a token that was taken for one does."""
        from bridge.vms.zoneminder.privilege import opens

        return opens(text)

    async def close(self) -> None:
        await self._record.close()
        await self._doing.close()
        await self._sender.close()

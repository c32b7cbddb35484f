"""The Milestone target: which way does what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar, Protocol, cast

from bridge.model import CameraId, Delivery, Findings, Outcome, Reach, Search, Unanswered, VmsId
from bridge.secret import Secrets
from bridge.vms.base import PLAIN, CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.credentials import Discovered, Opens
from bridge.vms.http import Origin, sender_for, split_url
from bridge.vms.http.origin import origin as origin_of
from bridge.vms.milestone.ai_bridge import PATH, SOMEWHERE, UNKNOWN, AiBridge
from bridge.vms.milestone.analytics import Analytics
from bridge.vms.milestone.gateway import Gateway
from bridge.vms.milestone.generic import Generic
from bridge.vms.milestone.reaching import reached
from bridge.vms.milestone.record import MilestoneRecord
from bridge.vms.milestone.rest import Rest
from bridge.vms.milestone.search import Finder
from bridge.vms.milestone.sending import Sending
from bridge.vms.milestone.settings import MilestoneCamera, MilestoneSettings
from bridge.vms.milestone.steps import Step
from bridge.vms.milestone.words import CHANGES, Words
from bridge.vms.one_server import OneServer
from bridge.vms.plain import address
from bridge.vms.recorded import Held, Query, Recorded


class _Way(Protocol):
    def of(self, delivery: Delivery) -> tuple[Step, ...]: ...


_BACKDATES = ("analytics", "bookmarks")
_TAKES_PICTURES = ("analytics", "ai-bridge")
_BY_HAND = {
    "analytics": "analytics events",
    "events": "user-defined events",
    "generic": "generic events",
    "ai-bridge": "the topic of a registered app",
}


class MilestoneTarget(OneServer[Step]):
    """One XProtect, one way. Belongs to one event loop."""

    Settings: ClassVar[type[VmsSettings]] = MilestoneSettings
    Camera: ClassVar[type[CameraSettings]] = MilestoneCamera

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """For the firewall's table."""
        return reached(cast(MilestoneSettings, settings), len(cameras))

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        ours = self._settings = cast(MilestoneSettings, settings)
        self._ids = {camera: cast(MilestoneCamera, each) for camera, each in cameras.items()}
        can = Capabilities(
            search=ours.searches,
            backdate=ours.way in _BACKDATES,
            amend=ours.way in CHANGES,
            picture=ours.pictures and ours.way in _TAKES_PICTURES,
            settle_after=ours.settle_after,
            longest_text=ours.text_limit,
            lists=bool(ours.gateway),
            by_hand=_BY_HAND.get(ours.way, ""),
        )
        where = origin_of(False, *address(ours.generic)) if ours.way == "generic" else split_url(ours.place)[0]
        super().__init__(name, cameras, can, where, Step)
        words = Words(ours)
        self._way: _Way
        if ours.way == "analytics":
            self._way = Analytics(ours, self._ids, words)
        elif ours.way == "generic":
            self._way = Generic(ours, self._ids, words)
        elif ours.way == "ai-bridge":
            self._way = AiBridge(ours, self._ids, words)
        else:
            self._way = Rest(ours, self._ids, words)
        self._sender = sender_for(ours, secrets)
        self._gateway = Gateway(self._sender, ours, secrets) if ours.gateway else None
        self._sending = Sending(self._sender, ours, self._gateway)
        self._record = MilestoneRecord(self._gateway if ours.searches else None, ours.way, self._ids)
        self._finder = Finder(self._gateway, ours, words) if self._gateway is not None and ours.searches else None

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        return self._way.of(delivery)

    async def _do(self, step: Step, urgent: bool) -> Outcome:
        return await self._sending.send(step, urgent)

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{secret:NAME}`` in the place of the token that
        the secret brings."""
        if request.method == PLAIN:
            return request.body
        unknown = request.url == SOMEWHERE
        origin, path = (UNKNOWN, PATH) if unknown else split_url(request.url)
        hidden = [(each.header, f"Bearer {{secret:{each.secret}}}") for each in request.credentials]
        return self._sender.written(request.method, origin, path, (*hidden, *request.headers), request.body)

    async def _find(self, delivery: Delivery) -> Search:
        if self._finder is None:
            return Unanswered(f"what way {self._settings.way} makes cannot be searched for")
        return await self._finder.find(delivery, self._ids[delivery.camera].id)

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        from bridge.vms.milestone.checking import check

        ours = {camera: self._ids[camera] for camera in self._ours(cameras)}
        return await check(self._settings, self._gateway, self._sender, ours)

    def clock(self) -> Origin | None:
        """What takes events elsewhere may take any request for one; the gateway is asked."""
        return split_url(self._settings.gateway)[0] if self._settings.gateway else None

    def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        """XProtect's own alarms, or events, as ``bridge.vms.recorded`` says; so are the next two."""
        return self._record.recorded(query)

    async def held(self, event: Recorded, before: float, after: float) -> Sequence[Held]:
        return await self._record.held(event, before, after)

    def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        return self._record.fetch(camera, held)

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """The cameras, asked from the gateway. Raises CannotDiscover."""
        from bridge.vms.milestone.discovery import discover

        return await discover(cast(MilestoneSettings, settings), credentials, secrets)

    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """A password tells nothing of itself; a token that was taken for one does."""
        from bridge.vms.milestone.privilege import opens

        return opens(text)

    async def close(self) -> None:
        self._sending.close()
        await self._sender.close()

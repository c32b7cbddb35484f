"""The VXG target: its settings, and which part does what."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import ClassVar, cast

import msgspec

from bridge.model import (
    Ambiguous,
    Blocked,
    CameraId,
    Delivered,
    Delivery,
    Finding,
    Findings,
    Outcome,
    Reach,
    Rejected,
    Retry,
    Search,
    Unanswered,
    VmsId,
)
from bridge.secret import Secrets
from bridge.units import said_size
from bridge.vms.base import CameraSettings, Capabilities, Request, VmsSettings
from bridge.vms.by_record import ByRecord
from bridge.vms.credentials import Discovered, Opens
from bridge.vms.declaring import Declared
from bridge.vms.http import Origin, SendingError, sender_for
from bridge.vms.http.reaching import reaches
from bridge.vms.vxg.account import Account, NoSecret, Unusable
from bridge.vms.vxg.answers import failure, refusal
from bridge.vms.vxg.checking import check_camera
from bridge.vms.vxg.declaring import Declaring
from bridge.vms.vxg.documents import Documents
from bridge.vms.vxg.event_types import EventTypes
from bridge.vms.vxg.exchange import Exchange
from bridge.vms.vxg.record import VxgRecord
from bridge.vms.vxg.search import Finder
from bridge.vms.vxg.settings import VxgCamera, VxgSettings
from bridge.vms.vxg.steps import EVENTS, Kind, Step, Steps

_CHECKS_AT_ONCE = 8
_NO_SUCH_TYPE = (400, 404, 422)
"""With which of these an event of an undeclared type is refused is not documented [12.5]."""
_MOST_DOUBTED = 1024


class _Created(msgspec.Struct):
    id: int | str


_created = msgspec.json.Decoder(_Created).decode


class VxgTarget(ByRecord):
    """One VXG Cloud VMS. Belongs to one event loop."""

    Settings: ClassVar[type[VmsSettings]] = VxgSettings
    Camera: ClassVar[type[CameraSettings]] = VxgCamera
    _record: VxgRecord

    @classmethod
    def reaches(cls, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings]) -> Sequence[Reach]:
        """For the firewall's table."""
        ours = cast(VxgSettings, settings)
        return reaches(
            ours.url,
            ours.proxy,
            how_often=f"for each event, and searches when it is not sure; {ours.connections} connections at most",
            how_large=f"some KiB an event; {said_size(ours.meta_document_limit)} with a meta document at most",
            why=f"events of {len(cameras)} cameras",
        )

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        self.name = name
        self.cameras = cameras
        ours = cast(VxgSettings, settings)
        self._can = Capabilities(
            search=True,
            backdate=True,
            amend=True,
            picture=False,
            settle_after=ours.settle_after,
            longest_text=ours.meta_value_limit,
            media=("pictures", "clips", "video"),
        )
        self._accounts = {
            camera: Account(camera, cast(VxgCamera, each), ours, secrets) for camera, each in cameras.items()
        }
        self._steps = Steps(ours, self._accounts)
        self._sender = sender_for(ours, secrets)
        self._exchange = Exchange(self._sender, ours.timeout)
        self._types = EventTypes(self._exchange, ours.declare_types)
        self._declaring = Declaring(self._accounts, self._types, self._steps)
        self._documents = Documents(self._exchange)
        self._finder = Finder(self._exchange)
        self._record = VxgRecord(name, ours, self._accounts, self._steps, secrets)
        self._doubted: dict[bytes, None] = {}

    @property
    def can(self) -> Capabilities:
        return self._can

    def render(self, delivery: Delivery) -> tuple[Request, ...]:
        """Look the event type up, declare it, write the meta document when the message does not fit, raise; for an
        amendment the tags that changed."""
        return self._steps.of(delivery)

    async def send(self, request: Request, urgent: bool = False) -> Outcome:
        """Send one of the requests that ``render`` made, once."""
        if not isinstance(request, Step) or request.camera is None:
            return Rejected("this is no request of this VMS")
        account = self._accounts.get(request.camera)
        if account is None:
            return Blocked(f"camera {request.camera} is not of this VMS")
        try:
            match request.kind:
                case Kind.RAISE:
                    return await self._raise(account, request, urgent)
                case Kind.LOOK_UP:
                    return await self._types.look_up(account, request, urgent)
                case Kind.DECLARE:
                    return await self._types.declare(account, request, urgent)
                case Kind.DOCUMENT:
                    return await self._documents.write(account, request, urgent)
                case Kind.TAG:
                    return await self._write_tag(account, request, urgent)
        except Unusable as error:
            return Blocked(str(error))

    def shown(self, request: Request) -> bytes:
        """The bytes ``send`` writes for a request of ``render``, with ``{secret:NAME}`` where the token goes.

        Makes no connection. A token that nobody has is missed only where ``url`` is left out, for the host. Raises
        Unusable, also for one with which nothing would be sent.
        """
        assert isinstance(request, Step)
        assert request.camera is not None
        account = self._accounts[request.camera]
        with suppress(NoSecret):
            account.grant()
        origin, prefix = account.place()
        masked = ("Authorization", f"Acc {{secret:{account.ref}}}")
        headers = (masked, *request.headers)
        return self._sender.written(request.method, origin, prefix + request.path, headers, request.body)

    async def find(self, delivery: Delivery) -> Search:
        account = self._accounts.get(delivery.camera)
        if account is None:
            return Unanswered(f"camera {delivery.camera} is not of this VMS")
        return await self._finder.find(delivery, account, self._steps.name(delivery.event))

    def origin(self, camera: CameraId) -> Origin:
        """Where this camera's requests go. Raises Unusable when only its token would say it, and cannot be read."""
        return self._accounts[camera].place()[0]

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        places = asyncio.Semaphore(_CHECKS_AT_ONCE)
        unreached: dict[Origin, str] = {}

        async def one(camera: CameraId) -> tuple[Finding, ...]:
            async with places:
                return await check_camera(self._accounts[camera], self._exchange, unreached)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(camera)) for camera in cameras if camera in self._accounts]
        return tuple(finding for task in tasks for finding in task.result())

    def declared_as(self, camera: CameraId, event_type: str) -> str:
        """The name of these events in VXG."""
        return self._steps.name_of(event_type)

    async def declared(self, cameras: Sequence[CameraId]) -> Mapping[CameraId, Declared]:
        """The event types each camera has now."""
        return await self._declaring.declared(cameras)

    async def declare(self, camera: CameraId, event_types: Collection[str]) -> Findings:
        """Declare these on the camera, also where ``declare_types`` says that a running bridge does not."""
        return await self._declaring.declare(camera, event_types)

    @staticmethod
    async def discover(settings: VmsSettings, credentials: str, secrets: Secrets) -> Sequence[Discovered]:
        """The cameras that a licence key, a group token or camera tokens open. Raises CannotDiscover."""
        from bridge.vms.vxg.discovery import discover

        return await discover(cast(VxgSettings, settings), credentials, secrets)

    @staticmethod
    def opens(text: str, camera: CameraSettings | None) -> Opens | None:
        """What a credential opens, read from itself alone."""
        from bridge.vms.vxg.privilege import opens

        return opens(text, camera)

    async def clip(self, camera: CameraId, since: datetime, until: datetime, title: str, at: datetime) -> str:
        return await self._record.clip(camera, since, until, title, at)

    async def close(self) -> None:
        await self._sender.close()
        await self._record.close()

    async def _raise(self, account: Account, step: Step, urgent: bool) -> Outcome:
        try:
            answer, grant = await self._exchange(account, "POST", EVENTS, step.body, urgent)
        except SendingError as error:
            return failure(error, raising=True)
        if 200 <= answer.status < 300:
            try:
                return Delivered(str(_created(answer.body).id))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                # A log-in page, a captive portal; or a real answer that was too long or came through a bad proxy.
                return Ambiguous(f"{grant.origin} answers {answer.status}, but not with an event")
        outcome = refusal(answer, grant, raising=True)
        if answer.status in _NO_SUCH_TYPE and self._first_doubt(step.body):
            # A VMS that was reset has forgotten ours; or the camera is gone, which the look-up then says.
            self._types.forget(account, step.name)
            return Retry(f"refused ({answer.status}); looking again whether the event type is declared")
        return outcome

    def _first_doubt(self, body: bytes) -> bool:
        """Whether this very event is refused for the first time: then the type may be what is missing."""
        mark = hashlib.blake2b(body, digest_size=16).digest()
        if mark in self._doubted:
            del self._doubted[mark]
            return False
        if len(self._doubted) >= _MOST_DOUBTED:
            del self._doubted[next(iter(self._doubted))]
        self._doubted[mark] = None
        return True

    async def _write_tag(self, account: Account, step: Step, urgent: bool) -> Outcome:
        """Change the tag, or add it where the event has none of that name [6.3]. Either may be repeated."""
        try:
            answer, grant = await self._exchange(account, "PUT", step.path, step.body, urgent)
            if answer.status in (400, 404, 405, 409, 422):
                body = b'{"tag":%b,%b' % (msgspec.json.encode(step.subject), step.body[1:])
                path = f"{EVENTS}{step.remote_id}/meta/"
                answer, grant = await self._exchange(account, "POST", path, body, urgent)
        except SendingError as error:
            return failure(error, raising=False)
        if 200 <= answer.status < 300:
            return Delivered(step.remote_id)
        return refusal(answer, grant, raising=False)

"""VXG's own record, as ``bridge.vms.recorded`` wants it: which part does what, and whose connections it uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime

import msgspec

from bridge.model import Action, CameraId, Delivery, SensorEvent, VmsId
from bridge.secret import Secrets
from bridge.vms.http import Sender
from bridge.vms.http.settings import proxy_of
from bridge.vms.http.tls import Trust
from bridge.vms.recorded import CannotTell, Held, Query, Recorded
from bridge.vms.vxg.account import Account, Unusable
from bridge.vms.vxg.clips import Clips
from bridge.vms.vxg.exchange import Exchange
from bridge.vms.vxg.held import Holdings
from bridge.vms.vxg.links import Links
from bridge.vms.vxg.reading import Reading
from bridge.vms.vxg.recorded import Events, as_recorded
from bridge.vms.vxg.settings import VxgSettings
from bridge.vms.vxg.steps import Kind, Steps

CONNECTIONS = 2
LARGEST_ANSWER = 16 * 2**20
"""Bytes of a page of events with all their tags, at most."""


class _Raised(msgspec.Struct):
    meta: dict[str, str]


class _Tag(msgspec.Struct):
    data: str


_raised = msgspec.json.Decoder(_Raised).decode
_tag = msgspec.json.Decoder(_Tag).decode


class VxgRecord:
    """Has connections of its own: nothing that is looked up here takes one from an event."""

    def __init__(
        self, vms: VmsId, settings: VxgSettings, accounts: Mapping[CameraId, Account], steps: Steps, secrets: Secrets
    ) -> None:
        self._vms = vms
        self._accounts = accounts
        self._steps = steps
        tls = settings.tls
        self._own = _sender(settings, Trust(tls.ca_file, tls.fingerprint, tls.verify), secrets)
        self._others = _sender(settings, Trust(tls.ca_file, "", tls.verify), secrets)
        reading = Reading(Exchange(self._own, settings.timeout))
        self._events = Events(settings, reading)
        self._holdings = Holdings(reading, settings.time_digits)
        self._clips = Clips(reading, self._holdings, settings.time_digits)
        self._links = Links(self._own, self._others, settings.timeout)

    async def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        left = query.most
        for camera in query.cameras:
            async with aclosing(self._events.search(self._account(camera), query)) as found:  # type: ignore[type-var]
                async for event in found:
                    if left <= 0:
                        return
                    left -= 1
                    yield event

    async def recorded_as(self, camera: CameraId, remote_id: str) -> Recorded | None:
        found = await self._events.one(self._account(camera), remote_id)
        return None if found is None else as_recorded(found, camera)

    async def held(self, event: Recorded, before: float, after: float) -> Sequence[Held]:
        return await self._holdings.of(self._account(event.camera), event, before, after)

    async def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        if not held.reference:
            raise CannotTell(held.without or "VXG gives no link to it")
        try:
            vms = self._account(camera).place()[0]
        except Unusable as error:
            raise CannotTell(str(error)) from None
        async with aclosing(self._links.fetch(vms, held.reference)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                yield piece

    def told(self, camera: CameraId, revisions: Sequence[SensorEvent]) -> dict[str, str]:
        """Read out of the very requests that are made of them."""
        self._account(camera)
        first = Delivery(event=revisions[0], camera=camera, vms=self._vms)
        tags = dict(_raised(self._steps.of(first)[-1].body).meta)
        for event in revisions[1:]:
            amended = Delivery(event=event, camera=camera, vms=self._vms, action=Action.AMEND, remote_id="0")
            tags |= {step.subject: _tag(step.body).data for step in self._steps.of(amended) if step.kind is Kind.TAG}
        return tags

    async def clip(self, camera: CameraId, since: datetime, until: datetime, title: str, at: datetime) -> str:
        return await self._clips.make(self._account(camera), since, until, title, at)

    async def close(self) -> None:
        await self._own.close()
        await self._others.close()

    def _account(self, camera: CameraId) -> Account:
        account = self._accounts.get(camera)
        if account is None:
            raise CannotTell(f"camera {camera} is not of this VMS")
        return account


def _sender(settings: VxgSettings, trust: Trust, secrets: Secrets) -> Sender:
    return Sender(
        connections=CONNECTIONS,
        reserved=0,
        keep_alive=settings.keep_alive,
        trust=trust,
        proxy=proxy_of(settings.proxy, secrets),
        largest_answer=LARGEST_ANSWER,
    )

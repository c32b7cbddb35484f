"""A service for one selftest, where none is running: no ways in, a journal of its own that is gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec

from bridge.config.site import Site
from bridge.journal.contract import DeliveryRecord, EventRecord, JournalError, Query
from bridge.model import CameraId, DeliveryState, EventId, MessageId, ReceiptKind, Scalar, SensorEvent, SensorId
from bridge.proving.firing import NotRaised, Settled
from bridge.secret import Secrets
from bridge.service import Service

_ENDED = (DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.EXPIRED)


def bare(site: Site) -> Site:
    """As much of the site as a test event needs. It takes nothing from devices and tells nobody but the VMS: what is
    not named here is off."""
    return Site(
        id=site.id,
        name=site.name,
        timezone=site.timezone,
        digest=site.digest,
        vms=site.vms,
        cameras=site.cameras,
        connectors={},
        sensors={id: msgspec.structs.replace(each, supervise=None) for id, each in site.sensors.items()},
        profiles=site.profiles,
        journal=site.journal,
    )


class OwnRaiser:
    """Raises and follows test events in a service of this process."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def fire(self, sensor: SensorId, fields: Mapping[str, Scalar]) -> MessageId:
        receipt = await self._service.fire(sensor, None, fields, None)
        if receipt.kind is not ReceiptKind.ACCEPTED or receipt.message is None:
            withheld = receipt.kind is ReceiptKind.FILTERED
            raise NotRaised(f"{receipt.kind.value}: {receipt.why}" if receipt.why else receipt.kind.value, withheld)
        return receipt.message

    async def event(self, sensor: SensorId, message: MessageId) -> SensorEvent:
        async for record in self._service.journal.read(
            Query(what="events", sensor=sensor, newest_first=True, limit=50)
        ):
            if isinstance(record, EventRecord) and record.event.message == message:
                return record.event
        raise NotRaised("it was kept, and no event was made of it", withheld=True)

    async def settled(self, event: EventId) -> Mapping[CameraId, Settled]:
        found = self._service.journal.read(Query(what="deliveries", event=event, states=_ENDED))
        return {
            each.camera: Settled(each.state.value, each.remote_id, each.why)
            async for each in found
            if isinstance(each, DeliveryRecord)
        }


@contextlib.asynccontextmanager
async def alone(site: Site, secrets: Secrets) -> AsyncIterator[OwnRaiser]:
    """Raises NotRaised when no journal can be made."""
    with tempfile.TemporaryDirectory(prefix="vms-bridge-selftest-") as folder:
        try:
            service = await Service.start(bare(site), secrets, journal_path=Path(folder) / "journal")
        except (JournalError, OSError) as error:
            raise NotRaised(f"no journal could be made for the test: {error}") from error
        running = asyncio.create_task(service.run(), name="service of the selftest")
        try:
            yield OwnRaiser(service)
        finally:
            await service.stop(5.0)
            await running

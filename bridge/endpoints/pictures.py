"""Whether an endpoint tells of a picture: its token opens the pictures of its own events and no others."""

from __future__ import annotations

from bridge.endpoints.filter import Filter
from bridge.journal.contract import DeliveryRecord, EventRecord, Fed, Journal, Query
from bridge.model import CameraId, EventId, Media, MediaId


async def picture_of(journal: Journal, wanted: Filter, event: EventId, media: MediaId) -> Media | None:
    """The picture, when some revision of the event that passes the filter has it. Raises JournalError."""
    cameras: dict[CameraId, None] = {}
    if wanted.cameras:
        async for delivery in journal.read(Query(what="deliveries", event=event, limit=1000)):
            if isinstance(delivery, DeliveryRecord):
                cameras[delivery.camera] = None
    async for record in journal.read(Query(what="events", event=event, limit=1000)):
        if not isinstance(record, EventRecord) or record.event.withheld:
            continue
        found = next((each for each in record.event.media if each.id == media), None)
        if found is not None and wanted.passes(Fed(position="", event=record.event, cameras=tuple(cameras))):
            return found
    return None

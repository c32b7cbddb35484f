"""Calls that read: what a service says of itself and what its journal holds. They change nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from bridge.control import records, search
from bridge.control.answer import Answer, Asked, Call, Json, Lines, Refused, Whole
from bridge.control.one_event import NoSuchEvent, one_event
from bridge.control.served import Served
from bridge.explanation import NotFound, explain
from bridge.metrics.exposition import CONTENT_TYPE
from bridge.metrics.health import Health
from bridge.model import MediaId

Record = TypeVar("Record")


class Reading:
    def __init__(self, served: Served) -> None:
        self._served = served
        self.calls: dict[str, Call] = {
            "/status": self._status,
            "/events": self._events,
            "/event": self._event,
            "/media": self._media,
            "/deliveries": self._deliveries,
            "/quarantine": self._quarantine,
            "/explain": self._explain,
            "/metrics": self._metrics,
            "/health/live": self._live,
            "/health/ready": self._ready,
        }
        """With GET."""

    async def _status(self, asked: Asked) -> Answer:
        return Json(await self._served.status())

    async def _events(self, asked: Asked) -> Answer:
        for bound in ("since", "until"):
            if bound in asked.parameters:
                asked.parameters[bound] = search.moment(asked.parameters[bound], datetime.now(UTC)).isoformat()
        wanted = msgspec.convert(asked.parameters, search.Events, strict=False)
        return _lines(search.events(self._served.journal, wanted), records.of_event)

    async def _event(self, asked: Asked) -> Answer:
        try:
            return Json(await one_event(self._served.journal, asked.parameters.get("id", "")))
        except NoSuchEvent as wrong:
            raise Refused(str(wrong), 404) from wrong

    async def _media(self, asked: Asked) -> Answer:
        media = MediaId(asked.parameters.get("id", ""))
        return Whole(await self._served.journal.media(media), "application/octet-stream")

    async def _deliveries(self, asked: Asked) -> Answer:
        wanted = msgspec.convert(asked.parameters, search.Deliveries, strict=False)
        return _lines(search.deliveries(self._served.journal, wanted), records.of_delivery)

    async def _quarantine(self, asked: Asked) -> Answer:
        wanted = msgspec.convert(asked.parameters, search.Quarantine, strict=False)
        return _lines(search.quarantine(self._served.journal, wanted), records.of_quarantined)

    async def _explain(self, asked: Asked) -> Answer:
        try:
            return Json(await explain(self._served.journal, self._served.site, asked.parameters.get("id", "")))
        except NotFound as wrong:
            raise Refused(str(wrong), 404) from wrong

    async def _metrics(self, asked: Asked) -> Answer:
        return Whole(await self._served.metrics(), CONTENT_TYPE)

    async def _live(self, asked: Asked) -> Answer:
        return _of(self._served.live())

    async def _ready(self, asked: Asked) -> Answer:
        return _of(self._served.ready())


def _lines(found: AsyncIterator[Record], told: Callable[[Record], Mapping[str, object]]) -> Answer:
    async def lines() -> AsyncIterator[bytes]:
        async for each in found:
            yield records.line(told(each))

    return Lines(lines())


def _of(health: Health) -> Answer:
    return Json(health, 200 if health.ok else 503)

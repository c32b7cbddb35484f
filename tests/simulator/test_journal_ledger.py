"""The journal's half of the ledger goes red under the right name, too."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest

from bridge.journal.contract import DeliveryRecord, EventRecord, Journal, MessageRecord, Query, Record
from bridge.model import (
    Action,
    CameraId,
    ConnectorId,
    DeliveryState,
    EventId,
    Fate,
    Instant,
    MediaId,
    Message,
    MessageId,
    Origin,
    SensorEvent,
    SensorId,
    SiteId,
    Urgency,
    Verdict,
    VmsId,
)
from bridge.simulator import journal_ledger
from bridge.simulator.issued import Issued, Log
from bridge.simulator.journal_ledger import journal_properties
from bridge.simulator.ledger import Arrival
from bridge.simulator.picture import picture

NOW = datetime(2026, 2, 3, 10, 15, 30, tzinfo=UTC)


class Books:
    """A journal that was read before: the records of one vehicle raised on one camera."""

    def __init__(self) -> None:
        event = SensorEvent(
            id=EventId("e1"), site=SiteId("s"), sensor=SensorId("gate"), sensor_name="", kind="lpr",
            message=MessageId("m1"), type="vehicle.identified", title="", occurred_at=NOW, arrived_at=NOW,
            fields={"serial": "S", "vehicle": "7"},
        )  # fmt: skip
        message = Message(connector=ConnectorId("lpr"), origin=Origin("::1"), body=b"", arrived=Instant(NOW, 0.0))
        self.events = [EventRecord(event=event)]
        self.deliveries = [
            DeliveryRecord(
                event=EventId("e1"), revision=0, title="", sensor=SensorId("gate"), camera=CameraId("in"),
                vms=VmsId("v"), action=Action.RAISE, urgency=Urgency.NOTICE, state=DeliveryState.DELIVERED, attempts=1,
                remote_id="900001", why="", begun_at=NOW, settled_at=NOW,
            )
        ]  # fmt: skip
        self.messages = [
            MessageRecord(
                id=MessageId("m1"), message=message, verdicts=(Verdict(0, Fate.RAISED),), media=(MediaId("p"),)
            )
        ]
        self.pictures = {"p": picture(1)}
        self.log = Log()
        self.log.add(
            Issued(
                sensor="gate", serial="S", car=7, state="reliable", capture_timestamp=1, plate="X", number=0,
                acknowledged=True, picture=hashlib.sha256(picture(1)).hexdigest(),
            )
        )  # fmt: skip
        self.arrivals = [Arrival(camera="in", event="e1", order=0, values={})]

    async def read(self, query: Query) -> AsyncIterator[Record]:
        for record in {"events": self.events, "deliveries": self.deliveries, "messages": self.messages}[query.what]:
            yield cast(Record, record)

    async def media(self, media: MediaId) -> bytes:
        return self.pictures[media]

    async def broken(self) -> list[str]:
        found = await journal_properties(self.log, cast(Journal, self), self.arrivals)
        assert all(each.checked for each in found if each.holds)
        return [each.name for each in found if not each.holds]


async def test_all_is_well() -> None:
    assert await Books().broken() == []


async def test_an_acknowledged_vehicle_without_an_event_is_missed() -> None:
    books = Books()
    books.log.issued[0].car = 8
    assert await books.broken() == [journal_ledger.KEPT]


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.DEAD, DeliveryState.EXPIRED])
async def test_a_delivery_that_did_not_end_well_is_named(state: DeliveryState) -> None:
    books = Books()
    books.deliveries[0] = msgspec.structs.replace(books.deliveries[0], state=state)
    assert await books.broken() == [journal_ledger.ENDED, journal_ledger.SAME]


async def test_a_delivery_the_vms_does_not_have_is_named() -> None:
    books = Books()
    books.arrivals[0] = msgspec.structs.replace(books.arrivals[0], event="e2")
    assert await books.broken() == [journal_ledger.SAME]


async def test_another_picture_is_not_the_picture() -> None:
    books = Books()
    books.pictures["p"] = picture(2)
    assert await books.broken() == [journal_ledger.PICTURE]


async def test_an_item_without_a_fate_with_two_or_in_quarantine_is_named() -> None:
    for verdicts in ((), (Verdict(0, Fate.RAISED), Verdict(0, Fate.DUPLICATE)), (Verdict(0, Fate.QUARANTINED),)):
        books = Books()
        books.messages[0] = msgspec.structs.replace(books.messages[0], verdicts=verdicts)
        assert await books.broken() == [journal_ledger.FATE]

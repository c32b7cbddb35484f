"""The ledger: every item has one fate, every event its deliveries. Read from a journal's own records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import msgspec

from bridge.decide import collapse
from bridge.decide.remembered import CONDITION, DEBOUNCE, unpack_open, unpack_waiting
from bridge.journal.contract import DeliveryRecord, EventRecord, Journal, MessageRecord, Query
from bridge.model import EventId, Fate, MessageId, SensorEvent, SensorId

EVERYTHING = 10_000_000


class Books(msgspec.Struct):
    """All records of a journal, as the ledger reads them."""

    messages: dict[MessageId, MessageRecord]
    events: dict[tuple[EventId, int], SensorEvent]
    deliveries: list[DeliveryRecord]
    held: set[EventId]
    open: set[EventId]
    """The open events of conditions; ``held`` are those that wait, for a better message or until they have lasted."""

    def fates(self) -> Counter[Fate]:
        return Counter(verdict.fate for record in self.messages.values() for verdict in record.verdicts)


async def books_of(journal: Journal, sensors: Collection[SensorId]) -> Books:
    messages: dict[MessageId, MessageRecord] = {}
    async for record in journal.read(Query(what="messages", limit=EVERYTHING)):
        assert isinstance(record, MessageRecord)
        messages[record.id] = record
    undecided = await journal.undecided(None)
    while undecided is not None:
        messages[undecided.record.id] = undecided.record
        undecided = await journal.undecided(undecided.record.id)
    events: dict[tuple[EventId, int], SensorEvent] = {}
    async for record in journal.read(Query(what="events", limit=EVERYTHING)):
        assert isinstance(record, EventRecord)
        key = (record.event.id, record.event.revision)
        assert key not in events, f"event {key} is in the journal twice"
        events[key] = record.event
    deliveries: list[DeliveryRecord] = []
    async for record in journal.read(Query(what="deliveries", limit=EVERYTHING)):
        assert isinstance(record, DeliveryRecord)
        deliveries.append(record)
    held, opened = set(), set()
    for row in (await journal.state(list(sensors))).values():
        if row.key.kind == collapse.KIND:
            thing = collapse.unpack(row.value)
            if thing.held is not None:
                held.add(thing.event)
        elif row.key.kind == DEBOUNCE:
            held.add(unpack_waiting(row.value).event.id)
        elif row.key.kind == CONDITION:
            opened.add(unpack_open(row.value).event)
    return Books(messages, events, deliveries, held, opened)


def problems(books: Books, acknowledged: Collection[MessageId], cameras: Collection[str]) -> list[str]:
    """What does not close, in words; empty when the ledger closes.

    ``acknowledged``: messages whose senders were told they are kept. ``cameras``: those of the (one) sensor.
    """
    found: list[str] = []
    for message in acknowledged:
        if message not in books.messages:
            found.append(f"message {message} was acknowledged and is not there")
    for record in books.messages.values():
        if len({verdict.index for verdict in record.verdicts}) != len(record.verdicts) or not record.verdicts:
            found.append(f"message {record.id} has not exactly one fate for each item: {record.verdicts}")
        for verdict in record.verdicts:
            if verdict.fate in (Fate.RAISED, Fate.AMENDED) and not _exists(books, verdict.event):
                found.append(f"message {record.id} raised or amended {verdict.event}, which is not there")
            if verdict.fate is Fate.COLLAPSED and not _exists(books, verdict.event) and verdict.event not in books.held:
                found.append(f"message {record.id} was collapsed into {verdict.event}, which is not there")
    raised = Counter(
        verdict.event
        for record in books.messages.values()
        for verdict in record.verdicts
        if verdict.fate is Fate.RAISED
    )
    found += [f"event {event} was raised {times} times" for event, times in raised.items() if times > 1]
    closed = Counter(event.closes for event in books.events.values() if event.closes is not None)
    found += [f"event {event} was closed {times} times" for event, times in closed.items() if times > 1]
    found += [f"event {event} was closed and is not there" for event in closed if not _shown(books, event)]
    found += [f"event {event} is open and was closed" for event in books.open if event in closed]
    found += [f"event {event} is open and was never shown" for event in books.open if not _shown(books, event)]
    expected = Counter(
        (event.id, event.revision, camera)
        for event in books.events.values()
        if not event.withheld
        for camera in cameras
    )
    actual = Counter((each.event, each.revision, each.camera) for each in books.deliveries)
    found += [f"delivery {delivery} is missing" for delivery in (expected - actual)]
    found += [f"delivery {delivery} is one too many" for delivery in (actual - expected)]
    return found


def _shown(books: Books, event: EventId) -> bool:
    return _exists(books, event) and not books.events[event, 0].withheld


def _exists(books: Books, event: EventId | None) -> bool:
    return event is not None and (event, 0) in books.events

"""From an id, or the beginning of one, to everything the journal has about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from bridge.config.site import Site
from bridge.explanation.items import message_told
from bridge.explanation.told import DeliveryTold, EventTold, Explanation, MessageTold, PartTold
from bridge.journal.contract import DeliveryRecord, EventRecord, MessageRecord, QuarantineRecord, Query, Record
from bridge.model import EventId, Fate, MessageId, SensorEvent, SensorId

R = TypeVar("R", MessageRecord, EventRecord, DeliveryRecord, QuarantineRecord)

PARTS = 100
"""Items told that went into one event."""
LATER = timedelta(hours=2)
"""How long after the last revision items are looked for that changed nothing more."""
_OPEN_END = 50


class Readable(Protocol):
    """As much of a journal as is needed here."""

    def read(self, query: Query) -> AsyncIterator[Record]: ...


class NotFound(LookupError):
    """Nothing in the journal has this id, or several things begin so; the text says which."""


async def explain(journal: Readable, site: Site | None, text: str) -> Explanation:
    """Everything about the message or event whose id is, or alone begins with, ``text``. Raises NotFound."""
    text = text.strip()
    if not text:
        raise NotFound("say which message or event: its id, or the beginning of it")
    event = await _one_event(journal, text)
    if event is not None:
        return await _of_event(journal, site, event)
    message = await _one_message(journal, text)
    if message is not None:
        return await _of_message(journal, site, message)
    held = await _held(journal, text)
    if held is not None:
        return await _of_event(journal, site, held)
    raise NotFound(f"nothing in the journal has the id {text}: it is another, or older than the journal's retention")


async def _all(journal: Readable, kind: type[R], query: Query) -> list[R]:
    return [record async for record in journal.read(query) if isinstance(record, kind)]


async def _one_event(journal: Readable, text: str) -> EventId | None:
    """The event meant; one whose id is the text, or (with the dot that events' ids have) alone begins with it."""
    if await _all(journal, EventRecord, Query(what="events", event=EventId(text), limit=1)):
        return EventId(text)
    if "." not in text:
        return None
    found = await _all(journal, EventRecord, Query(what="events", prefix=text, limit=_OPEN_END))
    ids = list(dict.fromkeys(record.event.id for record in found))
    if len(ids) > 1:
        raise NotFound(f"several events begin with {text}: {_few(ids)}; write more of it")
    return ids[0] if ids else None


async def _one_message(journal: Readable, text: str) -> MessageRecord | None:
    found = await _all(journal, MessageRecord, Query(what="messages", message=MessageId(text), limit=1))
    if not found:
        found = await _all(journal, MessageRecord, Query(what="messages", prefix=text, limit=_OPEN_END))
    if len(found) > 1:
        raise NotFound(f"several messages begin with {text}: {_few([each.id for each in found])}; write more of it")
    return found[0] if found else None


async def _held(journal: Readable, text: str) -> EventId | None:
    """An event that is still held: no more of it exists than the items that were collapsed into it."""
    for record in await _all(journal, MessageRecord, Query(what="messages", message=_message_of(text), limit=1)):
        if any(verdict.event == text for verdict in record.verdicts):
            return EventId(text)
    return None


async def _of_message(journal: Readable, site: Site | None, record: MessageRecord) -> Explanation:
    ids = list(dict.fromkeys(verdict.event for verdict in record.verdicts if verdict.event is not None))
    events = [await _event_told(journal, id) for id in ids[:PARTS]]
    told = await _message(journal, site, record, None)
    return _explanation("message", record.id, site, [told], events)


async def _of_event(journal: Readable, site: Site | None, id: EventId) -> Explanation:
    event = await _event_told(journal, id)
    message, _, index = id.rpartition(".")
    first = await _all(journal, MessageRecord, Query(what="messages", message=MessageId(message), limit=1))
    only = int(index) if index.isdigit() else None
    told = [await _message(journal, site, record, only) for record in first]
    explanation = _explanation("event", id, site, told, [event])
    if not first:
        explanation.notes.append("no message is on record for it: a timer made it, or its message is older than kept")
    return explanation


async def _message(journal: Readable, site: Site | None, record: MessageRecord, only: int | None) -> MessageTold:
    held = await _all(journal, QuarantineRecord, Query(what="quarantine", message=record.id))
    raised: dict[str, SensorEvent] = {}
    for id in {verdict.event for verdict in record.verdicts if verdict.event is not None}:
        for found in await _all(journal, EventRecord, Query(what="events", event=id, limit=1)):
            raised[id] = found.event
    # In a thread: a site of ten thousand sensors is compared one by one, and nobody may wait for that.
    return await asyncio.to_thread(message_told, record, site, held, raised, only)


async def _event_told(journal: Readable, id: EventId) -> EventTold:
    records = await _all(journal, EventRecord, Query(what="events", event=id))
    deliveries = await _all(journal, DeliveryRecord, Query(what="deliveries", event=id))
    events = sorted((record.event for record in records), key=lambda event: event.revision)
    until = (events[-1].arrived_at if events else datetime.now(UTC)) + LATER
    about = await _all(journal, MessageRecord, Query(what="messages", event=id, until=until, limit=PARTS + 1))
    parts = [
        PartTold(message=record.id, index=verdict.index, fate=verdict.fate.value, arrived=record.message.arrived.utc)
        for record in about[:PARTS]
        for verdict in record.verdicts
        if verdict.event == id
    ]
    told = EventTold(
        id=id, sensor=_sensor(events, about, id), parts=parts, parts_left_out=len(about) > PARTS,
        deliveries=[_delivery_told(each) for each in deliveries],
    )  # fmt: skip
    if not events:
        told.held = any(part.fate == Fate.COLLAPSED.value for part in parts)
        return told
    first, last = events[0], events[-1]
    told.type, told.title, told.state, told.condition = last.type, last.title, last.state.value, last.condition
    told.urgency, told.closes, told.test = last.urgency.name.lower(), first.closes, first.test
    told.occurred_at, told.clock, told.withheld = first.occurred_at, first.clock.value, first.withheld
    told.revisions, told.changes = len(events), [list(event.changes) for event in events[1:]]
    told.marks = list(dict.fromkeys(mark for event in events for mark in event.marks))
    return told


def _sensor(events: list[SensorEvent], about: list[MessageRecord], id: EventId) -> SensorId:
    if events:
        return events[0].sensor
    named = (each.sensor for record in about for each in record.verdicts if each.event == id and each.sensor)
    return next(named, SensorId(""))


def _delivery_told(record: DeliveryRecord) -> DeliveryTold:
    return DeliveryTold(
        revision=record.revision, action=record.action, camera=record.camera, vms=record.vms, state=record.state.value,
        attempts=record.attempts, why=record.why, remote_id=record.remote_id, settled_at=record.settled_at,
        possible_duplicate=record.possible_duplicate,
    )  # fmt: skip


def _explanation(
    about: str, id: str, site: Site | None, messages: list[MessageTold], events: list[EventTold]
) -> Explanation:
    notes = []
    if site is None:
        notes.append("the site is not known here: only what is on record is told; name the site with --site for more")
    for message in messages:
        for item in message.items:
            if item.read_again and item.sensor is not None and item.sensor_now != item.sensor:
                now = item.sensor_now or "nobody"
                notes.append(f"item {item.index} went to {item.sensor}; by the site as it is now it is {now}'s")
            elif item.in_quarantine and item.sensor_now is not None and not item.problem:
                notes.append(f"item {item.index} is {item.sensor_now}'s by now: vms-bridge quarantine replay")
    return Explanation(about=about, id=id, site_known=site is not None, messages=messages, events=events, notes=notes)


def _message_of(event: str) -> MessageId:
    """Events are called after the message and the item that made them."""
    return MessageId(event.rpartition(".")[0])


def _few(ids: list[MessageId] | list[EventId]) -> str:
    return ", ".join(ids[:5]) + (" …" if len(ids) > 5 else "")

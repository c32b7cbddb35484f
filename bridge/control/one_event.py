"""One event with everything the journal has of it: every revision, each delivery with the VMS's id, each clip."""

from __future__ import annotations

from typing import Protocol

from bridge.control import records
from bridge.control.records import Object
from bridge.control.search import Readable
from bridge.journal.clips import ReadableClips
from bridge.journal.contract import DeliveryRecord, EventRecord, Query
from bridge.model import EventId, SensorEvent

_SOME = 50
_MOST = 1000


class ReadableWhole(Readable, Protocol):
    """A journal with its clips."""

    @property
    def clips(self) -> ReadableClips: ...


class NoSuchEvent(LookupError):
    """Nothing in the journal has this id, or several events begin so; the text says which."""


async def one_event(journal: ReadableWhole, text: str) -> Object:
    """``event`` as it is now, ``revisions`` oldest first, ``deliveries``, ``clips``. ``text``: its id, or what it alone
    begins with. Raises NoSuchEvent, JournalError."""
    event = await _meant(journal, text.strip())
    query = Query(what="events", event=event, limit=_MOST)
    revisions = [each.event async for each in journal.read(query) if isinstance(each, EventRecord)]
    query = Query(what="deliveries", event=event, limit=_MOST)
    deliveries = [each async for each in journal.read(query) if isinstance(each, DeliveryRecord)]
    told = [records.of_event(each) for each in sorted(revisions, key=_revision)]
    return {
        "event": told[-1],
        "revisions": told,
        "deliveries": [records.of_delivery(each) for each in deliveries],
        "clips": list(await journal.clips.of(event)),
    }


async def _meant(journal: Readable, text: str) -> EventId:
    if not text:
        raise NoSuchEvent("say which event: its id, or the beginning of it")
    query = Query(what="events", event=EventId(text), limit=1)
    async for _ in journal.read(query):
        return EventId(text)
    query = Query(what="events", prefix=text, limit=_SOME)
    found = [each.event.id async for each in journal.read(query) if isinstance(each, EventRecord)]
    names = list(dict.fromkeys(found))
    if len(names) > 1:
        few = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        raise NoSuchEvent(f"several events begin with {text}: {few}; write more of it")
    if not names:
        raise NoSuchEvent(f"no event in the journal has the id {text}: it is another, or older than its retention")
    return names[0]


def _revision(event: SensorEvent) -> int:
    return event.revision

"""What nobody listened for is decided once somebody does: at start, after a reload, and when people ask for it.

Messages come in the order they arrived in, each item once: it leaves the quarantine in the transaction that keeps what
follows from it. Its event says that it was replayed, and stands in time where it would have stood then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Protocol

import msgspec

from bridge.clock import Clock
from bridge.decide.draft import placed
from bridge.journal.contract import Fenced, Journal, JournalError, MessageRecord, QuarantineRecord, Query
from bridge.model import Draft, Item, MessageId
from bridge.routing import Routed, RoutedItem

log = logging.getLogger("bridge.adoption")

MARK = "replayed from quarantine"
AT_ONCE = 32
"""Messages decided and committed together: enough for few syncs, few enough that new messages do not wait."""
AGAIN = 30.0
"""Seconds until it is tried again when the journal could not keep what followed."""
_ALL = 2**62


class Counts(msgspec.Struct):
    """Items. ``left``: they stay in quarantine, as this site does not know them either."""

    replayed: int = 0
    left: int = 0


class Adopting(Protocol):
    """As much of the intake as is needed here."""

    async def adopt(self, record: MessageRecord, indexes: Collection[int], in_part: bool) -> int: ...

    def is_decided_in_part(self, message: MessageId) -> bool: ...


def adoptable(
    routed: Routed, indexes: Collection[int], arrived: datetime, decided: Collection[int] | None = None
) -> Routed:
    """Of these items those that have a sensor and can be read now, as drafts that say when and how they came.

    ``decided``: the items that have a verdict. A message that was quarantined as a whole has one for its first item
    alone: the others are adopted with it, and those that nobody knows go into quarantine, each for itself.
    """
    chosen = []
    for each in routed.items:
        untold = decided is not None and each.item.index not in decided
        if is_known(each) and (untold or each.item.index in indexes):
            chosen.append(_again(each, arrived))
        elif untold:
            chosen.append(each)
    return Routed(routed.message, tuple(chosen))


def is_known(item: RoutedItem) -> bool:
    """Whether somebody listens for it, and it could be read."""
    return item.sensor is not None and isinstance(item.draft, Draft) and isinstance(item.item, Item)


def _again(item: RoutedItem, arrived: datetime) -> RoutedItem:
    draft = item.draft
    assert isinstance(draft, Draft)
    occurred, _, _ = placed(draft.occurred_at, arrived)
    draft = msgspec.structs.replace(draft, occurred_at=occurred, marks=(*draft.marks, MARK))
    return msgspec.structs.replace(item, draft=draft)


class Adoption:
    """Owned by the service; ``run`` is its task."""

    def __init__(self, journal: Journal, intake: Adopting, clock: Clock) -> None:
        self._journal = journal
        self._intake = intake
        self._clock = clock
        self._look = asyncio.Event()
        self._look.set()
        self._one_at_a_time = asyncio.Lock()

    def look(self) -> None:
        """The site is another one: see what it knows of the quarantine."""
        self._look.set()

    async def run(self) -> None:
        """Replay what was unknown and is not any more, until cancelled."""
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                counts = await self.replay(self._journal.read(Query(what="quarantine", unknown=True, limit=_ALL)))
            except Fenced:
                return  # another process has the journal, and with it this task
            except JournalError as error:
                log.warning("what was in quarantine could not be replayed, it stays there: %s", error)
                await self._clock.sleep(AGAIN)
                self._look.set()
                continue
            if counts.replayed:
                log.info("%d items from quarantine were replayed; %d stay, nobody knows them", *_said(counts))

    async def replay(self, chosen: AsyncIterator[object]) -> Counts:
        """Decide what the site knows of these quarantined items, in their order. Raises JournalError."""
        counts = Counts()
        async with self._one_at_a_time:
            waiting: dict[MessageId, set[int]] = {}
            async for record in chosen:
                if not isinstance(record, QuarantineRecord):
                    continue
                if record.message not in waiting and len(waiting) == AT_ONCE:
                    await self._decide(waiting, counts)
                    waiting = {}
                waiting.setdefault(record.message, set()).add(record.index)
            await self._decide(waiting, counts)
        return counts

    async def _decide(self, waiting: Mapping[MessageId, set[int]], counts: Counts) -> None:
        """One task for each message, made in their order: the intake decides in that order and commits together."""
        adopting: list[asyncio.Task[int]] = []
        in_part = {id for id in waiting if self._intake.is_decided_in_part(id)}  # before the records say less
        records = [await self._message(id) for id in waiting]
        try:
            async with asyncio.TaskGroup() as group:
                for record in records:
                    if record is not None:
                        indexes, partly = waiting[record.id], record.id in in_part
                        adopting.append(group.create_task(self._intake.adopt(record, indexes, partly)))
        except BaseExceptionGroup as group:
            failed = next((each for each in group.exceptions if isinstance(each, JournalError)), None)
            if failed is None:
                raise
            raise failed from group
        replayed = sum(task.result() for task in adopting)
        counts.replayed += replayed
        counts.left += max(sum(map(len, waiting.values())) - replayed, 0)

    async def _message(self, id: MessageId) -> MessageRecord | None:
        async with aclosing(self._journal.read(Query(what="messages", message=id, limit=1))) as found:  # type: ignore[type-var]
            async for record in found:
                if isinstance(record, MessageRecord):
                    return record
        return None


def _said(counts: Counts) -> tuple[int, int]:
    return counts.replayed, counts.left

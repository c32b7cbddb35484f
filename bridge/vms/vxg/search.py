"""Looking for an event of ours [6.2]: the search knows names of tags only, so the tag's value is compared here."""

from __future__ import annotations

from datetime import UTC, timedelta

import msgspec

from bridge.model import Absent, Action, Delivery, Found, Search, Unanswered
from bridge.vms.http import Answer, SendingError
from bridge.vms.vxg.account import Account, Grant, Unusable
from bridge.vms.vxg.answers import why
from bridge.vms.vxg.exchange import Exchange
from bridge.vms.vxg.meta import naive
from bridge.vms.vxg.steps import EVENTS

AROUND = timedelta(seconds=2)
"""How far from its time an event is looked for: the VMS may keep fewer digits, and its bounds may be exclusive."""
PAGE = 200
_MOST_PAGES = 100


class _Event(msgspec.Struct):
    id: int | str
    meta: object = None
    """Its tags; not ours to be sure of where somebody else raised the event."""


class _Meta(msgspec.Struct):
    total_count: int | None = None


class _List(msgspec.Struct):
    objects: list[_Event]
    meta: _Meta | None = None


_list = msgspec.json.Decoder(_List).decode
_one = msgspec.json.Decoder(_Event).decode


class Finder:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def find(self, delivery: Delivery, account: Account, name: str) -> Search:
        """The event with this delivery's id, or for an amendment the event that has its revision. Never raises."""
        try:
            if delivery.action is Action.AMEND and delivery.remote_id:
                return await self._amended(delivery, account, delivery.remote_id)
            return await self._raised(delivery, account, name)
        except SendingError as error:
            return Unanswered(error.why)
        except Unusable as error:
            return Unanswered(str(error))

    async def _raised(self, delivery: Delivery, account: Account, name: str) -> Search:
        event = delivery.event
        try:
            at = event.occurred_at.astimezone(UTC)  # in a zone of its own, an hour is added where its clock is changed
            start, end = naive(at - AROUND, 3), naive(at + AROUND, 3)
        except OverflowError:
            return Unanswered("the event's time is at the end of the calendar")
        query = f"camid={account.id}&events={name}&start={start}&end={end}&include_meta=true&order_by=time&limit={PAGE}"
        urgent = event.urgency == 0
        seen = 0
        for _ in range(_MOST_PAGES):
            answer, grant = await self._exchange(account, "GET", f"{EVENTS}?{query}&offset={seen}", urgent=urgent)
            if not 200 <= answer.status < 300:
                return _unanswered(answer, grant)
            try:
                page = _list(answer.body)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return Unanswered(f"{grant.origin} answers the search with something that is no list of events")
            for each in page.objects:
                if isinstance(each.meta, dict) and each.meta.get("bridge_event") == event.id:
                    return Found(str(each.id))
            seen += len(page.objects)
            total = page.meta.total_count if page.meta is not None else None
            if not page.objects or (total is not None and seen >= total):
                return Absent()
        return Unanswered(f"more than {seen} events {name} within {2 * AROUND.seconds} s: not all could be looked at")

    async def _amended(self, delivery: Delivery, account: Account, remote_id: str) -> Search:
        """The revision is written last: where it stands, all of the amendment was written."""
        path = f"{EVENTS}{remote_id}/?include_meta=true"
        answer, grant = await self._exchange(account, "GET", path, urgent=delivery.event.urgency == 0)
        if answer.status == 404:
            return Absent()
        if not 200 <= answer.status < 300:
            return _unanswered(answer, grant)
        try:
            meta = _one(answer.body).meta
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Unanswered(f"{grant.origin} answers with something that is no event")
        revision = meta.get("bridge_revision") if isinstance(meta, dict) else None
        there = isinstance(revision, str) and revision.isdecimal() and int(revision) >= delivery.event.revision
        return Found(remote_id) if there else Absent()


def _unanswered(answer: Answer, grant: Grant) -> Unanswered:
    return Unanswered(f"the search was answered {why(answer, grant)}")

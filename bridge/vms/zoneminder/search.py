"""Looking for an event of ours in the notes of ZoneMinder's [3, 8]. Its search takes patterns, so what it finds is
compared here."""

from __future__ import annotations

from bridge.model import Absent, Action, Delivery, EventId, Found, Search, Unanswered
from bridge.vms.http import SendingError
from bridge.vms.zoneminder.answers import Event, events
from bridge.vms.zoneminder.api import Api, Refused
from bridge.vms.zoneminder.known import Known, Standing
from bridge.vms.zoneminder.notes import ours_in
from bridge.vms.zoneminder.steps import looked_for
from bridge.vms.zoneminder.words import mark


class Finder:
    """``nameless``: a forced alarm has nothing of ours in it until its notes are written."""

    def __init__(self, api: Api, known: Known, nameless: bool) -> None:
        self._api = api
        self._known = known
        self._nameless = nameless

    async def find(self, delivery: Delivery, monitor: int) -> Search:
        """The event of ZoneMinder whose notes have all of this one. One that has only its short text is remembered
        and counts as absent: it will be gone on with, and no second alarm forced. Never raises."""
        event = delivery.event.id
        amending = delivery.action is Action.AMEND and bool(delivery.remote_id)
        path = f"/events/index/Id:{delivery.remote_id}.json" if amending else looked_for(delivery.event)
        try:
            answer = await self._api.get(path, delivery.event.urgency == 0)
        except SendingError as error:
            return Unanswered(error.why)
        except Refused as error:
            return Unanswered(str(error))
        if not 200 <= answer.status < 300:
            return Unanswered(f"the search was answered {answer.status}")
        found = events(answer)
        if found is None:
            return Unanswered("the search was answered with something that is no list of events")
        found = [each for each in found if str(each.MonitorId) == str(monitor)]
        for each in found:
            block = ours_in(each.Notes or "").get(event)
            if block is not None and _revision(block) >= delivery.event.revision:
                return Found(str(each.Id))
        if not amending:
            self._remember(found, event, monitor)
        return Absent(surely=amending or not self._nameless or self._known.standing(event, monitor) is not None)

    def _remember(self, found: list[Event], event: EventId, monitor: int) -> None:
        for each in found:
            if spoken_of(each.Notes or "", event):
                standing = Standing(str(each.Id), each.Notes or "", each.Cause or "")
                self._known.stands(event, monitor, standing)
                return


def spoken_of(notes: str, event: EventId) -> bool:
    """Whether the notes have this event, be it in the short text alone."""
    return mark(event) in notes or event in ours_in(notes)


def _revision(block: str) -> int:
    for line in block.splitlines():
        name, _, value = line.partition(": ")
        if name == "revision" and value.isdecimal():
            return int(value)
    return 0

"""Looking for an event of ours among Frigate's [5, 8]. Descriptions cannot be searched, so the newest of its label are
looked through."""

from __future__ import annotations

import math

from bridge.model import Absent, Action, Delivery, Found, Search, Unanswered
from bridge.vms.frigate.answers import Event, event, events
from bridge.vms.frigate.api import Api
from bridge.vms.frigate.known import Known
from bridge.vms.frigate.steps import PAGE, Steps, of_event
from bridge.vms.frigate.words import described, spoken_of
from bridge.vms.http import SendingError
from bridge.vms.tokens import Refused

MOST_PAGES = 40
"""Two thousand events of one label on one camera."""


class Finder:
    def __init__(self, api: Api, steps: Steps, known: Known) -> None:
        self._api = api
        self._steps = steps
        self._known = known

    async def find(self, delivery: Delivery) -> Search:
        """The event of Frigate whose description has all of this one. One that has only its sub-label is remembered
        and counts as absent: it will be gone on with, and no second one created. Never raises."""
        try:
            if delivery.action is Action.AMEND and delivery.remote_id:
                return await self._amended(delivery, delivery.remote_id)
            return await self._among_the_newest(delivery)
        except SendingError as error:
            return Unanswered(error.why)
        except Refused as error:
            return Unanswered(str(error))

    async def _amended(self, delivery: Delivery, remote_id: str) -> Search:
        answer = await self._api.get(of_event(remote_id), _urgent(delivery))
        if answer.status == 404:
            return Absent()
        found = event(answer)
        if found is None:
            return Unanswered(f"the search was answered {answer.status}")
        return Found(found.id) if _has(found, delivery) else Absent()

    async def _among_the_newest(self, delivery: Delivery) -> Search:
        id_, place = delivery.event.id, self._steps.place(delivery.camera)
        before: float | None = None
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            answer = await self._api.get(self._steps.looked_for(delivery, before), _urgent(delivery))
            page = events(answer)
            if page is None:
                return Unanswered(f"the search was answered {answer.status}, not with a list of events")
            new = [each for each in page if each.id not in seen]
            for each in new:
                if each.camera != place or not spoken_of(each.spoken, each.description, id_):
                    continue
                if _has(each, delivery):
                    self._known.forget(id_, place)
                    return Found(each.id)
                self._known.stands(id_, place, each.id)
                return Absent()
            if len(page) < PAGE:
                return Absent()
            seen.update(each.id for each in new)
            before = next_bound(page, bool(new))
        return Unanswered(f"more than {MOST_PAGES * PAGE} events of its label since it arrived")


def next_bound(page: list[Event], new: bool) -> float | None:
    """The bound of the page after this one: a little after the last of it began, so that none of that moment is missed;
    where it brought nothing new, that moment itself, rounded down: six digits are sent, and above that moment the page
    would come again."""
    times = [each.start_time for each in page if each.start_time is not None]
    if not times:
        return None
    return min(times) + 1e-5 if new else math.floor(min(times) * 1e6) / 1e6


def _has(found: Event, delivery: Delivery) -> bool:
    revision = described(found.description, delivery.event.id)
    return revision is not None and revision >= delivery.event.revision


def _urgent(delivery: Delivery) -> bool:
    return delivery.event.urgency == 0

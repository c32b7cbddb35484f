"""Looking for a bookmark of ours: among those of its time, for how Nx parts a text into words is not known [5, 11]."""

from __future__ import annotations

from urllib.parse import quote

from bridge.model import Absent, Delivery, Found, Search, Unanswered
from bridge.vms.http import SendingError
from bridge.vms.nx.api import Api
from bridge.vms.nx.bookmarks import Untold, between
from bridge.vms.nx.settings import NxSettings
from bridge.vms.nx.steps import Steps
from bridge.vms.nx.words import known_by, revision
from bridge.vms.tokens import Refused

AROUND = 2000
"""Milliseconds beyond its time in which a bookmark is looked for: bounds may be exclusive, times rounded."""
NO_ID = "a generic event has no id and cannot be looked up (way: event)"


class Finder:
    def __init__(self, settings: NxSettings, api: Api, steps: Steps) -> None:
        self._api = api
        self._steps = steps
        self._searchable = settings.way != "event"

    async def find(self, delivery: Delivery) -> Search:
        """The bookmark of this event, of this revision or a later one. Never raises."""
        if not self._searchable:
            return Unanswered(NO_ID)
        event = delivery.event
        path = self._steps.bookmarks(self._steps.device(delivery.camera))
        start, end = self._steps.period(delivery)
        first, last = start - AROUND, end + AROUND
        urgent = event.urgency == 0
        try:
            found, more = await between(self._api, path, first, last, urgent=urgent)
            if more:
                word = quote(known_by(event.id), safe="")
                found += (await between(self._api, path, first, last, word, urgent))[0]
        except (SendingError, Refused, Untold) as error:
            return Unanswered(str(error))
        for each in found:
            if each.is_of(event.id) and revision(each.told) >= event.revision:
                return Found(each.id)
        return Unanswered("there are more bookmarks in its time than are told at once") if more else Absent()

"""Looking for an event of ours among XProtect's alarms and events [5, 6]. What cannot be known is not claimed: beyond
so many entries the answer is that it is not known."""

from __future__ import annotations

import asyncio

from bridge.model import Absent, Delivery, EventId, Found, Search, Unanswered
from bridge.vms.http import SendingError
from bridge.vms.milestone.gateway import Gateway
from bridge.vms.milestone.listing import OCCURRED, Entry, Listing, NotTold, texts
from bridge.vms.milestone.settings import MilestoneSettings
from bridge.vms.milestone.steps import id_of
from bridge.vms.milestone.words import Words
from bridge.vms.tokens import Refused


class Finder:
    def __init__(self, gateway: Gateway, settings: MilestoneSettings, words: Words) -> None:
        self._gateway = gateway
        self._words = words
        self._alarms = settings.way == "alarms"
        self._timeout = settings.timeout

    async def find(self, delivery: Delivery, camera: str) -> Search:
        """``camera``: its id in XProtect. Never raises."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._find(delivery, camera)
        except TimeoutError:
            return Unanswered("the search took too long")
        except SendingError as error:
            return Unanswered(error.why)
        except (Refused, NotTold) as error:
            return Unanswered(str(error))

    async def _find(self, delivery: Delivery, camera: str) -> Search:
        event = delivery.event
        listing = Listing(self._gateway, self._alarms)
        async for each in listing.since(min(event.occurred_at, event.arrived_at), event.urgency == 0):
            if self._is_it(each, delivery, camera):
                return Found(str(each.get("id") or ""))
        if listing.whole:
            return Absent()
        return Unanswered(f"it is not among the first {listing.most} that XProtect tells, and there are more")

    def _is_it(self, entry: Entry, delivery: Delivery, camera: str) -> bool:
        """On this camera, and ours: an alarm by what its message says of it, an analytics event by its id or tag."""
        said = list(texts(entry))
        if not any(camera in text.lower() for _, text in said):
            return False
        event = delivery.event.id
        if self._alarms:
            told = _told_of(self._words.line(delivery), event)
            return any(told in text for key, text in said if key == "message")
        known_by = id_of(delivery, camera)
        return any(
            text.lower() == known_by if key == "id" else key == "customtag" and text == event for key, text in said
        )


def _told_of(line: str, event: EventId) -> str:
    """Its mark, sensor and time, which are the same whether it is said to be late, or a possible duplicate; the title
    before may speak of other events, and be another by now."""
    start = line.find(f"[{event}] ")
    time = line.find(OCCURRED, start) + len(OCCURRED)
    return line[start : line.find(";", time)]

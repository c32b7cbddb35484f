"""Pages of XProtect's alarms and events [5, 6]. How they are sorted, and how a list is narrowed, is not known; so they
are read until the list is at its end, or is seen to have gone back in time far enough."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from bridge.vms.milestone.gateway import Gateway

ALARMS, EVENTS = 100, 10
"""In a page; an event's data may have pictures in it, and an answer has to fit into a megabyte."""
MOST_PAGES = 20
AROUND = timedelta(hours=1)
"""How wrong the clock of XProtect may be."""
Entry = dict[str, object]
_MARK = re.compile(r"\[([0-9A-Za-z-]+\.[0-9.]+)\] ")
OCCURRED = "; occurred: "


class NotTold(Exception):
    """The list was not told; says why."""


class _Page(msgspec.Struct):
    array: list[Entry]


_page = msgspec.json.Decoder(_Page).decode


class Listing:
    """``whole``: whether everything since the time that was asked for has been told, once all was read."""

    def __init__(self, gateway: Gateway, alarms: bool) -> None:
        self._gateway = gateway
        self._size = ALARMS if alarms else EVENTS
        self._path = "/alarms?page={}&size={}" if alarms else "/events?page={}&size={}&include=data"
        self.most = self._size * MOST_PAGES
        self.whole = False

    async def since(self, earliest: datetime, urgent: bool = False) -> AsyncIterator[Entry]:
        """Each once, and older ones too. Raises NotTold, SendingError, Refused."""
        self.whole = False
        last: datetime | None = None
        falling = True
        seen: set[object] = set()
        for page in range(MOST_PAGES):
            found = await self._page(self._path.format(page, self._size), urgent)
            fresh = [each for each in found if each.get("id") is None or each["id"] not in seen]
            seen.update(each["id"] for each in fresh if each.get("id") is not None)
            for each in fresh:
                yield each
                at = moment_of(each.get("time"))
                falling = falling and at is not None and (last is None or at <= last)
                last = at or last
            if len(found) < self._size or not fresh or (falling and _before(last, earliest)):
                self.whole = True
                return

    async def _page(self, path: str, urgent: bool) -> list[Entry]:
        answer = await self._gateway.get(path, urgent)
        if answer.status != 200:
            raise NotTold(f"the search was answered {answer.status}")
        told = answer.told(_page)
        if told is None:
            raise NotTold("the search was answered with something that is no list, or more than is taken")
        return told.array


def texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in an entry with its key in lower case, however deep: how these are spelt is not documented [5]."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inside in value.items():
            yield from texts(inside, str(name).lower())
    elif isinstance(value, list):
        for inside in value:
            yield from texts(inside, key)


def marked(text: str) -> str:
    """The event of ours that a text of ``one_line`` is of; "" when it is none. The last mark before the time counts: a
    title may speak of another event."""
    found = _MARK.findall(text.partition(OCCURRED)[0])
    return found[-1] if found and OCCURRED in text else ""


def moment_of(value: object) -> datetime | None:
    """Aware UTC; None for what is no time, or none with a zone."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _before(at: datetime | None, earliest: datetime) -> bool:
    try:
        return at is not None and at < earliest.astimezone(UTC) - AROUND
    except OverflowError:
        return False

"""The events that VXG has on its cameras, whoever raised them [6]."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from urllib.parse import quote

import msgspec

from bridge.model import CameraId
from bridge.vms.recorded import Query, Recorded
from bridge.vms.vxg.account import Account
from bridge.vms.vxg.meta import naive
from bridge.vms.vxg.naming import event_name, fitting_tags, sensor_tag, value_tag
from bridge.vms.vxg.reading import NotThere, Reading, moment
from bridge.vms.vxg.settings import VxgSettings
from bridge.vms.vxg.steps import EVENTS


class Event(msgspec.Struct):
    """An event object [6.1]. ``thumb`` only where there is an image."""

    id: int | str
    name: str = ""
    time: str | None = None
    meta: object = None
    alias: str | None = None
    thumb: object = None


class Events:
    def __init__(self, settings: VxgSettings, reading: Reading) -> None:
        self._names = settings.event_names
        self._search = frozenset(settings.search_tags)
        self._reading = reading

    async def search(self, account: Account, query: Query) -> AsyncIterator[Recorded]:
        """The newest first, at most ``query.most``. The VMS filters by time, type and names of tags; values are
        compared here. Raises CannotTell."""
        narrowed = self._narrowed(query)
        # What is filtered here, too, may leave any part of a page.
        most = None if query.tag or query.sensor else query.most
        found = 0
        seen: set[str] = set()
        async for each in self._reading.listed(
            account, _path(account, query, self._types(query), narrowed), Event, most
        ):
            event = as_recorded(each, account.camera)
            if event.remote_id in seen or not self._matches(event, query):
                continue
            seen.add(event.remote_id)  # what is raised meanwhile moves the pages
            yield event
            found += 1
            if found >= query.most:
                return

    async def one(self, account: Account, remote_id: str) -> Event | None:
        """The event of this number. Raises CannotTell."""
        try:
            return await self._reading.one(account, f"{EVENTS}{quote(remote_id, safe='')}/?include_meta=true", Event)
        except NotThere:
            return None

    # ---------------------------------------------------------------------------------------------------------- filters

    def _types(self, query: Query) -> str:
        """VXG's name of the type asked for: a type of ours is written with dots, a name of VXG's is not."""
        asked = query.event_type
        return self._names.get(asked) or (event_name(asked) if "." in asked else asked)

    def _narrowed(self, query: Query) -> tuple[str, ...]:
        """Names of tags of which an event that is wanted has one."""
        if query.tag and query.value and query.tag in self._search:
            return (value_tag(query.tag, query.value),)
        if query.tag:
            return tuple(tag for tag in fitting_tags(query.tag) if "," not in tag)
        return (sensor_tag(query.sensor),) if query.sensor else ()

    def _matches(self, event: Recorded, query: Query) -> bool:
        if query.sensor and query.sensor != event.sensor:
            return False
        if "." in query.event_type and event.tags.get("type", query.event_type) != query.event_type:
            return False  # another type of ours with the same name in VXG
        return not query.tag or _has(event.tags, fitting_tags(query.tag), query.value)


def _has(tags: Mapping[str, object], names: Collection[str], value: str) -> bool:
    return any(name in tags and (not value or _text(tags[name]) == value) for name in names)


def _path(account: Account, query: Query, name: str, tags: Collection[str]) -> str:
    start, end = naive(query.since, 3), naive(query.until, 3)
    path = f"{EVENTS}?camid={account.id}"
    if name:
        path += f"&events={quote(name, safe='')}"
    if tags:
        path += f"&meta={','.join(quote(tag, safe='') for tag in tags)}"
    return f"{path}&start={start}&end={end}&order_by=-time&include_meta=true"


def _text(value: object) -> str:
    """A tag's value as text, as all of them should be [5.1]."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def as_recorded(event: Event, camera: CameraId) -> Recorded:
    tags = event.meta if isinstance(event.meta, dict) else {}
    return Recorded(
        remote_id=str(event.id),
        camera=camera,
        name=event.name,
        at=moment(event.time),
        event=_text(tags.get("bridge_event") or ""),
        sensor=_text(tags.get("sensor") or ""),
        tags=tags,
        known_as=event.alias or "",
    )

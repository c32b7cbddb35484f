"""What the simulated cloud holds: cameras, their event types, the events raised on them."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import msgspec

FIRST_EVENT = 900001


class Caps(msgspec.Struct):
    can_be_triggered: bool = False
    can_record: bool = False
    can_snapshot: bool = False
    is_periodic: bool = False


class EventType(msgspec.Struct, omit_defaults=False):
    name: str
    custom: bool = False
    notify: bool = False
    receive: bool = False
    caps: Caps = msgspec.field(default_factory=Caps)

    def shown(self) -> dict[str, object]:
        """As the API gives it: ``custom`` only on custom types, the images flag only on built-in ones."""
        shown: dict[str, object] = {"name": self.name}
        shown |= {"custom": True} if self.custom else {"generate_images": False}
        shown |= {"notify": self.notify, "receive": self.receive, "caps": msgspec.structs.asdict(self.caps)}
        if self.caps.can_record:
            shown["record"] = False
        if self.caps.can_snapshot:
            shown["snapshot"] = False
        if self.caps.is_periodic:
            shown["period"] = 60
        return shown


def built_in() -> dict[str, EventType]:
    """The types every camera has (reference 4), and one that can be triggered, for call 5.2."""
    return {
        "motion": EventType("motion", receive=True, caps=Caps(can_record=True, can_snapshot=True)),
        "net": EventType("net", receive=True),
        "snapshot": EventType("snapshot", receive=True, caps=Caps(can_snapshot=True, is_periodic=True)),
        "custom": EventType("custom", receive=True, caps=Caps(can_be_triggered=True)),
    }


class Camera(msgspec.Struct):
    id: int
    name: str
    types: dict[str, EventType] = msgspec.field(default_factory=built_in)
    online: bool = True
    timezone: str = "UTC"
    rec_mode: str = "on"
    meta: dict[str, str] = msgspec.field(default_factory=dict)


class Raised(msgspec.Struct):
    """One event the cloud holds. ``order``: place among all it took, from 0; ``arrived``: epoch seconds.

    ``posted``: the body it came with. ``head``: the request's head, when the record keeps bytes. ``visible_at``: from
    when (monotonic) the list shows it. ``writes``: what was done to its tags later, oldest first: (tag, value or None
    when deleted).
    """

    id: int
    camera: int
    name: str
    time: datetime
    order: int
    arrived: float
    posted: bytes
    visible_at: float = 0.0
    head: bytes = b""
    writes: tuple[tuple[str, str | None], ...] = ()
    changed: dict[str, str] | None = None

    @property
    def meta(self) -> dict[str, str]:
        """Its tags as they are now; read from what was posted until somebody changes them, which saves memory."""
        if self.changed is not None:
            return self.changed
        meta = msgspec.json.decode(self.posted).get("meta")
        return {tag: _text(value) for tag, value in meta.items()} if isinstance(meta, dict) else {}

    @property
    def first_meta(self) -> dict[str, str]:
        """Its tags as they were raised."""
        meta = msgspec.json.decode(self.posted).get("meta")
        return {tag: _text(value) for tag, value in meta.items()} if isinstance(meta, dict) else {}

    def write(self, tag: str, value: str | None) -> None:
        meta = self.meta
        if value is None:
            meta.pop(tag, None)
        else:
            meta[tag] = value
        self.changed = meta
        self.writes = (*self.writes, (tag, value))


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to list. Bounds are inclusive (not known of the real one). None matches everything."""

    cameras: Collection[int]
    names: Collection[str] | None = None
    start: datetime | None = None
    end: datetime | None = None
    tags: Collection[str] = ()
    without_tags: Collection[str] = ()
    descending: bool = False


class Store:
    """``order`` of arrival is kept over all cameras; each camera's events are also kept by time, for searching."""

    def __init__(self, cameras: Mapping[int, str]) -> None:
        self.cameras = {number: Camera(number, name) for number, name in cameras.items()}
        self._last_camera = max(cameras, default=0)
        self.aliases: dict[str, str] = {}
        """event type → known type"""
        self.documents: dict[int, dict[str, dict[str, object]]] = {number: {} for number in cameras}
        """v4 meta documents by camera and id"""
        self.clear()

    def clear(self) -> None:
        """Forget all events and documents; cameras, types and tokens stay."""
        self.events: list[Raised] = []
        self._by_id: dict[int, Raised] = {}
        self._by_time: dict[int, list[tuple[datetime, int]]] = {number: [] for number in self.cameras}
        for documents in self.documents.values():
            documents.clear()
        self._documents = 0
        self._clips = 0

    def add_camera(self, name: str) -> Camera:
        """Numbers only go up: one that was removed never comes back as another camera."""
        self._last_camera += 1
        camera = self.cameras[self._last_camera] = Camera(self._last_camera, name)
        self.documents[camera.id] = {}
        self._by_time[camera.id] = []
        return camera

    def remove_camera(self, number: int) -> None:
        """Its events stay in the record."""
        del self.cameras[number], self.documents[number], self._by_time[number]

    def next_document(self) -> int:
        self._documents += 1
        return self._documents

    def next_clip(self) -> int:
        """0, 1, 2, …"""
        self._clips += 1
        return self._clips - 1

    def declare(self, camera: int, name: str, notify: bool = True) -> EventType:
        declared = EventType(name, custom=True, notify=notify)
        self.cameras[camera].types[name] = declared
        return declared

    def add(
        self,
        camera: int,
        name: str,
        time: datetime,
        posted: bytes,
        arrived: float,
        visible_at: float,
        head: bytes = b"",
    ) -> Raised:
        order = len(self.events)
        event = Raised(FIRST_EVENT + order, camera, name, time, order, arrived, posted, visible_at, head)
        self.events.append(event)
        self._by_id[event.id] = event
        bisect.insort(self._by_time[camera], (time, event.id))
        return event

    def event(self, number: int) -> Raised | None:
        return self._by_id.get(number)

    def list(self, query: Query, now: float) -> list[Raised]:
        """The events that match and are to be seen at ``now`` (monotonic), in order of time."""
        found = [
            (time, event)
            for camera in query.cameras
            for time, event in self._between(camera, query.start, query.end)
            if event.visible_at <= now and (query.names is None or event.name in query.names) and _tagged(event, query)
        ]
        found.sort(key=lambda each: (each[0], each[1].id), reverse=query.descending)
        return [event for _, event in found]

    def _between(self, camera: int, start: datetime | None, end: datetime | None) -> Iterator[tuple[datetime, Raised]]:
        timeline = self._by_time.get(camera, [])
        first = bisect.bisect_left(timeline, start, key=_time_of) if start is not None else 0
        last = bisect.bisect_right(timeline, end, key=_time_of) if end is not None else len(timeline)
        for time, number in timeline[first:last]:
            yield time, self._by_id[number]


def _time_of(entry: tuple[datetime, int]) -> datetime:
    return entry[0]


def _tagged(event: Raised, query: Query) -> bool:
    if not query.tags and not query.without_tags:
        return True
    meta = event.meta
    return (not query.tags or any(tag in meta for tag in query.tags)) and not any(
        tag in meta for tag in query.without_tags
    )

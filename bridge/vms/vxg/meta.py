"""An event as flat tags, string → string, and as the document that holds what they cannot [5.1, 8]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from bridge.model import Clock, EventId, SensorEvent, State, Urgency
from bridge.vms.text import as_text, shorten
from bridge.vms.vxg.naming import Plan, field_tag, plan, sensor_tag, value_tag
from bridge.vms.vxg.settings import VxgSettings

_encode = msgspec.json.encode
# Looked up here, as ``.value`` of an enum costs five times as much.
_URGENCY = {urgency: urgency.name.lower() for urgency in Urgency}
_STATE = {state: state.value for state in State}
_CLOCK = {clock: clock.value for clock in Clock}
_MOST_PLANS = 1024


class Sheet(msgspec.Struct):
    """``tags`` in the order a guard reads them. ``long``: fields in full that ``tags`` has cut or left out.
    ``document``: the whole message has to travel beside the event."""

    tags: dict[str, str]
    long: dict[str, str]
    document: bool


def naive(time: datetime, digits: int) -> str:
    """UTC without a zone, as every time in this API.

    The create call is documented with whole seconds; six digits are the form in which the API itself prints the
    event's time back [5.1, 12.3], and the order of events on a timeline needs them. ``time_digits`` sets it.
    """
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    text = time.isoformat("T", "microseconds")
    return text[:19] if digits == 0 else text[: 20 + digits]


def encoded(value: object) -> bytes:
    """JSON; half a surrogate pair, which some devices send, becomes a question mark."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(_clean(value))


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_clean(key): _clean(each) for key, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list) else value


class Sheets:
    """Makes sheets; pure, but for remembering which tags go with which names of fields."""

    def __init__(self, settings: VxgSettings) -> None:
        self._value_limit = settings.meta_value_limit
        self._tag_limit = settings.meta_tag_limit
        self._detail_tags = settings.detail_tags
        self._document = settings.meta_document
        self._document_limit = settings.meta_document_limit
        self._search = frozenset(settings.search_tags)
        self._plans: dict[tuple[str, tuple[str, ...]], Plan] = {}

    def plan(self, name: str, event: SensorEvent) -> Plan:
        key = name, tuple(event.fields)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            found = self._plans[key] = plan(name, event.fields, self._search)
        return found

    def sheet(self, event: SensorEvent, name: str) -> Sheet:
        """All of the event but what differs by camera; ``name`` is its type in VXG."""
        tags = head_tags(event)
        limit = self._value_limit
        long: dict[str, str] = {}
        for tag, text in tags.items():
            if len(text) > limit:
                long[tag] = text
                tags[tag] = shorten(text, limit, event.id)
        tags.setdefault(sensor_tag(event.sensor), "")
        found = self.plan(name, event)
        values = list(event.fields.values())
        for tag, value in zip(found.tags, values, strict=True):
            text = value if value.__class__ is str else as_text(value)
            if len(text) > limit:
                long[tag] = text
                text = shorten(text, limit, event.id)
            tags[tag] = text
        for tag, place in found.also:
            tags.setdefault(tag, tags[found.tags[place]])
        for field, place in found.searched:
            if values[place] not in (None, ""):
                tags.setdefault(value_tag(field, as_text(values[place]), name), "")
        if name in tags:  # the UI gives a tag named like the event a meaning of its own
            tags[field_tag(name)] = tags.pop(name)
        self._cut(tags, long, event.id)
        return Sheet(tags, long, self._add_detail(tags, event, bool(long)))

    def _cut(self, tags: dict[str, str], long: dict[str, str], event: EventId) -> None:
        """Keep to the number of tags: the last ones go, and ``cut`` says how many."""
        most = self._tag_limit - 2  # room for ``cut`` and ``detail_document``
        if len(tags) <= most:
            return
        gone = list(tags)[most:]
        for tag in gone:
            text = tags.pop(tag)
            if text:
                long.setdefault(tag, text)
        tags["cut"] = f"{len(gone)} more tags in event {event}"

    def _add_detail(self, tags: dict[str, str], event: SensorEvent, too_long: bool) -> bool:
        """Write the whole message into tags if it fits; else say that a document is needed."""
        if self._document == "always":
            return True
        text = event.detail.decode("utf-8", "replace")
        limit = self._value_limit
        room = min(self._detail_tags, self._tag_limit - 1 - len(tags))
        fits = len(text) <= limit * room
        if self._document == "when_needed" and (too_long or not fits):
            return True
        if not fits:
            text = shorten(text, limit * max(0, room), event.id)
        for part, start in enumerate(range(0, len(text), limit), 1):
            tags[f"detail_{part}"] = text[start : start + limit]
        return False

    def document(self, event: SensorEvent, name: str, long: Mapping[str, str], camera: int, known_by: str) -> bytes:
        """The body that writes the meta document: an array of one [8]. The message is in ``raw_data``."""
        raw = event.detail.decode("utf-8", "replace")
        return encoded(
            [
                {
                    "id": known_by,
                    "timestamp": naive(event.occurred_at, 3),
                    "long": {"camid": camera, "revision": event.revision},
                    "string": {
                        **long,
                        "bridge_event": event.id,
                        "bridge_document": known_by,
                        "type": name,
                        "sensor": event.sensor,
                        "title": event.title,
                    },
                    "raw_data": shorten(raw, self._document_limit, event.id),
                }
            ]
        )


def head_tags(event: SensorEvent) -> dict[str, str]:
    """What is so of every event, before its fields."""
    tags = {
        "bridge_event": event.id,
        "bridge_revision": str(event.revision),
        "type": event.type,
        "title": event.title,
        "site": event.site,
        "sensor": event.sensor,
        "sensor_name": event.sensor_name,
        "kind": event.kind,
        "state": _STATE[event.state],
        "urgency": _URGENCY[event.urgency],
        "clock": _CLOCK[event.clock],
        "arrived": naive(event.arrived_at, 6),
    }
    if event.clock_offset is not None:
        tags["clock_offset"] = f"{event.clock_offset:.3f}"
    if event.condition is not None:
        tags["condition"] = event.condition
    if event.closes is not None:
        tags["closes"] = event.closes
    if event.marks:
        tags["marks"] = "; ".join(event.marks)
    if event.test:
        tags["test"] = "true"
    if event.media:
        tags["media"] = " ".join([f"{each.id}={each.role or each.content_type}" for each in event.media])
    return tags

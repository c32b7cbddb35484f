"""Names in VXG: event types and meta tags, and those the VXG UI keeps for itself [4, 5.1, 6.3]."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from bridge.vms.text import short_name

EVENT_NAME = "[a-z0-9_]{1,64}"
LONGEST_NAME = LONGEST_TAG = 64

_UNFIT_EVENT = re.compile("[^a-z0-9_]+")
_UNFIT_TAG = re.compile("[^A-Za-z0-9_.-]")

UI_TAGS = frozenset(
    {
        *("process", "status_not_handled", "status_in_progress", "status_processed"),
        *("user_id", "ip_address", "start_time", "end_time", "result", "result_true", "result_false"),
        *("description", "total"),
    }
)
OUR_TAGS = frozenset(
    {
        *(
            "bridge_event",
            "bridge_revision",
            "type",
            "title",
            "site",
            "sensor",
            "sensor_name",
            "kind",
            "state",
            "urgency",
        ),
        *("condition", "closes", "clock", "clock_offset", "arrived", "marks", "test", "media", "possible_duplicate"),
        *("cut", "detail_document"),
    }
)
_KEPT_PREFIXES = ("user_", "status_", "sensor_", "detail_", "bridge_", "field_")

PLATE_TAGS = {
    "plate": "license_plate",
    "make": "car_brand",
    "brand": "car_brand",
    "colour": "car_color",
    "color": "car_color",
    "model": "car_model",
}
"""Our field → the tag in which the VXG UI looks for it on an event ``plate_recognition`` [6.3]."""


@lru_cache(maxsize=1000)
def event_name(event_type: str) -> str:
    """``vehicle.identified`` → ``vehicle_identified``: it stands in a URL's path, so ``[a-z0-9_]{1,64}`` [4]."""
    return short_name(_UNFIT_EVENT.sub("_", event_type.lower()), LONGEST_NAME) or "event"


def tag_name(name: str, event: str) -> str:
    """A field's tag on an event named ``event``: in the letters that are safe, and none that has a meaning already."""
    tag = _tag(name) or "field_"
    return field_tag(tag) if tag == event or _means_something(tag) else tag


def field_tag(tag: str) -> str:
    """Where what would stand under ``tag`` stands, when that has a meaning already."""
    return _tag(f"field_{tag}")


_PLATE = frozenset(PLATE_TAGS.values())


def _means_something(tag: str) -> bool:
    return tag in UI_TAGS or tag in OUR_TAGS or tag.startswith(_KEPT_PREFIXES) or tag in _PLATE


def value_tag(name: str, value: str, event: str = "") -> str:
    """A tag that makes a value findable, for the search knows names of tags only [5.1]: ``plate_1AB2345``. A field
    ``user``, or ``result``, would otherwise say in the VXG UI who has handled the event, and how [6.3]."""
    tag = _tag(f"{name}_{value}")
    return field_tag(tag) if tag == event or _means_something(tag) else tag


def sensor_tag(sensor: str) -> str:
    """The tag by which the search finds a sensor's events."""
    return _tag(f"sensor_{sensor}")


def fitting_tags(name: str) -> tuple[str, ...]:
    """The tags under which an event may carry what people call ``name``: a tag as it is, or a field's."""
    plain = _tag(name)
    return tuple(dict.fromkeys((name, plain, field_tag(plain))))


def _tag(text: str) -> str:
    return short_name(_UNFIT_TAG.sub("_", text), LONGEST_TAG)


class Plan(msgspec.Struct, frozen=True):
    """The tags of an event whose fields have these names: ``tags`` one per field, ``also`` (tag, place of the field)
    and ``searched`` (name, place of the field)."""

    tags: tuple[str, ...]
    also: tuple[tuple[str, int], ...]
    searched: tuple[tuple[str, int], ...]


def plan(event: str, names: Iterable[str], search: frozenset[str]) -> Plan:
    """No two fields share a tag: the later one gets ``_2``, ``_3`` …"""
    tags: list[str] = []
    moved = field_tag(event) if event in OUR_TAGS else ""  # one of ours, that is named like the event, stands there
    also: dict[str, int] = {}
    searched = []
    for place, name in enumerate(names):
        tag = first = tag_name(name, event)
        copy = 1
        while tag in tags or tag == moved:
            copy += 1
            tag = f"{first[: LONGEST_TAG - 4]}_{copy}"
        tags.append(tag)
        if name in PLATE_TAGS:
            also.setdefault(PLATE_TAGS[name], place)
        if name in search:
            searched.append((name, place))
    return Plan(tuple(tags), tuple(also.items()), tuple(searched))

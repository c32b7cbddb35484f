"""Time zones by their IANA names."""

from __future__ import annotations

import functools
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from bridge.config.document import Node
from bridge.config.errors import nearest
from bridge.config.faults import Entry, Faults

UTC = "UTC"


def zone(name: str, entry: Entry, node: Node, path: str, faults: Faults) -> ZoneInfo:
    """The zone of this name; UTC after saying at ``node`` that there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        near = _nearest(name)
        message = (
            f"there is no time zone {name}{f'; did you mean {near}?' if near else '; write one like Australia/Sydney'}"
        )
        faults.add(entry.source, (node.line, node.column), path, message)
        return ZoneInfo(UTC)


@functools.cache
def _nearest(name: str) -> str:
    """By the whole name, or by the city alone."""
    known = sorted(available_timezones())
    by_city = {zone.rpartition("/")[2]: zone for zone in known}
    city = nearest(name.rpartition("/")[2], by_city)
    return nearest(name, known) or by_city.get(city, "")

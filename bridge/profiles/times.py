"""The device's own time: numbers of any unit, ISO 8601, or a form of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from bridge.profiles.values import Pick, Seen, number

TimeOf: TypeAlias = Callable[[Seen, ZoneInfo], datetime | None]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SET = datetime(2000, 1, 1, tzinfo=UTC)
"""A clock that says less was never set: such a time is none."""

_OFFSET = re.compile(r"^(.*?)\s*(?:(Z)|([+-])(\d\d):?(\d\d))$", re.DOTALL)


def time_reader(pick: Pick, form: str | None) -> TimeOf:
    """Reads the time at ``pick`` into UTC; None when there is none that can be read."""

    def read(seen: Seen, zone: ZoneInfo) -> datetime | None:
        value = pick(seen)
        if value is None:
            return None
        try:
            found = _formed(value, form, zone) if form is not None else _guessed(value, zone)
        except (ValueError, OverflowError, OSError):
            return None
        return found if found is not None and found >= SET else None

    return read


def _guessed(value: object, zone: ZoneInfo) -> datetime | None:
    """By its size a number is s, ms, µs or ns since 1970 (reference source-cammra-lpr section 11)."""
    found = number(value)
    if found is None:
        return _in_utc(datetime.fromisoformat(value.strip()), zone) if isinstance(value, str) else None
    if isinstance(found, int):
        if found > 100_000_000_000_000_000:
            microseconds = found // 1000
        elif found > 100_000_000_000_000:
            microseconds = found
        else:
            microseconds = found * (1_000_000 if found < 100_000_000_000 else 1000)
        return EPOCH + timedelta(microseconds=microseconds)
    unit = 1e-9 if found > 1e17 else 1e-6 if found > 1e14 else 1.0 if found < 1e11 else 1e-3
    return EPOCH + timedelta(seconds=found * unit)


def _formed(value: object, form: str, zone: ZoneInfo) -> datetime | None:
    """In a given form; an offset after it counts, without one it is local time in the sensor's zone."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return _in_utc(datetime.strptime(text, form), zone)
    except ValueError:
        apart = _OFFSET.match(text)
        if apart is None:
            raise
    local, _, sign, hours, minutes = apart.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    bare = datetime.strptime(local, form).replace(tzinfo=UTC)
    return bare + offset if sign == "-" else bare - offset


def _in_utc(found: datetime, zone: ZoneInfo) -> datetime:
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC)

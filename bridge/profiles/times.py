"""The device's own time: numbers of any unit, ISO 8601 as devices write it, or a form of its own.

Local times follow PEP 495: an hour that the clocks tell twice is taken for its first telling, one that they leave out
as if they had not been put forward yet.
"""

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

LONGEST = 64
"""Characters of a time; a longer text is none."""

_OFFSET = re.compile(r"^(.*?)\s*(?:(Z)|([+-])(\d\d):?(\d\d))$", re.DOTALL)
_COMPACT = re.compile(r"(20\d{6})[T ]?(\d{6})[.,]?(\d{0,9})\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_WRITTEN = (14, 17, 20)
"""Digits of YYYYMMDDhhmmss without, with three and with six digits of a second. As numbers since 1970 they would be
years after 2600, or in ns before the year 2000."""


def time_reader(pick: Pick, form: str | None, zone: str | None = None) -> TimeOf:
    """Reads the time at ``pick`` into UTC; None when there is none that can be read.

    ``form``: in the letters of strptime. ``zone``: of a text without offset, instead of the sensor's.
    """
    own = None if zone is None else ZoneInfo(zone)

    def read(seen: Seen, zone: ZoneInfo) -> datetime | None:
        value = pick(seen)
        if value is None or (isinstance(value, str) and len(value) > LONGEST):
            return None
        try:
            found = _formed(value, form, own or zone) if form is not None else _guessed(value, own or zone)
        except (ValueError, OverflowError, OSError):
            return None
        return found if found is not None and found >= SET else None

    return read


def _guessed(value: object, zone: ZoneInfo) -> datetime | None:
    """By its size a number is s, ms, µs or ns since 1970 (reference source-cammra-lpr section 11)."""
    found = number(value)
    if found is None:
        return _written(value.strip(), zone) if isinstance(value, str) else None
    if isinstance(found, int):
        if found > 10_000_000_000_000 and len(text := str(found)) in _WRITTEN and text.startswith("20"):
            return _compact(text, zone)
        if found > 100_000_000_000_000_000:
            microseconds = found // 1000
        elif found > 100_000_000_000_000:
            microseconds = found
        else:
            microseconds = found * (1_000_000 if found < 100_000_000_000 else 1000)
        return EPOCH + timedelta(microseconds=microseconds)
    unit = 1e-9 if found > 1e17 else 1e-6 if found > 1e14 else 1.0 if found < 1e11 else 1e-3
    return EPOCH + timedelta(seconds=found * unit)


def _written(text: str, zone: ZoneInfo) -> datetime | None:
    """ISO 8601, also with space around its parts, and dates and times without any signs between."""
    compact = None if text[4:5] == "-" else _compact(text, zone)
    if compact is not None:
        return compact  # before fromisoformat, which takes any sign, a digit too, for the T
    try:
        return _in_utc(datetime.fromisoformat(text), zone)
    except ValueError:
        return _apart(text, datetime.fromisoformat)


def _compact(text: str, zone: ZoneInfo) -> datetime | None:
    """``20260105100003654`` (Hikvision's absTime), ``20260105 100003654+0100``, ``20240428T1300000000``."""
    match = _COMPACT.fullmatch(text)
    if match is None:
        return None
    date, time, fraction, offset = match.groups()
    return _in_utc(datetime.fromisoformat(f"{date}T{time}.{fraction:0<6.6}{offset or ''}"), zone)


def _formed(value: object, form: str, zone: ZoneInfo) -> datetime | None:
    """In a given form; an offset after it counts, without one it is local time."""
    if not isinstance(value, str):
        if type(value) is not int:
            return None
        value = str(value)
    text = value.strip()
    try:
        return _in_utc(datetime.strptime(text, form), zone)
    except ValueError:
        return _apart(text, lambda local: datetime.strptime(local, form))


def _apart(text: str, parse: Callable[[str], datetime]) -> datetime:
    """A time with its offset after it, read apart; raises ValueError."""
    apart = _OFFSET.match(text)
    if apart is None:
        raise ValueError(text)
    local, _, sign, hours, minutes = apart.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
    if offset >= timedelta(hours=24):
        raise ValueError(text)
    bare = parse(local).replace(tzinfo=UTC)
    return bare + offset if sign == "-" else bare - offset


def _in_utc(found: datetime, zone: ZoneInfo) -> datetime:
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC)

"""Points in time as answers write them, and as questions want them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

# "2024-05-29 10:48:27.364000+00:00", "2026-01-05T09:00:03Z", with a space or a T, any fraction, offset or none.
_ISO = re.compile(r"\s*(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?\s*", re.IGNORECASE)


def read(value: object, zone: ZoneInfo) -> datetime | None:
    """A text in ISO 8601, or a number since 1970 in s, ms, us or ns, told apart by its size; None for anything else.

    ``zone``: of texts without an offset.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        found = _ISO.fullmatch(value)
        if found is not None:
            return _from_iso(found, zone)
        try:
            value = int(value) if value.strip().isdecimal() else float(value)
        except ValueError:
            return None
    return _from_number(value) if isinstance(value, int | float) else None


def _from_iso(found: re.Match[str], zone: ZoneInfo) -> datetime | None:
    offset = (found[4] or "").upper()
    fraction = (found[3] or "").ljust(6, "0")[:6]
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}.{fraction}{'+00:00' if offset == 'Z' else offset}")
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_number(value: float) -> datetime | None:
    """Below 1e11 seconds, above 1e17 nanoseconds (reference "CAMMRA", section 11)."""
    worth = 1 if value < 1e11 else 10**3 if value < 1e14 else 10**6 if value < 1e17 else 10**9
    try:
        # Whole microseconds, so that no digit is lost in a float.
        moment = EPOCH + timedelta(microseconds=int(value * 10**6) // worth)
    except (OverflowError, ValueError):
        return None
    return moment if value > 0 else None


def write(moment: datetime, form: str) -> str | int:
    """``iso``, a number since 1970 in ``s``, ``ms``, ``us`` or ``ns``, or a pattern with % as strftime has them."""
    if form == "iso":
        return moment.isoformat(timespec="microseconds")
    worth = UNITS.get(form)
    if worth is not None:
        return (moment - EPOCH) // timedelta(microseconds=1) * worth // 10**6
    return moment.strftime(form)

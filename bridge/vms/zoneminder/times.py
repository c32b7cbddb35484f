"""ZoneMinder's times: of its server's zone, without saying so [3]. In the hour that a clock is put back, one text
stands for two moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

AROUND = timedelta(hours=1)
"""How far a bound is moved outwards, so that no change of the clock hides what is asked for."""


def moments(text: str | None, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The moments, aware UTC, that ``2025-06-02 09:14:00`` may mean: one, or two an hour apart; none, unreadable."""
    try:
        local = datetime.fromisoformat(text or "")
    except ValueError:
        return ()
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (first,) if first == second else (first, second)


def since(moment: datetime, zone: ZoneInfo) -> str:
    """As the search takes it, an hour early. Raises OverflowError at the ends of the calendar."""
    return _local(moment.astimezone(UTC) - AROUND, zone)


def until(moment: datetime, zone: ZoneInfo) -> str:
    """As the search takes it, an hour late. Raises OverflowError."""
    return _local(moment.astimezone(UTC) + AROUND, zone)


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"

"""Armed hours: whether a moment lies in one of the spans, by the clock on the sensor's wall.

A wall time that comes twice (clocks go back) begins a span when it first comes and ends one when it last comes; one
that is skipped (clocks go forward) stands for the moment of the change. So a span is never shorter than it reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bridge.decide.rules import Armed

DAY = 86400


def is_armed(spans: Iterable[Armed], zone: ZoneInfo, moment: datetime) -> bool:
    """``moment``: aware."""
    today = moment.astimezone(zone).date()
    for span in spans:
        for begun in (today, today - timedelta(days=1)):
            if begun.weekday() in span.days:
                begins, ends = _span(span, zone, begun)
                if begins <= moment < ends:
                    return True
    return False


@lru_cache(maxsize=4096)
def _span(span: Armed, zone: ZoneInfo, begun: date) -> tuple[datetime, datetime]:
    ended = begun if span.ends > span.begins else begun + timedelta(days=1)
    return moment_of(begun, span.begins, zone, last=False), moment_of(ended, span.ends, zone, last=True)


def moment_of(day: date, seconds: int, zone: ZoneInfo, last: bool) -> datetime:
    """The moment in UTC at which the clock on the wall of ``zone`` shows this; ``last``: of two, the later one."""
    wall = datetime(day.year, day.month, day.day) + timedelta(days=seconds // DAY, seconds=seconds % DAY)
    earlier = wall.replace(tzinfo=zone).astimezone(UTC)
    later = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if earlier <= later:
        return later if last else earlier
    # The clock never shows it: between the two readings lies the change, at a whole second.
    before, after = later, earlier
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after

"""When to ask, written as cron does: ``*/15 6-18 * * mon-fri``. Imports APScheduler, which reads these.

Only its reading is used, on wall-clock times without a zone: its own arithmetic stands still in the hour that comes
twice when summer time ends (measured with 3.11.3). What cron(8) promises is kept: days and weekdays that are both given
are alternatives; 0 and 7 are Sunday (APScheduler's 0 is Monday); a time that a change of the clock leaves out is due as
much later as the clock was moved, one that comes twice is due at the first, and what is due every hour, in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_AROUND = timedelta(hours=3)
"""More than any clock is moved at once."""

_MOST = 1000
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMED = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip


class Schedule:
    def __init__(self, texts: Sequence[str], zone: ZoneInfo) -> None:
        """Raises ValueError for what cron could not read, or what never comes."""
        self._zone = zone
        self._lines = [_Line(text) for text in texts]

    def next(self, after: datetime) -> datetime:
        """The first moment behind this one at which it is due; both in UTC."""
        return min(line.next(after, self._zone) for line in self._lines)


class _Line:
    def __init__(self, text: str) -> None:
        fields = _NAMED.get(text.strip().lower(), text).split()
        if len(fields) != 5:
            raise ValueError(f"{text!r} has {len(fields)} fields: write minute hour day month weekday")
        minute, hour, day, month, weekday = fields
        weekday = _weekdays(weekday, text)
        self._hourly = hour.startswith("*")
        ways = [(day, weekday)] if day.startswith("*") or weekday == "*" else [(day, "*"), ("*", weekday)]
        try:
            self._triggers = [
                CronTrigger(minute=minute, hour=hour, day=each, month=month, day_of_week=days, timezone=UTC)
                for each, days in ways
            ]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{text!r} cannot be read: {error}") from None
        if self._wall(datetime(2024, 1, 1, tzinfo=UTC)) is None:
            raise ValueError(f"{text!r} never comes")

    def next(self, after: datetime, zone: ZoneInfo) -> datetime:
        here = after.astimezone(zone)
        wall = here.replace(tzinfo=UTC)  # what the clock on the wall shows
        before, behind = (after - _AROUND).astimezone(zone), (after + _AROUND).astimezone(zone)
        steady = before.utcoffset() == behind.utcoffset()
        found: datetime | None = None
        at = wall + timedelta(microseconds=1) if steady else wall - _AROUND
        for _ in range(_MOST):
            shown = self._wall(at)
            if shown is None or (found is not None and shown - found.astimezone(zone).replace(tzinfo=UTC) > _AROUND):
                break
            for fold in (0, 1) if self._hourly else (0,):
                moment = shown.replace(tzinfo=zone, fold=fold).astimezone(UTC)
                if moment > after and (found is None or moment < found):
                    found = moment
            if found is not None and steady and (found + _AROUND).astimezone(zone).utcoffset() == here.utcoffset():
                break
            at = shown + timedelta(microseconds=1)
        if found is None:
            raise ValueError("it does not come any more")
        return found

    def _wall(self, at: datetime) -> datetime | None:
        """The first time a clock on a wall that is never moved shows from here."""
        times = [trigger.get_next_fire_time(None, at) for trigger in self._triggers]
        return min((each for each in times if each is not None), default=None)


def _weekdays(field: str, text: str) -> str:
    """By their names: numbers count from Sunday."""
    if field in ("*", "?"):
        return "*"
    found: dict[str, None] = {}
    for part in field.split(","):
        days, _, step = part.partition("/")
        first, dash, last = days.partition("-")
        begin, end = (0, 6) if days == "*" else (_day(first, text), _day(last, text) if dash else _day(first, text))
        if step and not (step.isdecimal() and int(step)):
            raise ValueError(f"{text!r} cannot be read: /{step} is no step")
        if step and not dash and days != "*":
            end = 6
        count = (end - begin) % 7 if end != begin + 7 else 6
        for each in range(begin, begin + count + 1, int(step) if step else 1):
            found[_DAYS[each % 7]] = None
    return ",".join(found)


def _day(name: str, text: str) -> int:
    if name.isdecimal() and int(name) <= 7:
        return int(name)
    if name.lower() in _DAYS:
        return _DAYS.index(name.lower())
    raise ValueError(f"{text!r} cannot be read: {name!r} is no weekday; write sun to sat, or 0 to 7")

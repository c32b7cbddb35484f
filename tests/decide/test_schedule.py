"""Armed hours by the clock on the sensor's wall, on the days it is set forward and back too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decide.rules import Armed, Schedule
from bridge.decide.schedule import is_armed, moment_of
from bridge.model import Fate, Urgency
from tests.decide.conftest import START, Bench, door, draft, site_of

SYDNEY, BERLIN, BEIRUT = ZoneInfo("Australia/Sydney"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Beirut")
HOUR = 3600
EVERY = (0, 1, 2, 3, 4, 5, 6)
WORKDAYS = (0, 1, 2, 3, 4)


def armed(span: Armed, zone: ZoneInfo, wall: str, fold: int = 0) -> bool:
    moment = datetime.fromisoformat(wall).replace(tzinfo=zone, fold=fold)
    return is_armed((span,), zone, moment.astimezone(UTC))


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-07-06T17:59:59", False),  # a Monday
        ("2026-07-06T18:00:00", True),
        ("2026-07-07T05:59:59", True),
        ("2026-07-07T06:00:00", False),
        ("2026-07-04T20:00:00", False),  # a Saturday
        ("2026-07-04T05:00:00", True),  # the night that began on Friday
        ("2026-07-06T05:00:00", False),  # the night that would have begun on Sunday
    ],
)
def test_a_span_over_midnight_is_of_the_day_on_which_it_begins(wall: str, expected: bool) -> None:
    assert armed(Armed(WORKDAYS, 18 * HOUR, 6 * HOUR), SYDNEY, wall) is expected


def test_a_whole_day_ends_at_midnight() -> None:
    sunday = Armed((6,), 0, 24 * HOUR)
    walls = ("2026-07-04T23:59:59", "2026-07-05T00:00:00", "2026-07-05T23:59:59", "2026-07-06T00:00:00")
    assert [armed(sunday, SYDNEY, wall) for wall in walls] == [False, True, True, False]


def test_when_clocks_go_back_a_beginning_counts_from_its_first_time() -> None:
    """Berlin, 25 October 2026: 3:00 becomes 2:00, and 2:30 comes twice."""
    span = Armed(EVERY, 2 * HOUR + 1800, 6 * HOUR)
    told = [("2026-10-25T02:29:00", 0), ("2026-10-25T02:31:00", 0), ("2026-10-25T02:10:00", 1)]
    assert [armed(span, BERLIN, *each) for each in told] == [False, True, True]


def test_when_clocks_go_back_an_end_counts_from_its_last_time() -> None:
    span = Armed(EVERY, 22 * HOUR, 2 * HOUR + 1800)
    told = [("2026-10-25T02:45:00", 0), ("2026-10-25T02:10:00", 1), ("2026-10-25T02:31:00", 1)]
    assert [armed(span, BERLIN, *each) for each in told] == [True, True, False]


def test_when_clocks_go_forward_a_time_that_never_comes_is_the_moment_of_the_change() -> None:
    """Berlin, 29 March 2026: 2:00 becomes 3:00."""
    change = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    day = change.date()
    assert moment_of(day, 2 * HOUR + 1800, BERLIN, last=False) == change
    assert moment_of(day, 2 * HOUR + 1800, BERLIN, last=True) == change
    begins, ends = Armed(EVERY, 2 * HOUR + 1800, 6 * HOUR), Armed(EVERY, 22 * HOUR, 2 * HOUR + 1800)
    before, after = change - timedelta(seconds=1), change + timedelta(seconds=1)
    assert [is_armed((begins,), BERLIN, each) for each in (before, after)] == [False, True]
    assert [is_armed((ends,), BERLIN, each) for each in (before, after)] == [True, False]


def test_where_midnight_itself_is_skipped_the_day_begins_with_the_change() -> None:
    """Beirut, 29 March 2026: 0:00 becomes 1:00."""
    sunday = Armed((6,), 0, 24 * HOUR)
    change = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    assert [is_armed((sunday,), BEIRUT, change + timedelta(seconds=each)) for each in (-1, 0)] == [False, True]


@given(
    minutes=st.integers(0, 366 * 24 * 60),
    begins=st.integers(0, 95),
    ends=st.integers(1, 96),
    zone=st.sampled_from([SYDNEY, BERLIN, BEIRUT, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")]),
)
def test_whatever_the_zone_a_moment_is_armed_when_its_wall_time_is_in_the_span(
    minutes: int, begins: int, ends: int, zone: ZoneInfo
) -> None:
    """On a day without a change the wall time alone decides; on one with a change nothing is armed for too short."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    span = Armed(EVERY, begins * 900, ends * 900)
    wall = moment.astimezone(zone)
    second = wall.hour * HOUR + wall.minute * 60
    since, until = span.begins <= second, second < span.ends
    inside = (since and until) if begins < ends else (since or until)
    near = [(moment + timedelta(hours=each)).astimezone(zone).utcoffset() for each in (-36, 36)]
    if near[0] == near[1]:
        assert is_armed((span,), zone, moment) is (inside or begins == ends)
    elif inside and wall.fold == 0:
        assert is_armed((span,), zone, moment)


NIGHT = Schedule("night", (Armed(EVERY, 18 * HOUR, 6 * HOUR),))


def test_alarms_are_raised_at_any_hour_unless_the_rule_says_so() -> None:
    assert Bench(site_of(NIGHT)).say(door(urgency=Urgency.ALARM)).verdicts[0].fate is Fate.RAISED
    strict = Schedule("night", NIGHT.armed, alarms=True)
    assert Bench(site_of(strict)).say(door(urgency=Urgency.ALARM)).verdicts[0].rule == "night"


def test_momentary_events_are_filtered_too() -> None:
    assert Bench(site_of(NIGHT)).say(draft()).verdicts[0].rule == "night"


def test_what_happened_in_armed_hours_and_came_late_is_raised() -> None:
    bench = Bench(site_of(NIGHT))
    assert bench.say(draft(occurred_at=START - timedelta(hours=5))).verdicts[0].fate is Fate.RAISED


def test_what_came_in_armed_hours_is_raised_though_its_clock_says_otherwise() -> None:
    bench = Bench(site_of(NIGHT))
    bench.seconds = 10.0 * HOUR
    assert bench.say(draft(occurred_at=START)).verdicts[0].fate is Fate.RAISED

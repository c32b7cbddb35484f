"""When a poll at set times is due: as cron has it, in its zone, over both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from connectors.http_poll import HttpPollSettings
from connectors.http_poll import connector as http_poll_connector
from connectors.http_poll.schedule import Schedule
from tests.connectors.conftest import Inbox, Vault
from tests.connectors.outgoing import at_work, http_poll, until
from tests.connectors.stream_server import Viewer, playing

PRAGUE = ZoneInfo("Europe/Prague")
FORWARD = datetime(2026, 3, 28, 23, 50, tzinfo=UTC)
"""00:50 in the night in which 02:00 becomes 03:00."""
BACK = datetime(2026, 10, 24, 23, 20, tzinfo=UTC)
"""01:20 in the night in which 03:00 becomes 02:00."""


def due(*lines: str, after: datetime, count: int = 5, zone: ZoneInfo = PRAGUE) -> list[str]:
    schedule = Schedule(lines, zone)
    found = []
    for _ in range(count):
        after = schedule.next(after)
        found.append(after.astimezone(zone).strftime("%a %H:%M %z"))
    return found


def test_it_is_due_as_cron_has_it() -> None:
    monday = datetime(2026, 1, 5, 16, 50, tzinfo=UTC)
    assert due("*/15 6-18 * * mon-fri", after=monday) == [
        "Mon 18:00 +0100", "Mon 18:15 +0100", "Mon 18:30 +0100", "Mon 18:45 +0100", "Tue 06:00 +0100",
    ]  # fmt: skip
    assert due("@daily", after=monday, count=2) == ["Tue 00:00 +0100", "Wed 00:00 +0100"]
    assert due("0 6 * * *", "30 5 * * 3", after=monday, count=3) == [
        "Tue 06:00 +0100", "Wed 05:30 +0100", "Wed 06:00 +0100",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("weekdays", "names"),
    [
        ("0", ["Sun"]),
        ("7", ["Sun"]),
        ("1-5", ["Mon", "Tue", "Wed", "Thu", "Fri"]),
        ("5-7", ["Fri", "Sat", "Sun"]),
        ("0-6", ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        ("0-7", ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        ("sat-mon", ["Mon", "Sat", "Sun"]),
        ("*/2", ["Tue", "Thu", "Sat", "Sun"]),
        ("1-5/2,SUN", ["Mon", "Wed", "Fri", "Sun"]),
    ],
)
def test_weekdays_count_from_sunday(weekdays: str, names: list[str]) -> None:
    sunday_night = datetime(2026, 1, 4, 23, 30, tzinfo=UTC)
    found = due(f"0 6 * * {weekdays}", after=sunday_night, count=len(names))
    assert [each[:3] for each in found] == names


def test_a_day_and_a_weekday_are_alternatives() -> None:
    start = datetime(2026, 3, 26, tzinfo=UTC)
    found = due("0 6 1 * mon", after=start, count=3)
    assert [each[:3] for each in found] == ["Mon", "Wed", "Mon"]


def test_a_time_the_clock_leaves_out_is_due_as_much_later() -> None:
    assert due("30 2 * * *", after=FORWARD, count=2) == ["Sun 03:30 +0200", "Mon 02:30 +0200"]
    assert due("30 2 * * *", "0 3 * * *", after=FORWARD, count=2) == ["Sun 03:00 +0200", "Sun 03:30 +0200"]
    assert due("0 * * * *", after=FORWARD, count=4) == [
        "Sun 01:00 +0100", "Sun 03:00 +0200", "Sun 04:00 +0200", "Sun 05:00 +0200",
    ]  # fmt: skip


def test_a_time_that_comes_twice_is_due_once_and_what_is_due_every_hour_in_both() -> None:
    assert due("30 2 * * *", after=BACK, count=2) == ["Sun 02:30 +0200", "Mon 02:30 +0100"]
    assert due("*/30 * * * *", after=BACK, count=7) == [
        "Sun 01:30 +0200", "Sun 02:00 +0200", "Sun 02:30 +0200", "Sun 02:00 +0100", "Sun 02:30 +0100",
        "Sun 03:00 +0100", "Sun 03:30 +0100",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ["Europe/Prague", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"])
@pytest.mark.parametrize("minutes", [10, 15, 30])
def test_what_is_due_every_few_minutes_is_so_through_the_whole_year(zone: str, minutes: int) -> None:
    """Where clocks are moved by an hour, and by half of one."""
    schedule = Schedule([f"*/{minutes} * * * *"], ZoneInfo(zone))
    for month, day in ((3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1)):
        at = datetime(2026, month, day, tzinfo=UTC) - timedelta(hours=14)
        for _ in range(28 * 60 // minutes):
            following = schedule.next(at)
            assert following - at == timedelta(minutes=minutes)
            at = following


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("* * * *", "has 4 fields"),
        ("61 * * * *", "61"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 * * 8", "is no weekday"),
        ("0 0 * * mon/0", "is no step"),
        ("x * * * *", "cannot be read"),
    ],
)
def test_what_cron_could_not_read_is_refused(line: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HttpPollSettings.model_validate({"url": "http://10.0.0.1/x", "cron": line})


def test_an_interval_and_set_times_are_not_both() -> None:
    with pytest.raises(ValidationError, match="give every or cron"):
        HttpPollSettings.model_validate({"url": "http://10.0.0.1/x", "cron": "@daily", "every": "10 s"})


async def test_it_is_asked_once_at_the_start_and_then_when_it_is_due(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day passes in a moment: the clock is the test's."""
    monkeypatch.setattr(http_poll_connector, "LOOK_EVERY", 0.01)
    now = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
    asked = looks = 0

    def clock() -> datetime:
        nonlocal looks
        looks += 1
        return now

    async def looked() -> None:
        """Until the connector has seen what time it is."""
        before = looks
        await until(lambda: looks >= before + 3)

    async def play(viewer: Viewer) -> None:
        nonlocal asked
        asked += 1
        await viewer.answer("200 OK", body=b'{"n":%d}' % asked)

    async with playing(play) as device:
        settings = HttpPollSettings.model_validate({"url": device.url, "cron": "0 6 * * *"}).at_site("Europe/Prague")
        connector = http_poll_connector.HttpPollConnector(http_poll(device.url)._name, settings, [], Vault())
        connector._now = clock
        async with at_work(connector, inbox) as (link, _):
            assert await link.hear("up") == f"up: {device.url} answers, asked at 0 6 * * *"
            await inbox.hold(1)
            now += timedelta(minutes=59)
            await looked()
            assert asked == 1
            now += timedelta(minutes=1)  # 06:00 in Prague
            await inbox.hold(2)
            for _ in range(23):
                now += timedelta(hours=1)
                await looked()
                assert asked == 2
            now += timedelta(hours=1)
            await inbox.hold(3)


async def test_a_poll_that_fails_is_not_left_until_the_next_time(inbox: Inbox) -> None:
    asked = 0

    async def play(viewer: Viewer) -> None:
        nonlocal asked
        asked += 1
        if asked <= 2:
            await viewer.answer("503 Service Unavailable")
        else:
            await viewer.answer("200 OK", body=b"{}")

    async with playing(play) as device:
        settings = HttpPollSettings.model_validate({"url": device.url, "cron": "0 6 1 1 *"})
        made = http_poll(device.url)
        connector = http_poll_connector.HttpPollConnector(made._name, settings, [], Vault())
        connector.backoff = made.backoff
        async with at_work(connector, inbox):
            await inbox.hold(1)


def test_a_firewall_is_told_when() -> None:
    settings = HttpPollSettings.model_validate({"url": "http://10.0.0.1/x", "cron": ["@daily", "0 6 * * mon"]})
    (found,) = http_poll("http://127.0.0.1/").reaches(settings, [])
    assert found.how_often == "at @daily, 0 6 * * mon"

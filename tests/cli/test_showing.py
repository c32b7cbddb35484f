"""Facts as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.cli.showing import ago, local, size, table
from bridge.control.search import moment

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (8 * 2**30, "8.0 GiB"), (None, "-")]
)
def test_sizes(number: object, shown: str) -> None:
    assert size(number) == shown


@pytest.mark.parametrize(
    ("back", "shown"),
    [
        (0.1, "just now"),
        (5, "5 s ago"),
        (119, "119 s ago"),
        (600, "10 min ago"),
        (7200, "2 h ago"),
        (3 * 86400, "3 d ago"),
    ],
)
def test_how_long_ago(back: float, shown: str) -> None:
    assert ago((datetime.now(UTC) - timedelta(seconds=back)).isoformat()) == shown


def test_no_time_is_a_dash() -> None:
    assert (local(None), ago(None), local("")) == ("-", "-", "-")


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    assert table([("a", "bb", "c"), ("aaa", "b")], indent=1) == [" a    bb  c", " aaa  b"]
    assert table([]) == []


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2 h", NOW - timedelta(hours=2)),
        ("500 ms", NOW - timedelta(seconds=0.5)),
        ("2026-11-21T07:00:00Z", NOW - timedelta(hours=1)),
        ("2026-11-21T19:00:00+11:00", NOW),
    ],
)
def test_since_is_how_long_ago_or_a_date_and_time(text: str, when: datetime) -> None:
    assert moment(text, NOW) == when


@pytest.mark.parametrize("text", ["yesterday", "", "2 weeks", "99999999999 d", "2026-13-01"])
def test_another_since_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="2 h"):
        moment(text, NOW)

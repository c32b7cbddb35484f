"""How values, times and titles are read."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bridge.model import Scalar
from bridge.profiles.times import time_reader
from bridge.profiles.titles import TitleError, compile_title
from bridge.profiles.values import NORMALISERS

PRAGUE = ZoneInfo("Europe/Prague")


@pytest.mark.parametrize(
    ("normaliser", "value", "expected"),
    [
        ("plain", 1.5, 1.5),
        ("plain", [1], None),
        ("plain", 2**70, str(2**70)),
        ("text", "  x ", "x"),
        ("text", "  ", None),
        ("text", 12, "12"),
        ("text", True, "true"),
        ("text", {"a": 1}, None),
        ("upper", "cze", "CZE"),
        ("lower", "GRAY", "gray"),
        ("number", "24", 24),
        ("number", "0.5", 0.5),
        ("number", "x", None),
        ("number", "inf", None),
        ("number", True, None),
        ("number", "9" * 30, None),
        ("whole", "7.9", 7),
        ("confidence", "0.868800", 0.8688),
        ("confidence", "96.657967", 0.9666),
        ("confidence", 1, 1.0),
        ("confidence", "100", 1.0),
        ("confidence", "101", None),
        ("confidence", "-1", None),
        ("percent", "97 %", 97),
        ("percent", 120, None),
        ("flag", "Yes", True),
        ("flag", 0, False),
        ("flag", "perhaps", None),
        ("plate", "m wr-6677", "MWR6677"),
        ("plate", "TÖL\u00a0SL 123", "TÖLSL123"),
        ("plate", " - ", None),
        ("mac", "b8:a4:4f:00:00:01", "B8A44F000001"),
        ("mac", "B8-A4-4F-00-00-01", "B8A44F000001"),
        ("mac", "b8a4.4f00.0001", "B8A44F000001"),
        ("mac", "", None),
        ("mac", "PRG-82", None),
        ("serial", "b8a44f000001", "B8A44F000001"),
        ("serial", "acc-77", "ACC-77"),
    ],
)
def test_a_normaliser_gives_one_spelling(normaliser: str, value: object, expected: Scalar) -> None:
    found = NORMALISERS[normaliser](value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("1767603724", None, "2026-01-05T09:02:04+00:00"),
        (1767603724104, None, "2026-01-05T09:02:04.104000+00:00"),
        ("1767603724104250", None, "2026-01-05T09:02:04.104250+00:00"),
        ("1767603724104250999", None, "2026-01-05T09:02:04.104250+00:00"),
        (1767603724.5, None, "2026-01-05T09:02:04.500000+00:00"),
        ("2026-01-05T09:02:04.104Z", None, "2026-01-05T09:02:04.104000+00:00"),
        ("2024-05-29 10:48:27.364000+00:00", None, "2024-05-29T10:48:27.364000+00:00"),
        ("2026-01-05T10:02:04", None, "2026-01-05T09:02:04+00:00"),
        ("20260105 100204104", "%Y%m%d %H%M%S%f", "2026-01-05T09:02:04.104000+00:00"),
        ("20260705 100204104", "%Y%m%d %H%M%S%f", "2026-07-05T08:02:04.104000+00:00"),
        ("20260105 100204104-0500", "%Y%m%d %H%M%S%f", "2026-01-05T15:02:04.104000+00:00"),
        ("20260105 100204104 +05:30", "%Y%m%d %H%M%S%f", "2026-01-05T04:32:04.104000+00:00"),
        ("20260105 100204104Z", "%Y%m%d %H%M%S%f", "2026-01-05T10:02:04.104000+00:00"),
        ("0", None, None),
        ("86400", None, None),
        ("9" * 30, None, None),
        (1e300, None, None),
        ("soon", None, None),
        (["x"], None, None),
        (5, "%Y", None),
        ("20261305 100204104", "%Y%m%d %H%M%S%f", None),
        (True, None, None),
    ],
)
def test_a_time_is_read_in_its_unit_and_zone(value: object, form: str | None, expected: str | None) -> None:
    found = time_reader(lambda seen: seen["item"]["t"], form)({"item": {"t": value}}, PRAGUE)
    assert found == (None if expected is None else datetime.fromisoformat(expected))


def test_a_title_leaves_out_the_brackets_whose_field_is_missing() -> None:
    title = compile_title("{plate}[ {country}][ to {lane} ({list})] 100%")
    assert title({"plate": "A", "country": "CZE", "lane": 2, "list": "x"}) == "A CZE to 2 (x) 100%"
    assert title({"plate": "A", "lane": 2}) == "A 100%"
    assert title({}) == "100%"


def test_signs_in_a_title_are_written_twice() -> None:
    assert compile_title("[[{{{a}}}]] %s")({"a": "%d"}) == "[{%d}] %s"


def test_a_title_is_bounded() -> None:
    assert len(compile_title("{a}")({"a": "x" * 5000})) == 200


@pytest.mark.parametrize("template", ["[a]", "[{a}", "{a}]", "[[{a}", "{", "}", "{}", "[{a}[{b}]]"])
def test_a_title_that_cannot_be_meant_is_refused(template: str) -> None:
    if template == "[[{a}":
        assert compile_title(template)({"a": 1}) == "[1"
        return
    with pytest.raises(TitleError):
        compile_title(template)

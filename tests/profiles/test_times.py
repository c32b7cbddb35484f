"""A device's own time is read in every form that the references show, and placed in the right zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.profiles.compile import ProfileErrors
from bridge.profiles.times import time_reader

PRAGUE = "Europe/Prague"


def read(value: object, form: str | None = None, own: str | None = None, zone: str = PRAGUE) -> str | None:
    from zoneinfo import ZoneInfo

    found = time_reader(lambda seen: seen["item"]["t"], form, own)({"item": {"t": value}}, ZoneInfo(zone))
    assert found is None or found.tzinfo is UTC
    return None if found is None else found.isoformat()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-01-05T10:00:03+01:00", "2026-01-05T09:00:03+00:00"),  # Hikvision
        ("2026-01-05T10:00:03", "2026-01-05T09:00:03+00:00"),
        ("2024-05-29 10:48:27.364000+00:00", "2024-05-29T10:48:27.364000+00:00"),  # OMNI
        ("2024-05-29T10:48:27Z", "2024-05-29T10:48:27+00:00"),
        ("2026-01-05T09:00:04.001Z", "2026-01-05T09:00:04.001000+00:00"),  # VisualCortex
        ("2026-01-05T09:00:04.123456789Z", "2026-01-05T09:00:04.123456+00:00"),
        ("2023-04-07T21:15:24.487+09:00", "2023-04-07T12:15:24.487000+00:00"),  # OvenMediaEngine
        ("2021-10-27T06:20:43.970337Z", "2021-10-27T06:20:43.970337+00:00"),  # Plate Recognizer
        ("2021-10-27 08:20:43.970337+02:00", "2021-10-27T06:20:43.970337+00:00"),
        ("20260105T090000Z", "2026-01-05T09:00:00+00:00"),  # Hikvision's picTime, captureTime and absTime
        ("20240428T1300000000", "2024-04-28T11:00:00+00:00"),
        ("20260105100003654", "2026-01-05T09:00:03.654000+00:00"),
        (20260105100003654, "2026-01-05T09:00:03.654000+00:00"),
        ("20260105100003", "2026-01-05T09:00:03+00:00"),
        ("20260105100003654321", "2026-01-05T09:00:03.654321+00:00"),
        ("2026-01-05 10:00:03.512", "2026-01-05T09:00:03.512000+00:00"),  # Dahua
        ("2026-01-05 10:00:03 +0100", "2026-01-05T09:00:03+00:00"),
        ("20260105 100204104", "2026-01-05T09:02:04.104000+00:00"),  # CAMMRA
        ("20260105 100204104+0200", "2026-01-05T08:02:04.104000+00:00"),
        ("1767603724104", "2026-01-05T09:02:04.104000+00:00"),
        (1767603724, "2026-01-05T09:02:04+00:00"),
        (1767603724104000, "2026-01-05T09:02:04.104000+00:00"),
        ("1767603724104000000", "2026-01-05T09:02:04.104000+00:00"),
        (1767603603.512, "2026-01-05T09:00:03.512000+00:00"),
        (1767603603512.0, "2026-01-05T09:00:03.512000+00:00"),
    ],
)  # fmt: skip
def test_every_form_of_the_references_is_read(value: object, found: str) -> None:
    assert read(value) == found


@pytest.mark.parametrize(
    "value",
    [None, "", "now", True, [], {}, -5, 0, "0", "1999-12-31T23:59:59Z", "20261305100003654", "20260105 256161", 1e300,
     "2026-01-05T10:00:03+99:00", "9999-12-31T23:59:59-23:59", "x" * 100_000, "1" * 100_000,
     "2026-01-05" + " " * 100_000],
)  # fmt: skip
def test_what_is_no_time_is_none(value: object) -> None:
    assert read(value) is None
    assert read(value, "%Y-%m-%d %H:%M:%S") is None


def test_a_text_without_offset_is_in_the_sensors_zone_or_in_the_one_that_is_named(bench: Any) -> None:
    assert read("2025-09-09 23:22:38.030345") == "2025-09-09T21:22:38.030345+00:00"
    assert read("2025-09-09 23:22:38.030345", own="UTC") == "2025-09-09T23:22:38.030345+00:00"
    assert read("2025-09-09 23:22:38+04:00", own="UTC") == "2025-09-09T19:22:38+00:00"
    assert read("09.09.2025 23:22", "%d.%m.%Y %H:%M", "America/New_York") == "2025-09-10T03:22:00+00:00"
    kinds = "messages: {any: {type: a.b, title: x, time: {from: item.t, zone: UTC}}}"
    (draft,) = bench("", kinds).drafts(b'{"t":"2025-09-09 23:22:38"}', zone=PRAGUE)
    assert draft.occurred_at == datetime(2025, 9, 9, 23, 22, 38, tzinfo=UTC)
    with pytest.raises(ProfileErrors, match="there is no time zone Prague"):
        bench("", kinds.replace("UTC", "Prague"))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59+00:00"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00+00:00"),  # left out: the clock was not put forward yet
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00+00:00"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00+00:00"),  # told twice: the first time
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00+00:00"),
        ("20261025 023000000", "2026-10-25T00:30:00+00:00"),
    ],
)  # fmt: skip
def test_hours_that_the_clocks_leave_out_or_tell_twice_have_a_place(value: str, found: str) -> None:
    assert read(value) == found


def test_a_form_of_its_own_may_have_an_offset_after_it_and_be_a_number() -> None:
    assert read("20260105 100204104-0130", "%Y%m%d %H%M%S%f") == "2026-01-05T11:32:04.104000+00:00"
    assert read(20260105, "%Y%m%d", "UTC") == "2026-01-05T00:00:00+00:00"

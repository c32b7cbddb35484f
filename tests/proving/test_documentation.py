"""docs/handover.md says what is looked at, and the limits that hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.proving import certificates, clocks, disk, routes
from bridge.proving.lines import Grade, Topic
from bridge.proving.trips import MOST_TRIES

PAGE = (Path(__file__).resolve().parents[2] / "docs/handover.md").read_text("utf-8")
ROWS = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if line.startswith("| ")}


def test_every_topic_has_its_row_and_every_grade_its_word() -> None:
    assert {topic.value for topic in Topic if topic is not Topic.ROUND_TRIP} <= set(ROWS)
    assert all(f"`{grade.value}`" in PAGE for grade in Grade)


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("names", f"{routes.SLOW:g} s"),
        ("names", f"within {routes.RESOLVE:g} s"),
        ("routes", f"within {routes.CONNECT:g} s"),
        ("tls", f"{certificates.FORESEEN.days} days"),
        ("clocks", f"{clocks.NOTICED:g} s apart"),
        ("clocks", f"VMS {clocks.APART:g} s apart"),
        ("clocks", f"{clocks.SENSOR_LIMIT:g} s"),
        ("disk", f"{disk.NOTICED * 1000:g} ms"),
        ("disk", f"{disk.TOO_SLOW * 1000:g} ms"),
        ("disk", f"{disk.ROUNDS} times"),
    ],
)
def test_the_limits_on_the_page_are_those_that_hold(topic: str, words: str) -> None:
    assert words in ROWS[topic]


def test_the_page_says_how_many_sensors_are_tried() -> None:
    assert MOST_TRIES == 3
    assert "up to two other sensors" in PAGE

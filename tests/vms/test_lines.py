"""An event as one text of lines, and read out of it again."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bridge.model import Action, CameraId, Delivery, VmsId
from bridge.vms.lines import EVENT, lines_of, moment_of, tags_of
from bridge.vms.text import Place
from tests.vms.conftest import event

PLACE = Place(lines=False)
TEXT = st.text(max_size=80)


def of(limit: int = 2**16, **more: object) -> str:
    told = Delivery(event=event(**more), camera=CameraId("c"), vms=VmsId("v"), action=Action.RAISE)
    return lines_of(told, PLACE, limit)


@given(TEXT, TEXT, st.dictionaries(st.text(min_size=1, max_size=20), TEXT | st.integers() | st.none(), max_size=6))
def test_whatever_it_says_what_the_bridge_knows_is_read_again(title: str, name: str, fields: dict[str, object]) -> None:
    tags = tags_of(of(title=title, sensor_name=name, fields=fields, condition=title, marks=(title,)))
    assert tags[EVENT] == "0197c3-1.0"
    assert (tags["revision"], tags["sensor"], tags["type"]) == ("0", "door-17", "access.denied")
    assert moment_of(tags["occurred"]) == datetime(2026, 2, 3, 10, 15, 30, 250000, UTC)


def test_one_without_a_title_is_called_by_its_type() -> None:
    for title in ("", " ", "\n", "\x00"):
        assert of(title=title).startswith("access.denied\nbridge_event: ")


def test_a_short_limit_leaves_the_title_and_the_id() -> None:
    text = of(300, fields={"note": "x" * 5000})
    assert len(text.encode()) <= 300
    assert text.startswith("Access denied\nbridge_event: 0197c3-1.0\n")
    assert "all of it in event 0197c3-1.0" in text


def test_what_others_wrote_is_none_of_ours() -> None:
    assert tags_of("A man opens a door.\nIt is red: very red") == {}
    assert moment_of("yesterday") is None


def test_line_ends_as_web_pages_write_them_are_read() -> None:
    assert tags_of(of().replace("\n", "\r\n")) == tags_of(of())

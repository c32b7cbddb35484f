"""What does not fit is cut between fields, and says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import EventId
from bridge.vms.text import as_text, one_text, shorten

EVENT = EventId("0197c3-1.0")


def test_what_fits_stays_as_it_is() -> None:
    assert shorten("a,b", 3, EVENT) == "a,b"


def test_what_does_not_fit_ends_between_fields_and_names_the_event_that_has_it_all() -> None:
    text = ",".join(f'"field_{number}":{number}' for number in range(100))
    short = shorten(text, 255, EVENT)
    assert len(short) <= 255
    kept, _, marker = short.partition("…")
    assert text.startswith(kept + ",")
    assert marker == f" [cut from {len(text)} characters, all of it in event 0197c3-1.0]"


def test_a_text_without_boundaries_is_cut_where_it_must() -> None:
    assert shorten("x" * 300, 255, EVENT).startswith("x" * 180)


@given(st.text(max_size=400), st.integers(min_value=1, max_value=300))
def test_it_is_never_longer_than_asked_and_always_says_when_it_was_cut(text: str, limit: int) -> None:
    short = shorten(text, limit, EVENT)
    assert len(short) <= limit
    assert short == text or "…" in short


def test_fields_in_one_text_are_left_out_whole() -> None:
    fields = {"plate": "1AB 2345", "country": "CZE", "note": "x" * 80}
    assert one_text(fields, 255, EVENT) == f"plate: 1AB 2345; country: CZE; note: {'x' * 80}"
    assert one_text(fields, 80, EVENT) == "plate: 1AB 2345; country: CZE; … [1 more in event 0197c3-1.0]"
    assert len(one_text(fields, 10, EVENT)) <= 10


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (None, ""), (3, "3"), (0.5, "0.5"), ("ü", "ü")]
)
def test_values_read_as_a_guard_reads_them(value: str | int | float | bool | None, text: str) -> None:
    assert as_text(value) == text

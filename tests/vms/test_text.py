"""What does not fit is cut between fields, and says so."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import EventId
from bridge.vms.text import Encoding, Place, as_text, form_encoded, one_text, percent_encoded, short_name, shorten

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


def test_a_name_is_cut_so_that_it_stays_apart_from_others_that_begin_alike() -> None:
    assert short_name("door_forced", 20) == "door_forced"
    cut = {short_name(f"vehicle_identified_at_gate_{number}", 20) for number in range(100)}
    assert len(cut) == 100
    assert all(len(each) <= 20 and each.startswith("vehicle_ident_") for each in cut)


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


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
@given(text=st.text(max_size=400), limit=st.integers(min_value=4, max_value=300))
def test_bytes_are_counted_where_a_place_is_told_by_them_and_no_character_is_halved(
    encoding: Encoding, text: str, limit: int
) -> None:
    short = shorten(text, limit, EVENT, encoding)
    written = short.encode(encoding, "replace")
    assert len(written) <= limit
    assert short == text or ("…" if encoding == "utf-8" else "...") in short
    one = one_text({"note": text, "more": text}, limit, EVENT, encoding)
    assert len(one.encode(encoding, "replace")) <= limit


NARROW = Place(most=60, encoding="utf-8", beyond=False, lines=False, instead={"|": "/", "'": "’"})


def test_what_a_place_cannot_hold_is_replaced_before_it_is_shortened() -> None:
    assert NARROW.clean("a|b'c\nd\x00e\x7f🚗 \ud83d ž") == "a/b’c d e \ufffd ? ž"
    assert Place(encoding="ascii").clean("žluť\nx") == "?lu?\nx"
    assert Place().clean("žluť 🚗\nx") == "žluť 🚗\nx"


def test_before_the_fields_stands_what_must_not_be_cut() -> None:
    fields = {"plate": "1AB 2345", "country": "CZE", "note": "x" * 80}
    assert NARROW.one_text(fields, EVENT, "[e] ") == "[e] plate: 1AB 2345; … [2 more in event 0197c3-1.0]"
    assert NARROW.one_text({}, EVENT, "[e] Door") == "[e] Door"
    assert NARROW.one_text(fields, EVENT, "x" * 50).startswith("x" * 50)
    assert Place().one_text(fields, EVENT, "[e] ") == f"[e] plate: 1AB 2345; country: CZE; note: {'x' * 80}"


@given(st.text(max_size=300), st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=5))
def test_whatever_comes_it_fits_the_place(before: str, fields: dict[str, str]) -> None:
    for text in (NARROW.one_text(fields, EVENT, before), NARROW.shortened(before, EVENT)):
        assert len(text.encode("utf-8")) <= 60
        assert not set(text) & {"|", "'", "\n", "\0"}
        assert all(char <= "\uffff" for char in text)


@given(text=st.text(max_size=400), limit=st.integers(min_value=4, max_value=300))
def test_in_a_url_each_character_counts_as_it_stands_there(text: str, limit: int) -> None:
    place = Place(most=limit, encoding="url")
    for short in (place.shortened(text, EVENT), place.one_text({"note": text, "more": text}, EVENT, text[:5])):
        written = percent_encoded(short)
        assert len(written) <= limit
        assert written.isascii()
        assert written == quote(short, safe="")
    short = place.shortened(text, EVENT)
    assert short == place.clean(text) or "..." in short


def test_as_many_fields_are_kept_as_have_room_in_a_url() -> None:
    fields = {f"pole {number}": "č" * 10 for number in range(3000)}
    text = one_text(fields, 1000, EVENT, "url")
    assert text.endswith("pole 10: čččččččččč; ... [2989 more in event 0197c3-1.0]")
    assert 900 < len(percent_encoded(text)) <= 1000


@given(st.text(max_size=200))
def test_a_form_holds_what_the_standard_library_would_write(text: str) -> None:
    assert form_encoded(text) == quote_plus(text, safe="", errors="replace")

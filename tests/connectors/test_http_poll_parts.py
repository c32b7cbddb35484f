"""What the poller picks out of answers and puts into questions."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.http_poll import HttpPollSettings, moments, template
from connectors.http_poll.answer import Path, Unreadable, document
from connectors.http_poll.cursor import Cursor, Unusable
from connectors.http_poll.settings import CursorSettings

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
SYDNEY = ZoneInfo("Australia/Sydney")


def cursor(**settings: object) -> Cursor:
    return Cursor(CursorSettings.model_validate({"from": "[*].at", **settings}))


# ------------------------------------------------------------------------------------------------------------ documents


def test_xml_is_read_by_local_names_as_profiles_read_it() -> None:
    body = b"""\xef\xbb\xbf<?xml version="1.0"?><x:events xmlns:x="urn:y" count="2">
      <x:event id="7"><TS>1</TS><LPR>A &amp; B & C</LPR></x:event><x:event><TS>2</TS><empty/></x:event></x:events>"""
    assert document(body) == {
        "@root": "events",
        "@count": "2",
        "event": [{"@id": "7", "TS": "1", "LPR": "A & B & C"}, {"TS": "2", "empty": ""}],
    }


def test_xml_that_is_not_quite_xml_is_read_over() -> None:
    assert document(b'<?xml version="1.0" encoding="UTF-8"?><e><LPR>T\xd6L\x07</LPR></e>') == {
        "@root": "e",
        "LPR": "TÖL",
    }


def test_one_element_is_as_good_as_a_list_of_one() -> None:
    one = document(b"<events><event><TS>5</TS></event></events>")
    assert Path("event[*].TS").values(one) == ["5"]
    assert Path("event.TS").values(document(b"<e><event><TS>5</TS></event><event><TS>6</TS></event></e>")) == ["5", "6"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"<html><body>log in</body></html>", "a web page"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "declares a document type"),
        (b"<events><event>", "no XML"),
        (b"not json", "neither JSON nor XML"),
        (b"", "neither JSON nor XML"),
        (b"<a>" * 100 + b"</a>" * 100, "nested deeper"),
    ],
)
def test_what_is_no_answer_is_said(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        document(body)


@pytest.mark.shows("connector:http-poll", "fuzzed")
@given(st.binary(max_size=300))
def test_no_body_does_more_than_to_be_refused(body: bytes) -> None:
    for start in (b"", b"<", b'{"a":', b"<a>"):
        with contextlib.suppress(Unreadable):
            document(start + body)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("data.events.items[*].date", ["1", "2"]),
        ("data.events.items.date", ["1", "2"]),
        ("data.events.items[1].date", ["2"]),
        ("data.events.items[7].date", []),
        ("data.events.$next.link", ["x"]),
        ("data.nothing.items", []),
        ("", [{"data": {"events": {"items": [{"date": "1"}, {"date": "2"}], "$next": {"link": "x"}}}}]),
    ],
)
def test_a_path_leads_to_all_it_says(path: str, found: list[object]) -> None:
    answer = {"data": {"events": {"items": [{"date": "1"}, {"date": "2"}], "$next": {"link": "x"}}}}
    assert Path(path).values(answer) == found


@pytest.mark.parametrize("path", ["a..b", ".a", "a.", "a[", "a[x]", "a]b", "[*]]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="write a path like"):
        Path(path)


def test_nothing_there_is_told_from_an_empty_list() -> None:
    assert Path("a.b").elements({"a": {"b": []}}) == []
    assert Path("a.b").elements({"a": {"b": None}}) == []
    assert Path("a.b").elements({"a": None}) is None
    assert Path("[*]").elements([{"x": 1}, {"x": 2}]) == [{"x": 1}, {"x": 2}]


# -------------------------------------------------------------------------------------------------------------- moments


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024-05-29 10:48:27.364000+00:00", "2024-05-29T10:48:27.364000+00:00"),  # reference OMNI, section 4
        ("2024-05-29T10:48:27Z", "2024-05-29T10:48:27.000000+00:00"),
        ("2024-05-29T10:48:27.3+0200", "2024-05-29T08:48:27.300000+00:00"),
        ("2024-05-29T10:48:27,364999999-01:30", "2024-05-29T12:18:27.364999+00:00"),
        ("2024-05-29 10:48:27", "2024-05-29T00:48:27.000000+00:00"),  # Sydney
        ("1767603723", "2026-01-05T09:02:03.000000+00:00"),
        ("1767603723512", "2026-01-05T09:02:03.512000+00:00"),
        (1767603723512044, "2026-01-05T09:02:03.512044+00:00"),
        (1767603723512044999, "2026-01-05T09:02:03.512044+00:00"),
        (1767603723.5, "2026-01-05T09:02:03.500000+00:00"),
    ],
)
def test_times_are_read_however_they_are_written(text: object, wanted: str) -> None:
    moment = moments.read(text, SYDNEY)
    assert moment is not None
    assert moments.write(moment, "iso") == wanted


@pytest.mark.parametrize("text", ["CAR", "", None, True, -5, "0", "9" * 40, "2024-13-01T00:00:00Z", [], float("nan")])
def test_what_is_no_time_is_none(text: object) -> None:
    assert moments.read(text, SYDNEY) is None


@pytest.mark.parametrize(
    ("form", "wanted"),
    [("s", 1767603723), ("ms", 1767603723512), ("us", 1767603723512044), ("%Y-%m-%d %H:%M", "2026-01-05 09:02")],
)
def test_times_are_written_as_the_server_wants_them(form: str, wanted: object) -> None:
    moment = moments.read(1767603723512044, SYDNEY)
    assert moment is not None
    assert moments.write(moment, form) == wanted


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1)))
def test_a_time_survives_being_kept(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    kept = cursor().kept_as(moment.isoformat())
    assert moments.read(kept, UTC) == moment  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------------------- cursor


def test_of_times_the_latest_counts_and_never_one_before_what_was_read() -> None:
    made = cursor()
    kept = made.after(made.start(datetime(2026, 1, 5, 9, tzinfo=UTC)), [{"at": "2026-01-05T09:30:00Z"}], NOW)
    assert kept == "2026-01-05T09:30:00.000000+00:00"
    assert made.after(kept, [{"at": "2026-01-05T09:10:00Z"}, {"at": "CAR"}, {}], NOW) == kept
    assert made.after(kept, [], NOW) == kept


def test_a_device_whose_clock_is_ahead_does_not_hide_what_it_says_later() -> None:
    made = cursor()
    kept = made.after(made.start(NOW), [{"at": "2099-01-01T00:00:00Z"}], NOW)
    assert kept == "2026-01-05T10:00:00.000000+00:00"


def test_the_overlap_is_asked_for_again() -> None:
    assert cursor(overlap="90 s").question("2026-01-05T10:00:00.000000+00:00") == "2026-01-05T09:58:30.000000+00:00"
    assert cursor(write="us", overlap="1 s").question("2026-01-05T10:00:00.000000+00:00") == 1767607199000000


def test_numbers_are_compared_as_numbers() -> None:
    made = cursor(**{"as": "number", "start": "0"})
    assert made.after("9", [{"at": 10}, {"at": "8"}], NOW) == "10"
    assert made.question("10") == 10
    assert made.after("10", [{"at": "inf"}, {"at": "9" * 5000}, {"at": "1e3"}], NOW) == "1e3"


def test_a_text_is_kept_as_it_is() -> None:
    last, first = cursor(**{"as": "text", "start": ""}), cursor(**{"as": "text", "start": "", "pick": "first"})
    assert (last.after("a", [{"at": "z"}, {"at": "b"}], NOW), first.after("a", [{"at": "z"}, {"at": "b"}], NOW)) == (
        "b",
        "z",
    )


def test_a_cursor_of_another_kind_is_not_guessed_from() -> None:
    with pytest.raises(Unusable, match="give the cursor another name to begin anew"):
        cursor().kept_as("page-7")


# ------------------------------------------------------------------------------------------------------------ questions


def test_gaps_are_filled_and_all_other_braces_are_left_alone() -> None:
    question = {
        "query": "query($from: DateTime) { events(filters: {date: {gte: $from}}) { id } }",
        "variables": {"from": "{cursor}", "offset": "{offset}", "note": "from {cursor} on", "deep": ["{limit}"]},
    }
    assert template.filled(question, {"cursor": "T", "offset": 5, "limit": 10}) == {
        "query": question["query"],
        "variables": {"from": "T", "offset": 5, "note": "from T on", "deep": [10]},
    }


CURSOR = {"from": "at"}
BY_OFFSET = {"by": "offset"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cursor": CURSOR}, r"write \{cursor\} in query"),
        ({"query": {"a": "{cursor}"}}, "needs cursor"),
        ({"query": {"a": "{cusror}"}, "cursor": CURSOR}, r"there is no \{cusror\}; there is \{cursor\}"),
        ({"query": {"a": "{offset}"}}, "needs pages"),
        ({"pages": BY_OFFSET, "items": "x"}, r"need \{offset\}"),
        ({"pages": BY_OFFSET, "query": {"o": "{offset}"}}, "say where the things stand"),
        ({"pages": {"by": "next"}}, "belong together"),
        ({"json": {}, "body": ""}, "not both"),
        ({"digest": "secret:a", "basic": "secret:b"}, "one authorization"),
        ({"query": {"a": "{cursor}"}, "cursor": {"from": "a..b"}}, "write a path like"),
        ({"query": {"a": "{cursor}"}, "cursor": {"from": "a", "as": "number"}}, "say where a number starts"),
        ({"query": {"a": "{cursor}"}, "cursor": {"from": "a", "start": "soon"}}, "start is not what"),
        ({"query": {"a": "{cursor}"}, "cursor": {"from": "a", "write": "iso8601"}}, "write iso, s, ms"),
        ({"query": {"a": "{cursor}"}, "cursor": {"from": "a", "timezone": "Mars"}}, "IANA name"),
        ({"every": 0.0}, "write how long"),
        ({"url": "ftp://host/"}, "write http://host"),
        ({"conditional": True, "pages": {"by": "link"}}, "one page"),
    ],
)
def test_a_question_that_cannot_work_is_refused_before_it_is_asked(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        HttpPollSettings.model_validate({"url": "http://host/x", **settings})

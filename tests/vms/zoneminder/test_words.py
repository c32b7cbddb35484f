"""What ZoneMinder is told: nothing it would break over, and as much as it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import EventId, Urgency
from bridge.vms.base import PLAIN
from bridge.vms.zoneminder.notes import merged, ours_in
from bridge.vms.zoneminder.settings import MOST_NOTES
from bridge.vms.zoneminder.words import Words
from tests.vms.conftest import event
from tests.vms.zoneminder.conftest import delivery, settings, target

WORDS = Words(settings())
TEXT = st.text(max_size=400)


def line(**more: object) -> bytes:
    told = delivery(event(**more))
    return target().render(told)[0].body


def test_the_line_is_that_of_the_reference() -> None:
    """Section 2: ``id|action|score|cause|text``."""
    assert line(urgency=Urgency.ALARM) == (
        b"1|on+1|100|Access denied|[0197c3-1.0] Door 17: Access denied; vendor: acme; card: 00931; reason: expired\n"
    )


@given(TEXT, TEXT, st.dictionaries(st.text(min_size=1, max_size=40), TEXT, max_size=8))
def test_whatever_a_sensor_says_the_line_is_one_line_of_five_fields_that_no_sql_breaks_over(
    title: str, name: str, fields: dict[str, str]
) -> None:
    told = delivery(event(title=title, sensor_name=name, fields=fields), possible_duplicate=True)
    request = target().render(told)[0]
    assert request.method == PLAIN
    written = request.body.decode("utf-8")
    assert written.endswith("\n")
    assert written.count("\n") == 1
    assert written.count("|") == 4
    assert not set(written) & {"'", "\\", "\0", "\r"}
    assert max(written) <= "\uffff"
    _, _, _, cause, text = written[:-1].split("|")
    assert len(cause.encode()) <= 31
    assert len(text.encode()) <= 255
    assert text.startswith("[0197c3-1.0] possible duplicate: ")
    assert not written[:-1].endswith('"')


@pytest.mark.parametrize("characters", ["latin-1", "ascii"])
@given(title=TEXT)
def test_an_old_database_gets_the_characters_it_holds(characters: str, title: str) -> None:
    told = delivery(event(title=title, fields={"note": title}))
    ours = target(characters=characters)
    text = ours.render(told)[0].body.decode(characters)
    assert text.count("|") == 4
    assert "'" not in text
    Words(settings(characters=characters)).block(told).encode(characters)


def test_fields_that_have_no_room_are_counted_and_the_event_is_named() -> None:
    told = event(fields={f"field_{number}": "x" * 30 for number in range(20)})
    text = WORDS.text(delivery(told))
    assert text.endswith("; … [16 more in event 0197c3-1.0]")
    assert f"field_3: {'x' * 30};" in text
    assert "field_4: " not in text


def test_a_test_event_and_a_late_one_say_so_where_the_guard_looks() -> None:
    assert WORDS.cause(event(test=True, title="Smoke")) == "TEST Smoke"
    assert WORDS.cause(event(title="LATE 12 min: Smoke")) == "LATE 12 min: Smoke"


def test_the_overlay_is_written_only_when_it_is_wished_for() -> None:
    assert target(overlay=True).render(delivery())[0].body.endswith(b"reason: expired|Access denied\n")


def test_everything_the_event_says_is_in_its_block() -> None:
    told = event(condition="door", closes=EventId("e-1"), marks=("rule 2 failed",), test=True, title="A\nB")
    assert WORDS.block(delivery(told, possible_duplicate=True)) == (
        "TEST A B\nbridge_event: 0197c3-1.0\nrevision: 0\nsite: harbour\nsensor: door-17\nsensor_name: Door 17\n"
        "kind: door\ntype: access.denied\nstate: momentary\nurgency: notice\noccurred: 2026-02-03T10:15:30.250000Z\n"
        "arrived: 2026-02-03T10:15:30.500000Z\nclock: device\nclock_offset: -0.250\ncondition: door\ncloses: e-1\n"
        "marks: rule 2 failed\ntest: true\npossible_duplicate: true\nvendor: acme\ncard: 00931\nreason: expired\n"
        'detail: {"vendor":"acme","card":"00931","reason":"expired"}'
    )


# --------------------------------------------------------------------------------------------------------------- notes


def block(number: int, more: str = "") -> str:
    return f"Event {number}\nbridge_event: {number}.0\nrevision: 0{more}"


def test_what_others_wrote_stays_in_front() -> None:
    assert merged("Motion: All", {}, EventId("1.0"), block(1)) == f"Motion: All\n\n{block(1)}"


def test_what_zoneminder_writes_by_itself_over_the_api_is_no_text() -> None:
    assert merged("Forced Web: ", {}, EventId("1.0"), block(1)) == block(1)


def test_blocks_of_others_in_the_same_event_stay_and_overwritten_ones_come_back() -> None:
    both = merged(block(1), {}, EventId("2.0"), block(2))
    assert both == f"{block(1)}\n\n{block(2)}"
    rewritten = "Smoke: [1.0] one, [2.0] two, [3.0] three"
    remembered = {EventId("1.0"): block(1), EventId("2.0"): block(2)}
    again = merged(rewritten, remembered, EventId("3.0"), block(3))
    assert again == "\n\n".join([rewritten, block(1), block(2), block(3)])
    assert ours_in(again) == {EventId(f"{number}.0"): block(number) for number in (1, 2, 3)}


def test_a_later_revision_takes_the_place_of_the_earlier() -> None:
    later = block(1).replace("revision: 0", "revision: 1")
    assert merged(f"{block(1)}\n\n{block(2)}", {}, EventId("1.0"), later) == f"{block(2)}\n\n{later}"


def test_line_ends_as_a_web_form_writes_them_are_read() -> None:
    assert ours_in(f"a: b\r\n\r\n{block(1)}".replace("\n", "\r\n").replace("\r\r", "\r")) == {EventId("1.0"): block(1)}


def test_what_has_no_room_in_the_column_is_shortened_the_oldest_first_and_can_still_be_found() -> None:
    notes = ""
    for number in range(30):
        notes = merged(notes, {}, EventId(f"{number}.0"), block(number, "\nnote: " + "ž" * 4000))
        assert len(notes.encode()) <= MOST_NOTES
    found = ours_in(notes)
    assert list(found) == [EventId(f"{number}.0") for number in range(30)]
    assert found[EventId("29.0")].endswith("ž")
    assert "no room for more, all of it in event 0.0" in found[EventId("0.0")]


@given(st.lists(st.text(max_size=300), min_size=1, max_size=6), st.text(max_size=200))
def test_whatever_stands_there_ours_is_found_in_it(texts: list[str], standing: str) -> None:
    notes = standing
    for number, text in enumerate(texts):
        event_id = EventId(f"e-{number}.0")
        told = delivery(event(id=event_id, title=text, fields={text[:20]: text}))
        notes = merged(notes, {}, event_id, WORDS.block(told))
    assert set(ours_in(notes)) >= {EventId(f"e-{number}.0") for number in range(len(texts))}

"""What fits into a URL, and what does not."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as some

from bridge.model import Action, Clock, EventId, State
from bridge.simulator.genetec.query import calls
from tests.vms.conftest import event
from tests.vms.genetec.conftest import EVERY_WAY, delivery, target


def text_of(url: str) -> str:
    """A bookmark's text as the query language reads it, or a custom event's message."""
    if "?q=" in url:
        (call,) = calls(url.partition("?q=")[2])
        assert call.arguments is not None
        return call.arguments[2]
    return unquote(url.partition("?msg=")[2])


def both(told: Any, **more: Any) -> tuple[str, str]:
    """(the custom event's URL, the bookmark's URL)."""
    one, other, _ = target(**EVERY_WAY, **more).render(told)
    return one.url, other.url


def test_what_was_said_is_there_before_what_the_bridge_adds_and_the_whole_message_last() -> None:
    told = event(state=State.ACTIVE, condition="c", marks=("rule 2 failed",), clock=Clock.LATE)
    for url in both(delivery(told)):
        text = text_of(url)
        said = ["Access denied [0197c3-1.0] Door 17", "occurred: 2026-02-03T10:15:30.250000Z", "state: active"]
        said += [
            "marks: rule 2 failed",
            "card: 00931",
            "type: access.denied",
            "clock: late",
            "condition: c",
            "detail: ",
        ]
        assert [text.find(each) for each in said] == sorted(text.find(each) for each in said)
        assert text.find(said[0]) == 0


def test_an_event_without_a_title_is_told_by_its_type_and_a_test_says_that_it_is_one() -> None:
    for url in both(delivery(event(title=" ", test=True))):
        assert text_of(url).startswith("TEST access.denied [0197c3-1.0]")


def test_a_field_that_has_the_name_of_something_of_ours_is_told_beside_it() -> None:
    told = event(state=State.ACTIVE, fields={"state": "ajar", "type": "swing"})
    for url in both(delivery(told)):
        assert "state: active; field state: ajar; type: swing; event type: access.denied" in text_of(url)


def test_commas_stay_commas_and_what_has_a_meaning_in_a_query_is_replaced_by_what_looks_alike() -> None:
    raised, bookmark = both(delivery(event(title="a, b (c) {d} #1 x=y @z * \\ /", fields={}, detail=b"")))
    assert text_of(raised).startswith("a, b (c) {d} #1 x=y @z * \\ / [")
    assert text_of(bookmark).startswith("a, b （c） ｛d｝ ＃1 x＝y ＠z ＊ ＼ / [")
    assert "a%5C%2C%20b" in bookmark


def test_what_has_a_meaning_is_sent_as_it_is_where_the_installer_says_so() -> None:
    _, bookmark = both(delivery(event(title="x=(1)")), bookmark_characters="all")
    assert ",x%3D%281%29%20" in bookmark


def test_a_message_is_in_the_path_only_if_it_has_no_slash() -> None:
    """With a slash it has to be in the query."""
    plain = event(title="Gas 412 ppm boiler room", fields={}, detail=b"")
    assert "940c6/Gas%20412%20ppm%20boiler%20room%20" in both(delivery(plain), message_in="path")[0]
    slash = event(title="Gas 412 mg/m3", fields={}, detail=b"")
    assert "940c6?msg=Gas%20412%20mg%2Fm3%20" in both(delivery(slash), message_in="path")[0]


def test_an_amendment_says_so_and_a_second_copy_too_and_neither_triggers_an_alarm_again() -> None:
    ours = target(**EVERY_WAY)
    again = ours.render(delivery(event(revision=1, changes=("card",)), action=Action.AMEND))
    assert [text_of(each.url)[:15] for each in again] == ["amended: Access"] * 2
    doubt = ours.render(delivery(possible_duplicate=True))
    assert [text_of(each.url)[:30] for each in doubt[:2]] == ["possible duplicate: Access den"] * 2
    assert len(doubt) == 3
    over = ours.render(delivery(event(state=State.RESTORED, closes=EventId("0.0"))))
    assert [each.method for each in over] == ["POST", "POST"]
    assert "closes: 0.0" in text_of(over[0].url)


@pytest.mark.parametrize("longest", [1000, 2000])
@pytest.mark.parametrize("char", ["x", ",", "č", "车", "🚗", "(", " ", "\n"])
@pytest.mark.parametrize("where", ["title", "sensor_name", "fields", "one field", "detail"])
def test_no_url_is_longer_than_it_may_be_and_each_says_which_event_has_it_all(
    longest: int, char: str, where: str
) -> None:
    every: dict[str, dict[str, Any]] = {
        "title": {"title": "Gas" + char * 65536},
        "sensor_name": {"sensor_name": char * 65536},
        "fields": {"fields": {f"field {number}": char * 20 for number in range(3000)}},
        "one field": {"fields": {"all": char * 65536}},
        "detail": {"detail": (char * 20000).encode()},
    }
    for url in both(delivery(event(**every[where])), longest_url=longest):
        assert len(url) <= longest
        text = text_of(url)
        assert "[0197c3-1.0]" in text
        assert re.search(r"(more|all of it) in event 0197c3-1\.0\]|\.\.\.", text)


def test_text_that_fits_is_whole_and_what_is_left_out_is_whole_fields() -> None:
    told = event(fields={f"field {number}": "č" * 20 for number in range(40)})
    for url in both(delivery(told)):
        text = text_of(url)
        assert len(url) > 1700
        assert re.search(r"; field \d+: č{20}; \.\.\. \[\d+ more in event 0197c3-1\.0\]$", text)


@how(max_examples=150, deadline=None)
@given(some.text(), some.dictionaries(some.text(), some.text(), max_size=5), some.binary())
def test_whatever_a_device_said_it_is_one_argument_and_one_line(
    title: str, fields: dict[str, str], more: bytes
) -> None:
    for url in both(delivery(event(title=title, fields=fields, detail=more))):
        assert len(url) <= 2000
        assert url.isascii()
        assert not re.search(r"[\s#]", url)
        assert "[0197c3-1.0]" in text_of(url)
        assert text_of(url).isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f]", text_of(url))

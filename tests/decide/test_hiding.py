"""What a rule hides reaches no VMS, wherever in the event it stands and however it is written there."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decide.rules import Hide, Hiding, Rule, Set, Template
from bridge.model import Collapse, Decision, Fate, SensorEvent, State
from bridge.profiles.titles import compile_title
from tests.decide.conftest import Bench, door, draft, site_of

MASK = Hide("m", Hiding.MASK, ("plate",))
HASH = Hide("h", Hiding.HASH, ("plate",))
LEAVE_OUT = Hide("l", Hiding.LEAVE_OUT, ("plate",))
DETAIL = {
    "plate": {"text": "abc-123", "utf8": "ÁBC 123", "confidence": 0.9},
    "ocr": ["ABC123", "XYZ"],
    "url": "/img?plate=ABC%20123&n=1",
    "ABC123": {"seen": 2},
    "note": "ABC 123 was seen",
    "lane": 1,
}


def told(rules: tuple[Rule, ...], plate: object = "ABC123", detail: object = DETAIL, **changes: object) -> SensorEvent:
    fields = {"plate": plate, "lane": 1, "text": f"plate {plate}", **changes}
    item = draft("x", title=f"Plate {plate} in", fields=fields, detail=msgspec.json.encode(detail))
    return Bench(site_of(*rules)).say(item).events[0]


def everything(event: SensorEvent) -> str:
    return msgspec.json.encode(event).decode()


@pytest.mark.parametrize("rule", [MASK, HASH, LEAVE_OUT])
def test_nothing_of_a_hidden_value_is_left_in_the_event(rule: Rule) -> None:
    event = told((rule,))
    detail = msgspec.json.decode(event.detail)
    said = everything(msgspec.structs.replace(event, detail=b"")) + event.detail.decode()
    plain = "".join(sign for sign in said.casefold() if sign.isalnum())
    assert "abc123" not in plain
    assert "abc20123" not in plain
    assert "Á" not in said
    assert (detail["lane"], detail["plate"]["confidence"]) == (1, 0.9)


def test_a_mask_shows_that_there_was_something() -> None:
    event = told((MASK,))
    assert (event.fields["plate"], event.fields["text"], event.title) == ("***", "***", "Plate *** in")
    assert msgspec.json.decode(event.detail) == {
        "plate": {"text": "***", "utf8": "***", "confidence": 0.9},
        "ocr": ["***", "XYZ"],
        "url": "***",
        "***": {"seen": 2},
        "note": "***",
        "lane": 1,
    }


def test_what_is_left_out_is_not_there_at_all() -> None:
    event = told((LEAVE_OUT,))
    assert (dict(event.fields), event.title) == ({"lane": 1}, "Plate in")
    assert msgspec.json.decode(event.detail) == {"plate": {"confidence": 0.9}, "ocr": ["XYZ"], "lane": 1}


def test_a_pseudonym_is_the_same_for_the_same_value_and_another_at_another_site() -> None:
    first, again, other = told((HASH,)), told((HASH,), "abc 123"), told((HASH,), "XYZ")
    assert first.fields["plate"] == again.fields["plate"] != other.fields["plate"]
    assert str(first.fields["plate"]).startswith("~")
    assert first.title == f"Plate {first.fields['plate']} in"
    bench = Bench(msgspec.structs.replace(site_of(HASH), id="yard"))
    assert bench.say(draft("ABC123")).events[0].fields["plate"] != first.fields["plate"]


def test_of_two_rules_about_one_field_the_stronger_holds() -> None:
    assert told((HASH, MASK)).fields["plate"] == "***"
    assert "plate" not in told((LEAVE_OUT, HASH)).fields


def test_a_title_made_by_a_rule_hides_it_too_whichever_comes_first() -> None:
    title = Set("t", title=Template("Auto {plate}", compile_title("Auto {plate}")))
    assert told((title, MASK)).title == told((MASK, title)).title == "Auto ***"


@pytest.mark.parametrize("value", [42, 42.0, "42", "0042"])
def test_a_number_is_hidden_however_it_is_written_and_not_within_another(value: object) -> None:
    detail = {"pin": 42, "text": "042", "decimal": 42.0, "said": "pin 42 entered", "at": 1742000042, "port": "8042"}
    hidden = msgspec.json.decode(told((MASK,), value, detail).detail)
    assert hidden == {
        "pin": "***", "text": "***", "decimal": "***", "said": "***", "at": 1742000042, "port": "8042",
    }  # fmt: skip


def test_a_value_of_a_letter_is_hidden_where_it_is_the_whole_value_or_a_word() -> None:
    detail = {"grade": "A", "words": "grade A here", "name": "Anna"}
    assert msgspec.json.decode(told((MASK,), "A", detail).detail) == {"grade": "***", "words": "***", "name": "Anna"}


@pytest.mark.parametrize("value", [True, False])
def test_true_and_false_are_hidden_wherever_they_stand(value: bool) -> None:
    hidden = msgspec.json.decode(told((MASK,), value, {"guest": value, "other": not value}).detail)
    assert hidden == {"guest": "***", "other": not value}


def test_a_place_in_the_detail_is_hidden_whatever_stands_there() -> None:
    detail = {"people": [{"name": "Ann", "age": 4}, {"name": "Bob"}], "card": {"number": 17}}
    rules = (Hide("a", Hiding.LEAVE_OUT, ("detail.people.name",)), Hide("b", Hiding.MASK, ("detail.card",)))
    assert msgspec.json.decode(told(rules, "none", detail).detail) == {"people": [{"age": 4}, {}], "card": "***"}
    assert told((Hide("a", Hiding.LEAVE_OUT, ("detail",)),)).detail == b"{}"


def test_a_detail_that_cannot_be_read_is_not_let_out_unread() -> None:
    bench = Bench(site_of(MASK))
    assert bench.say(draft("ABC123", detail=b"ABC123")).events[0].detail == b"{}"


def test_a_detail_too_large_to_be_searched_in_time_is_not_let_out() -> None:
    event = told((MASK,), detail={f"key {number}": f"value {number}" for number in range(2_000)})
    assert list(msgspec.json.decode(event.detail)) == ["hidden"]


def test_a_condition_with_the_value_in_it_is_a_pseudonym_and_its_restore_still_closes_it() -> None:
    bench = Bench(site_of(Hide("m", Hiding.MASK, ("card",))))
    card = {"fields": {"card": "C0FFEE"}, "condition": "card|C0FFEE", "detail": b'{"card":"c0ffee"}'}
    opened = bench.say(door(**card)).events[0]
    closed = bench.say(door(State.RESTORED, **card)).events[0]
    assert closed.closes == opened.id
    assert opened.condition == closed.condition != "card|C0FFEE"
    assert "c0ffee" not in (everything(opened) + opened.detail.decode()).casefold()


def test_amendments_ends_and_what_is_withheld_hide_it_too() -> None:
    def shown(decision: Decision) -> str:
        return "".join(everything(each) + each.detail.decode() for each in decision.events)

    bench = Bench(site_of(MASK))
    now = Collapse("v", hold=0.0, window=600.0)
    bench.say(draft("ABC123", collapse=now, detail=b'{"p":"ABC123"}'))
    amended = bench.say(draft("ABC124", collapse=now, detail=b'{"p":"ABC124"}'))
    assert amended.verdicts[0].fate is Fate.AMENDED
    assert amended.events[0].changes == ("plate",)
    bench.say(door(title="ABC123", fields={"plate": "ABC123"}, ends_after=5.0))
    (ended,) = bench.wait(5.0)
    assert "ABC12" not in shown(amended) + shown(ended)
    assert ended.events[0].title == "*** (over)"


def test_what_was_collapsed_is_compared_unhidden() -> None:
    bench = Bench(site_of(MASK))
    now = Collapse("v", hold=0.0, window=600.0)
    bench.say(draft("ABC123", collapse=now))
    assert bench.say(draft("ABC123", collapse=now)).verdicts[0].fate is Fate.COLLAPSED


def test_without_such_a_rule_the_event_is_the_very_same() -> None:
    assert told(()).detail == msgspec.json.encode(DETAIL)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(value=st.text(min_size=3, max_size=10), detail=st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_whatever_stands_around_it_the_value_is_found(value: str, detail: dict[str, object]) -> None:
    event = told((Hide("m", Hiding.LEAVE_OUT, ("plate",)),), value, {**detail, "here": [value, {"deep": value}]})
    shown = msgspec.json.decode(event.detail)
    assert shown["here"] == [{}]
    assert value not in event.fields.values()

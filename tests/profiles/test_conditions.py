"""What is on or off has one name, however it is told; and a message may tell all that is on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.model import Draft, State
from bridge.profiles.compile import ProfileErrors
from bridge.profiles.values import joined, key_text

OME = """
split: [messages]
messages:
  ok:
    when: item.code == "OK"
    type: stream.ok
    title: well
    quiet: all is well
    complete: {scope: [outer.uri, outer.type], conditions: "[]"}
  bad:
    type: stream.bad
    title: "{code}"
    state: active
    condition: [outer.uri, outer.type, item.code]
    complete: {scope: [outer.uri, outer.type], conditions: "items.map(m, m.code)"}
    ends_after: 24 h
    fields: {code: item.code}
"""


def told(codes: list[object], uri: object = "#default#app/dock3", kind: str = "INGRESS") -> bytes:
    return json.dumps({"messages": [{"code": code} for code in codes], "uri": uri, "type": kind}).encode()


def test_a_message_tells_all_that_is_on_under_the_names_that_its_items_have(bench: Any) -> None:
    drafts = bench("", OME).drafts(told(["A", "B", "A"]))
    assert [draft.condition for draft in drafts] == [
        "#default#app/dock3|INGRESS|A", "#default#app/dock3|INGRESS|B", "#default#app/dock3|INGRESS|A"
    ]  # fmt: skip
    for draft in drafts:
        assert draft.complete is not None
        assert draft.complete.scope == "#default#app/dock3|INGRESS|"
        assert draft.complete.conditions == ("#default#app/dock3|INGRESS|A", "#default#app/dock3|INGRESS|B")
        assert draft.ends_after == 86400


def test_a_message_that_all_is_well_closes_everything_of_its_scope(bench: Any) -> None:
    (draft,) = bench("", OME).drafts(told(["OK"]))
    assert draft.state is State.MOMENTARY
    assert draft.quiet == "all is well"
    assert draft.ends_after is None
    assert draft.complete is not None
    assert draft.complete.conditions == ()


text = st.text(st.sampled_from("ab|\\ž #"), min_size=1, max_size=4)


@given(st.lists(text, min_size=1, max_size=3), text, text)
@settings(max_examples=200, deadline=None)
def test_a_condition_begins_with_a_scope_exactly_when_it_is_of_that_scope(
    bench: Any, codes: list[str], uri: str, other: str
) -> None:
    tried = bench("", OME)
    drafts = [draft for draft in tried.drafts(told([f"c{code}" for code in codes], uri)) if draft.condition]
    (elsewhere,) = tried.drafts(told(["OK"], other))
    for draft in drafts:
        assert draft.complete is not None
        assert draft.condition in draft.complete.conditions
        assert draft.condition.startswith(draft.complete.scope)
        if elsewhere.complete is not None:
            assert draft.condition.startswith(elsewhere.complete.scope) == (uri.strip() == other.strip())


@example(["a|b", "c"], ["a", "b|c"])
@example(["a\\", "b"], ["a", "\\b"])
@example(["a\\", "b|c"], ["a|b", "c"])
@given(st.lists(text, min_size=2, max_size=2), st.lists(text, min_size=2, max_size=2))
def test_two_conditions_have_one_name_only_when_all_their_keys_are_equal(one: list[str], other: list[str]) -> None:
    join = joined([lambda seen: seen["item"]["a"], lambda seen: seen["item"]["b"]])  # type: ignore[arg-type]
    names = [join({"item": {"a": keys[0], "b": keys[1]}}) for keys in (one, other)]
    same = [key.strip() for key in one] == [key.strip() for key in other]
    assert (names[0] is not None and names[0] == names[1]) == (same and names[0] is not None)


def test_a_long_key_is_told_by_its_digest_and_stays_distinct() -> None:
    one, other = key_text("x" * 5000 + "1"), key_text("x" * 5000 + "2")
    assert one is not None
    assert other is not None
    assert len(one) == 64
    assert one != other


@pytest.mark.parametrize("codes", [["A", None], ["A", {}], [["B"]]])
def test_when_the_list_cannot_be_read_nothing_is_over(codes: list[object], bench: Any) -> None:
    for draft in bench("", OME).answers(told(codes)):
        assert isinstance(draft, Draft)
        assert draft.complete is None


def test_without_its_scope_a_message_closes_nothing(bench: Any) -> None:
    (draft,) = bench("", OME).drafts(told(["OK"], uri=None))
    assert draft.complete is None


def test_a_thousand_conditions_are_told_at_a_cost_that_is_paid_once(bench: Any) -> None:
    drafts = bench("", OME).drafts(told([f"c{n}" for n in range(1000)]))
    assert drafts[0].complete is not None
    assert len(drafts[0].complete.conditions) == 1000
    assert drafts[999].complete == drafts[0].complete


def test_ends_after_is_told_of_what_is_active_only(bench: Any) -> None:
    tried = bench(
        "",
        """
messages:
  any:
    type: a.b
    title: x
    state: [{when: item.on == true, is: active}, restored]
    condition: [item.n]
    ends_after: 10 s
""",
    )
    assert tried.drafts(b'{"on":true,"n":1}')[0].ends_after == 10
    assert tried.drafts(b'{"on":false,"n":1}')[0].ends_after is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scope: [outer.uri, outer.type], conditions: \"items", "scope: [outer.type, outer.uri], conditions: \"items",
         "keys of condition but its last one"),
        ("items.map(m, m.code)", "outer.map(m, m.code", "ends too early|not expected"),
        ("condition: [outer.uri, outer.type, item.code]", "condition: [items.x]", "no variable items"),
        ("    condition: [outer.uri, outer.type, item.code]\n    complete: {scope: [outer.uri, outer.type], "
         "conditions: \"items.map(m, m.code)\"}\n    ends", "    ends", "needs a condition"),
        ("split: [messages]", "absent: ['']", "no variable outer"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_what_to_write(old: str, new: str, said: str, bench: Any) -> None:
    assert old in OME
    with pytest.raises(ProfileErrors, match=said):
        bench("", OME.replace(old, new))

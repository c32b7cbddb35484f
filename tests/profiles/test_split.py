"""One message says many things: each element of a list is an item, and knows what stands around it."""

from __future__ import annotations

import base64
import json
from typing import Any

from bridge.model import Draft, Item, Malformed, Part

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\xff\xd9"
KINDS = """
identity: {site: outer.site}
messages:
  any:
    when: outer.site != "closed"
    type: a.b
    title: "{n} of {site}"
    fields: {n: item.n, site: outer.site, who: identity.site}
    dedup: {key: [outer.site, item.n]}
    time: outer.at
"""


def test_each_element_is_an_item_and_outer_is_seen_in_every_expression(bench: Any) -> None:
    tried = bench("split: [data.results]", KINDS)
    body = b'{"site":"s","at":1767603724,"data":{"results":[{"n":1},{"n":2}],"more":5}}'
    drafts = tried.drafts(body)
    assert [draft.title for draft in drafts] == ["1 of s", "2 of s"]
    assert [draft.dedup for draft in drafts] == ["any|s|1|", "any|s|2|"]
    assert {draft.fields["who"] for draft in drafts} == {"s"}
    assert all(draft.occurred_at is not None for draft in drafts)
    assert [tried.profile.identity(item) for item in tried.items(body)] == [{"site": "s"}] * 2


def test_the_detail_of_an_item_is_the_message_with_a_list_of_only_this_element(bench: Any) -> None:
    body = {"a": 1, "data": {"b": [], "results": [{"n": 1}, {"n": 2}], "c": None}, "z": "ž"}
    details = [json.loads(draft.detail) for draft in bench("split: [data.results]").drafts(json.dumps(body).encode())]
    assert details == [{"a": 1, "data": {"b": [], "results": [{"n": n}], "c": None}, "z": "ž"} for n in (1, 2)]


def test_an_element_that_is_no_map_is_malformed_by_itself(bench: Any) -> None:
    found = bench("split: [r]", KINDS).answers(b'{"site":"s","r":[{"n":1},7,null,[],{"n":2}]}')
    assert [type(each) for each in found] == [Draft, Malformed, Malformed, Malformed, Draft]
    assert [each.index for each in found if isinstance(each, Malformed)] == [1, 2, 3]


def test_an_empty_list_says_nothing(bench: Any) -> None:
    tried = bench("split: [r]")
    for body in (b'{"r":[]}', b"[]", b'[{"r":[]}]'):
        assert tried.items(body) == []


def test_the_first_path_at_which_there_is_a_list_counts_and_else_a_map_is_the_one_element(bench: Any) -> None:
    tried = bench("split: [a, b.c]")
    assert tried.documents(b'{"a":null,"b":{"c":[{"n":1}]}}') == [{"n": 1}]
    assert tried.documents(b'{"a":{"n":0},"b":{"c":[{"n":1}]}}') == [{"n": 1}]
    assert tried.documents(b'{"a":{"n":0},"x":1}') == [{"n": 0}]


def test_without_any_of_the_paths_the_document_is_the_item_and_outer_is_empty(bench: Any) -> None:
    tried = bench("split: [a]", 'messages: {any: {type: a.b, title: x, fields: {n: item.n, o: [outer.n, "5"]}}}')
    assert tried.drafts(b'{"n":1}')[0].fields == {"n": 1, "o": 5}
    assert tried.drafts(b'{"n":1}')[0].detail == b'{"n":1}'
    assert [draft.fields["n"] for draft in tried.drafts(b'[{"n":1},{"a":[{"n":2},{"n":3}],"n":9}]')] == [1, 2, 3]


def test_what_is_unwrapped_can_be_split_and_its_elements_unwrapped(bench: Any) -> None:
    tried = bench("unwrap: [message.data, payload.data_json]\nsplit: [message.data]")
    inner = base64.b64encode(b'[{"payload":{"data_json":"{\\"n\\":1}"}},{"payload":{"data_json":null}}]').decode()
    assert tried.documents(json.dumps({"message": {"data": inner, "messageId": "7"}}).encode()) == [
        {"payload": {"data_json": {"n": 1}}},
        {"payload": {"data_json": None}},
    ]
    single = base64.b64encode(b'{"payload":{"data_json":"{}"}}').decode()
    assert tried.documents(json.dumps({"message": {"data": single}}).encode()) == [{"payload": {"data_json": {}}}]


def test_pictures_of_parts_and_of_what_stands_around_go_with_the_first_item(bench: Any) -> None:
    tried = bench("split: [r]\nmedia: {label: [what]}")
    picture = base64.b64encode(JPEG).decode()
    body = {"overview": picture, "what": "frame", "r": [7, {"n": 1}, {"crop": picture, "what": "plate"}]}
    found = tried.items(parts=(Part("image/jpeg", JPEG), Part("application/json", json.dumps(body).encode())))
    assert [[part.name for part in item.media] for item in found if isinstance(item, Item)] == [
        ["", "frame"],
        ["plate"],
    ]
    (first, _) = (tried.profile.draft(item, None) for item in found if isinstance(item, Item))
    assert json.loads(first.detail)["overview"] == f"(picture 1: image/jpeg, {len(JPEG)} bytes)"


def test_no_more_than_a_thousand_elements_are_read_of_all_lists_of_a_message(bench: Any) -> None:
    tried = bench("split: [r]")
    for body in ({"r": [{"n": 1}] * 1500}, [{"r": [{"n": 1}] * 600}] * 2, [{"n": 1}] * 999 + [{"r": [{"n": 1}] * 2}]):
        found = tried.items(json.dumps(body).encode())
        assert len(found) == 1001
        assert "more than 1000 items" in found[1000].why
    assert len(tried.items(json.dumps({"r": [{"n": 1}] * 1000}).encode())) == 1000


def test_what_stands_around_many_items_is_told_whole_only_up_to_a_limit(bench: Any) -> None:
    body = {"around": "x" * 100_000, "deep": {"r": [{"n": n} for n in range(1000)], "y": 1}}
    drafts = bench("split: [deep.r]").drafts(json.dumps(body).encode())
    whole = [draft for draft in drafts if b'"around"' in draft.detail]
    assert len(whole) == 10
    assert whole == drafts[:10]
    assert json.loads(drafts[999].detail) == {
        "#outer": "what stands around this item is told once, with the first item of its message",
        "deep": {"r": [{"n": 999}]},
    }
    assert sum(len(draft.detail) for draft in drafts) < 2_000_000


def test_a_huge_surrounding_is_told_once(bench: Any) -> None:
    body = {"around": "x" * 3_000_000, "r": [{"n": 1}, {"n": 2}]}
    drafts = bench("split: [r]").drafts(json.dumps(body).encode())
    assert [len(draft.detail) > 3_000_000 for draft in drafts] == [True, False]


def test_a_message_nested_too_deep_around_its_list_is_malformed(bench: Any) -> None:
    deep = b'{"a":' * 70 + b"1" + b"}" * 70
    (answer,) = bench("split: [r]").answers(b'{"r":[{"n":1}],"x":' + deep + b"}")
    assert isinstance(answer, Malformed)
    found = bench("split: [r]").answers(b'{"r":[{"n":1},{"x":' + deep + b"}]}")
    assert [type(each) for each in found] == [Draft, Malformed]

"""Whatever a sender or a profile's author thinks of, a profile answers with items or a reason, for bounded work.

Work is counted, not timed: documents, elements, values and steps have limits, and nothing is read beyond them.
"""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import Item
from bridge.profiles.compile import ProfileErrors
from bridge.profiles.decode import DEEPEST, MOST_ITEMS, MOST_VALUES, too_deep
from bridge.profiles.evaluation import ExpressionFailed
from bridge.profiles.expression import ExpressionError, compile_expression

KINDS = """
identity: {who: {from: [item.a, outer.a, "item.b[0]"], as: text}}
media: {label: [a], links: {face: [item.a, item.line, best.b.a]}}
messages:
  any:
    best: {b: {of: [item.b, item], by: [a, a.b]}}
    fields:
      a: {from: [item.a, {key_like: a}], after: ":", before: ["/", " "]}
      n: {from: [item.b, item.line], as: number}
      l: {from: [item.b, item.a], as: list}
      s: size(item.b)
      e: "item.b.exists(x, x == item.a)"
    more: [item.c, item]
    type: a.b
    title: "{a}[ {n}]"
    state: [{when: has(fields.n), is: active}, momentary]
    condition: [identity.who, [fields.a, "'-'"]]
    complete: {scope: [identity.who], conditions: "items.map(m, m.a)"}
    ends_after: 5 s
    time: [item.a, outer.a, {from: item.line, format: "%Y%m%d"}]
    dedup: {key: [item.a], also: [item.b]}
    collapse: {key: [item.a], window: 5 s, cases: [{hold: 1 s, begins: [item.b]}]}
"""
FORMS = {
    "json": "[json]",
    "every form": "[json, python-literal, form, xml, {lines: key=value}]",
    "xml": "[xml]",
    "form": "[form]",
    "values": "[{lines: key=value}]",
    "text": "[{lines: text}]",
    "regex": "[{regex: '(?P<a>[^;]*);?(?P<b>(?s:.*))'}]",
    "regex of lines": "[{regex: '(?P<a>[^=]*)=(?P<b>.*)', each: line}]",
}
REST = "unwrap: [b, c.d, 's[].b']\nsplit: [s, c.s]\nredact: [pin, c.pin, '@p']\n"
made: dict[str, Any] = {}


@pytest.fixture(params=FORMS, scope="module")
def tried(request: pytest.FixtureRequest, bench: Any) -> Any:
    name: str = request.param
    if name not in made:
        made[name] = bench(f"decode: {FORMS[name]}\n{REST}", KINDS)
    return made[name]


def check(tried: Any, body: bytes) -> None:
    """All that the bridge asks, and that what comes out is within its limits."""
    answers = tried.answers(body)
    assert len(answers) <= MOST_ITEMS + 1
    for item in tried.items(body):
        if isinstance(item, Item):
            assert not too_deep(item.document)
    from bridge.model import Part

    tried.answers(parts=(Part("application/octet-stream", body, "x"), Part("text/plain", body, "b")))


@given(st.binary(max_size=120))
@settings(max_examples=20, deadline=None)
def test_any_bytes_give_items_or_a_reason(tried: Any, data: bytes) -> None:
    for before in (b"", b"{", b"<a>", b"<?xml ", b"a=", b"<a b='", b'{"s":[{"b":"'):
        check(tried, before + data)


pieces = st.sampled_from(
    ["<a>", "</a>", "<a", " b='1'", ">", "/>", "&", "&#0;", "&lt;", "<![CDATA[", "]]>", "<!--", "-->", "<?x", "?>",
     "\x00", "<!DOCTYPE a", "[<!ENTITY", "]>", "xmlns:", "=", "\n", "\r", "{", "}", "[", "]", '"', "\\", ",", ":", "s",
     "a", "b", "c.d", "[0]", "[999]", "[10000000]", ".", ";", "%7B", "+", "1e999", "ž", "\ufeff", "\ud7ff", "null", "'",
     "eyJhIjoxfQ==", "W10="]
)  # fmt: skip


@given(st.lists(pieces, max_size=40))
@settings(max_examples=26, deadline=None)
def test_anything_made_of_the_signs_of_all_forms_gives_items_or_a_reason(tried: Any, told: list[str]) -> None:
    text = "".join(told)
    check(tried, text.encode())
    check(tried, text.encode("utf-16"))


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
              st.sampled_from(["", "http://h/1", "20260105100003", '{"a":1}', "eyJhIjoxfQ==", "[[]]", "/9j/A" * 20])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["a", "b", "c", "d", "s", "pin", "A "]), inner, max_size=5),
    ),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
@settings(max_examples=50, deadline=None)
def test_any_json_gives_items_or_a_reason(bench: Any, value: object) -> None:
    tried = made.setdefault("json", bench(f"decode: [json]\n{REST}", KINDS))
    check(tried, json.dumps(value).encode())
    check(tried, json.dumps({"s": value, "a": value}).encode())
    check(tried, json.dumps({"s": [{"b": base64.b64encode(json.dumps(value).encode()).decode()}]}).encode())


MIB = 256 * 1024
LARGE = {
    "nested": b'{"a":' * 20_000,
    "brackets": b"[" * MIB,
    "nothing": b"\x00" * MIB,
    "spaces after": b'{"a":1}' + b" \x00" * MIB,
    "commas": b"," * MIB,
    "line ends": b"\n" * MIB,
    "lines": b"a=1\n" * (MIB // 4),
    "dots": b"." * MIB + b"=1",
    "dotted": b"a" + b".a" * MIB + b"=1",
    "indexes": b"a" + b"[0]" * MIB + b"=1",
    "ampersands": b"<a>" + b"&" * MIB + b"</a>",
    "elements": b"<a>" + b"<b/>" * MIB,
    "cdata": b"<![CDATA[" * (MIB // 8),
    "comments": b"<a>" + b"<!---->" * (MIB // 8) + b"</a>",
    "documents": b"<a/>" * (MIB // 4),
    "tags": b"<" * MIB,
    "form": b"a=%41" + b"%41" * MIB,
    "fields": b"a=1&" * MIB,
    "urls": b"://a" * MIB + b"@",
    "keys": b"pin" * MIB,
    "spaces in a key": b"pin" + b" " * MIB + b"=",
    "quotes": b"'" * MIB + b"{'a': '",
    "base64": b'{"b":"' + b"eyJh" * MIB + b'"}',
    "long key": b'{"' + b"a " * MIB + b'":1}',
    "long value": b'{"a":"' + b"1" * MIB + b'"}',
    "time": b'{"a":"2026-01-05' + b" " * MIB + b'"}',
    "half surrogates": b'{"a":"' + b"\\ud800" * 50_000 + b'"}',
    "many items": b'{"s":[' + b'{"a":1},' * 20_000 + b"1]}",
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_is_bounded_in_every_form(tried: Any, name: str) -> None:
    answers = tried.answers(LARGE[name])
    assert len(answers) <= MOST_ITEMS + 1
    assert sum(len(getattr(answer, "detail", b"")) for answer in answers) < 64 * MIB


def test_the_values_that_are_read_of_a_message_are_bounded(bench: Any) -> None:
    inner = base64.b64encode(b"[" + b"1," * 30_000 + b"1]").decode()
    (*items,) = made.setdefault("json", bench(f"decode: [json]\n{REST}", KINDS)).items(
        json.dumps({"s": [{"b": inner}] * 100}).encode()
    )
    assert sum(len(item.document["b"]) for item in items if isinstance(item.document["b"], list)) <= MOST_VALUES


# ----------------------------------------------------------------------------------------------------- expressions

words = st.sampled_from(
    ["item", "item.a", "item.l", "item.m", "x", "x.a", "outer", "1", "-1", "2.5", "'t'", "null", "true", "==", "!=",
     "<", "in", "&&", "||", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")", "[", "]", "{", "}", ",", ".", ".size()",
     "size(", "has(", ".exists(x, ", ".all(x, ", ".map(x, ", ".filter(x, ", ".matches('a+')", ".contains('a')",
     "string(", "int(", "timestamp(", "duration("]
)  # fmt: skip
VARIABLES: dict[str, object] = {
    "item": {"a": "ab", "l": ["a", "b", {"a": 1}], "m": {"a": {"b": [1]}}},
    "outer": {},
}


@given(st.lists(words, max_size=14))
@settings(max_examples=200, deadline=None)
def test_any_expression_is_refused_or_gives_a_value_or_fails(told: list[str]) -> None:
    try:
        expression = compile_expression(" ".join(told))
    except ExpressionError:
        return
    with contextlib.suppress(ExpressionFailed):
        expression.evaluate(VARIABLES)


@given(json_values, st.sampled_from([
    "item.a + item.b", "item.a.exists(x, x == item.b)", "item.a.map(x, x.a)", "item.a.map(x, x + item.b)",
    "size(item.a) > 1", "item.a.filter(x, x in item.b)", "item.a < item.b", "string(item.a)", "timestamp(item.a)",
    "item.a[0].b", "item.a[item.b]", "int(item.a) + 1", "double(item.a) * 1e308", "item.a.matches('^[a-z]+$')",
    "duration(item.a)", "-item.a", "item.a / item.b",
]))  # fmt: skip
@settings(max_examples=133, deadline=None)
def test_an_expression_over_any_payload_gives_a_value_or_fails(value: object, text: str) -> None:
    expression = compile_expression(text)
    for item in ({"a": value, "b": value}, {"a": value}, {"a": [value, value], "b": [value]}):
        with contextlib.suppress(ExpressionFailed):
            expression.evaluate({"item": item})


def test_no_depth_of_a_document_gets_through_to_an_expression() -> None:
    deep: object = 1
    for _ in range(DEEPEST):
        deep = [deep]
    for text in ("item.a == item.b", "item.a + item.b", "string(item.a)", "item.a.map(x, [x])"):
        with contextlib.suppress(ExpressionFailed):
            compile_expression(text).evaluate({"item": {"a": deep, "b": deep}})


@given(
    st.text(max_size=60), st.sampled_from(["when", "title", "type", "condition", "regex", "unwrap", "zone", "format"])
)
@settings(max_examples=66, deadline=None)
def test_any_text_in_a_profile_is_used_or_refused_at_its_place(bench: Any, text: str, key: str) -> None:
    told = json.dumps(text)
    top = {"regex": f"decode: [{{regex: {told}}}]", "unwrap": f"unwrap: [{told}]\nsplit: [{told}]\nredact: [{told}]"}
    kind = {"type": "a.b", "title": "x", "when": "true", "condition": "[item.a]"}
    kind |= {key: told} if key in kind else {}
    kind |= {"time": f"{{from: item.a, {key}: {told}}}"} if key in ("zone", "format") else {}
    kinds = "messages:\n  any:\n" + "".join(f"    {name}: {value}\n" for name, value in kind.items())
    with contextlib.suppress(ProfileErrors):
        check(bench(top.get(key, ""), kinds), b'{"a":"20260105"}')

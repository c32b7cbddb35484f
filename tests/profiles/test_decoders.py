"""Every form a device may write in is read, in the order its profile says; what is in none of them says why."""

from __future__ import annotations

import base64
import sys
from typing import Any

import pytest

from bridge.model import Draft, Malformed, Part
from bridge.profiles.compile import ProfileErrors, compile_profile

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\xff\xd9"

# ------------------------------------------------------------------------------------------------------------ the order


def test_the_first_decoder_that_finds_a_document_reads_all_of_the_message(bench: Any) -> None:
    tried = bench("decode: [json, xml, {lines: key=value}, {lines: text}]")
    assert tried.documents(b'{"a":1}') == [{"a": 1}]
    assert tried.documents(b"<a><b>1</b></a>") == [{"@root": "a", "b": "1"}]
    assert tried.documents(b"a=1\r\nb.c=2") == [{"a": "1", "b": {"c": "2"}}]
    assert tried.documents(b"Heartbeat\r\n") == [{"line": "Heartbeat"}]
    assert tried.documents(b"[12:00] door open") == [{"line": "[12:00] door open"}]
    assert tried.documents(b"12") == [{"line": "12"}]


def test_only_what_the_profile_names_is_read(bench: Any) -> None:
    (why,) = bench("decode: [xml]").documents(b'{"a":1}')
    assert "it is no XML" in why
    (why,) = bench("decode: [{lines: key=value}]").documents(b"no such line")
    assert "none of its lines is name=value" in why
    assert bench("decode: [{lines: text}]").documents(b'{"a":1}') == [{"line": '{"a":1}'}]


@pytest.mark.parametrize("order", ["[json, {lines: text}]", "[{lines: text}, json]"])
def test_a_report_that_was_cut_off_is_no_text_where_devices_send_json_too(bench: Any, order: str) -> None:
    tried = bench(f"decode: {order}")
    found = tried.documents(b' {"water_leak": tr')
    assert not any(isinstance(each, dict) for each in found)
    assert "JSON" in found[0]
    assert tried.documents(b"online") == [{"line": "online"}]


def test_what_no_decoder_reads_says_why_for_each(bench: Any) -> None:
    (why,) = bench("decode: [json, xml]").documents(b"hello")
    assert "no JSON" in why
    assert "no XML" in why
    (why,) = bench("decode: [json, xml]").documents(b"")
    assert "empty" in why


# ------------------------------------------------------------------------------------------------------------ forms


def test_the_fields_of_a_form_are_read_by_their_names(bench: Any) -> None:
    tried = bench("decode: [json, form]")
    assert tried.documents(b"door=1&who=A+B&who=C%26D&empty=") == [{"door": "1", "who": ["A B", "C&D"]}]
    parts = (Part("text/plain", b"7", "door"), Part("image/jpeg", JPEG, "p", "p.jpg"), Part("text/plain", b"8", "door"))
    (item,) = tried.items(parts=parts)
    assert item.document == {"door": ["7", "8"]}
    assert len(item.media) == 1


def test_json_in_a_field_of_a_form_is_read_instead(bench: Any) -> None:
    for grammar in ("decode: [json, form]", "decode: [form]", "decode: [form, json]"):
        assert bench(grammar).documents(b"x=1&json=%7B%22a%22%3A+1%7D") == [{"a": 1}]
        assert bench(grammar).documents(parts=(Part("text/plain", b'{"a":1}', "json"),)) == [{"a": 1}]
    assert bench("decode: [form]").documents(b"x=1&y=%5Bopen") == [{"x": "1", "y": "[open"}]


def test_a_form_of_too_many_fields_is_none(bench: Any) -> None:
    (why,) = bench("decode: [form]").documents(b"&".join([b"a=1"] * 101))
    assert "it is no form" in why


# ------------------------------------------------------------------------------------------------------------ lines


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"Events[0].EventBaseInfo.Code=TrafficJunction\r\nEvents[0].Lane=1",
         {"Events": [{"EventBaseInfo": {"Code": "TrafficJunction"}, "Lane": "1"}]}),
        (b"a[0][1]=x\na[1]=y", {"a": [[None, "x"], "y"]}),
        (b"a[2]=x", {"a": [None, None, "x"]}),
        (b"a[999999]=x\na[1000]=y", {"a[999999]": "x", "a[1000]": "y"}),
        (b"a=1\na=2\na=3", {"a": ["1", "2", "3"]}),
        (b"a=1\na.b=2", {"a": {"#text": "1", "b": "2"}}),
        (b"a.b=2\na=1", {"a": {"b": "2", "#text": "1"}}),
        (b"a[0]=1\na.b=2", {"a": ["1"], "a.b": "2"}),
        (b"a.b=1\na[0]=2", {"a": {"b": "1"}, "a[0]": "2"}),
        (b"a=1\na[0]=2", {"a": "1", "a[0]": "2"}),
        (b"a.=1\n.b=2\na..b=3\na[x]=4\n[0]=5", {"a.": "1", ".b": "2", "a..b": "3", "a[x]": "4", "[0]": "5"}),
        (b"ok\na = b = c \nmore", {"a": "b = c", "#text": "ok\nmore"}),
        (b"\xef\xbb\xbfa=\xf6\r\rb=\x00", {"\u00ef\u00bb\u00bfa": "ö", "b": ""}),
        (b"=x\na=", {"a": "", "#text": "=x"}),
    ],
)  # fmt: skip
def test_names_with_dots_and_indexes_become_maps_and_lists(body: bytes, document: object, bench: Any) -> None:
    assert bench("decode: [{lines: key=value}]").documents(body) == [document]


def test_each_line_of_a_text_is_an_item(bench: Any) -> None:
    tried = bench("decode: [{lines: text}]", 'messages: {any: {type: a.b, title: "{l}", fields: {l: item.line}}}')
    assert [draft.title for draft in tried.drafts(b"one\r\n\r\n  two \rthree\n\x00")] == ["one", "two", "three"]
    assert len(tried.answers(b"x\n" * 1500)) == 1001


@pytest.mark.parametrize("grammar", ["decode: [{lines: key=value}]", "decode: [{lines: text}]"])
def test_too_many_lines_are_refused_before_they_are_cut(grammar: str, bench: Any) -> None:
    (why,) = bench(grammar).documents(b"a=1\n" * 20_001)
    assert "more than 10000 lines" in why


def test_names_of_too_many_steps_are_refused(bench: Any) -> None:
    (why,) = bench("decode: [{lines: key=value}]").documents(
        b"\n".join(b"a" + b".b" * 60 + b"%d=1" % n for n in range(400))
    )
    assert "more than 20000 steps" in why
    (why,) = bench("decode: [{lines: key=value}]").documents(b"\n".join(b"a%d[999]=1" % n for n in range(400)))
    assert "more than 20000 steps" in why
    (document,) = bench("decode: [{lines: key=value}]").documents(b"a" + b".b" * 70 + b"=1")
    assert list(document) == ["a" + ".b" * 70]


# ------------------------------------------------------------------------------------------------------------ regexes

DAHUA = r"""
decode:
  - json
  - regex: 'Code=(?P<code>[^;]*);action=(?P<action>[^;]*);index=(?P<index>\d+)(?:;data=(?P<data>(?s:.*)))?'
  - {lines: text}
unwrap: [data]
"""


def test_a_dahua_event_is_read_with_the_json_in_it(bench: Any) -> None:
    body = b"""Code=TrafficJunction;action=Pulse;index=0;data={
   "EventID" : 131, "Object" : { "Text" : "4AB;x={1}" }
}\r\n"""
    assert bench(DAHUA).documents(body) == [
        {
            "code": "TrafficJunction",
            "action": "Pulse",
            "index": "0",
            "data": {"EventID": 131, "Object": {"Text": "4AB;x={1}"}},
        }
    ]
    assert bench(DAHUA).documents(b"Code=VideoMotion;action=Start;index=0") == [
        {"code": "VideoMotion", "action": "Start", "index": "0"}
    ]
    (document,) = bench(DAHUA).documents(b"Code=NewFile;action=Pulse;index=0;data=no json {")
    assert document["data"] == "no json {"
    assert bench(DAHUA).documents(b"Heartbeat") == [{"line": "Heartbeat"}]


def test_each_line_may_match_by_itself_and_one_that_does_not_spoils_no_other(bench: Any) -> None:
    tried = bench("decode: [{regex: '(?P<door>[0-9]+),(?P<what>OPEN|SHUT)', each: line}]")
    assert tried.documents(b"1,OPEN\r\n\r\n2,SHUT\nx,OPEN\n") == [
        {"door": "1", "what": "OPEN"},
        {"door": "2", "what": "SHUT"},
        "the line does not match the regex: 'x,OPEN'",
    ]
    (why,) = tried.documents(b"x\ny")
    assert "none of its lines matches" in why


def test_a_text_part_is_read_and_the_picture_beside_it_kept(bench: Any) -> None:
    parts = (Part("text/plain", b"Events[0].Code=TrafficJunction\r\n", "i"), Part("image/jpeg", JPEG))
    (item,) = bench("decode: [{lines: key=value}]").items(parts=parts)
    assert item.document == {"Events": [{"Code": "TrafficJunction"}]}
    assert len(item.media) == 1


def test_bytes_that_are_no_utf_8_match_as_latin_1(bench: Any) -> None:
    tried = bench("decode: [{regex: 'who=(?P<who>.+)'}]")
    assert tried.documents("who=Tölz ž\r\n".encode()) == [{"who": "Tölz ž"}]
    assert tried.documents(b"who=T\xf6lz") == [{"who": "Tölz"}]


def test_a_pattern_that_would_go_back_for_ever_in_other_engines_answers(bench: Any) -> None:
    tried = bench("decode: [{regex: '(?P<a>(x+x+)+y)'}]")
    (why,) = tried.documents(b"x" * 100_000)
    assert "does not match the regex" in why


def test_characters_times_steps_are_bounded(bench: Any) -> None:
    tried = bench("decode: [{regex: '(?P<a>(.{0,90})(.*)(.{0,30}))'}]")
    (why,) = tried.documents(b"x" * 500_000)
    assert "the regex is run on" in why
    (why,) = tried.documents(b"x" * 2_000_000)
    assert "1048576 is the most that is read" in why
    (why,) = bench("decode: [{regex: '(?P<a>.{1,200})', each: line}]").documents((b"x" * 900 + b"\n") * 1000)
    assert "the regex is run on" in why


@pytest.mark.parametrize(
    ("regex", "said"),
    [
        ("(?P<a>", "no RE2 pattern"),
        ("(?P<a>x)(?=y)", "no RE2 pattern"),
        ("x+", "names no group"),
        ("(?P<a>(.{1,900}){1,9})", "RE2 pattern|steps"),
        ("(?P<a>x{1,900})(?P<b>.{0,900})", "steps, and 2000 is the most"),
        ("(?P<a>" + "x" * 5000 + ")", "4096 characters"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_told_at_its_place(regex: str, said: str, bench: Any) -> None:
    with pytest.raises(ProfileErrors, match=said) as caught:
        bench(f"decode: [{{regex: '{regex}'}}]")
    assert caught.value.errors[0].line == 4


def test_without_the_package_the_error_says_which_to_install(monkeypatch: pytest.MonkeyPatch, bench: Any) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    with pytest.raises(ProfileErrors, match="google-re2"):
        bench("decode: [{regex: '(?P<a>x)'}]")
    bench("decode: [json, xml, form]")


def test_re2_is_loaded_only_by_a_profile_with_a_regex() -> None:
    import subprocess

    code = (
        "import sys; from bridge.profiles.compile import compile_profile as c\n"
        "c('profile: a\\nname: A\\nkind: pos\\nmessages: {a: {type: a.b, title: x}}', 'a')\n"
        "sys.exit('re2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


# ------------------------------------------------------------------------------------------- documents in documents


def base64_of(text: bytes) -> str:
    return base64.b64encode(text).decode()


def test_a_document_that_stands_as_text_or_base64_is_put_in_its_place(bench: Any) -> None:
    tried = bench("unwrap: [message.data, 'list[].x']")
    for told in ('"{\\"a\\":1}"', f'"{base64_of(b"{}"[:0] + b"""{"a":1}""")}"', '" \\n{\\"a\\": 1} "'):
        assert tried.documents(b'{"message":{"data":' + told.encode() + b"}}") == [{"message": {"data": {"a": 1}}}]
    assert tried.documents(b'{"list":[{"x":"[1]"},{"x":"2"},3]}') == [{"list": [{"x": [1]}, {"x": "2"}, 3]}]
    unpadded = base64.urlsafe_b64encode('{"a":"\u00ff\u00fe>?"}'.encode()).decode().rstrip("=")
    assert tried.documents(f'{{"message":{{"data":"{unpadded}"}}}}'.encode()) == [
        {"message": {"data": {"a": "\u00ff\u00fe>?"}}}
    ]


@pytest.mark.parametrize("text", ["12", "east gate", "{oops", "eyJhIjox", "", "[1", "e" * 1000, "W10", "{} {}"])
def test_what_cannot_be_unwrapped_stays_as_it_is(text: str, bench: Any) -> None:
    found = bench("unwrap: [a]").documents(b'{"a":"' + text.encode() + b'"}')
    assert found == [{"a": [] if text == "W10" else text}]


def test_unwrapping_counts_levels_and_values_together(bench: Any) -> None:
    tried = bench("unwrap: [a.b]")
    deep = base64_of(b"[" * 62 + b"]" * 62)
    (document,) = tried.documents(b'{"a":{"b":"' + deep.encode() + b'"}}')
    assert isinstance(document["a"]["b"], list)
    deep = base64_of(b"[" * 63 + b"]" * 63)
    (document,) = tried.documents(b'{"a":{"b":"' + deep.encode() + b'"}}')
    assert document["a"]["b"] == deep
    wide = base64_of(b"[" + b"1," * 20_000 + b"1]").encode()
    found = bench("unwrap: [a]").documents(b"[" + b",".join([b'{"a":"' + wide + b'"}'] * 4) + b"]")
    assert [type(document["a"]) for document in found] == [list, list, str, str]


def test_a_picture_in_an_unwrapped_document_is_taken_out(bench: Any) -> None:
    inner = base64_of(b'{"img":"' + base64.b64encode(JPEG) + b'"}')
    (item,) = bench("unwrap: [a]").items(b'{"a":"' + inner.encode() + b'"}')
    assert item.media[0].data == JPEG


def test_regex_and_unwrap_give_a_draft(bench: Any) -> None:
    tried = bench(DAHUA, 'messages: {e: {type: a.b, title: "{c}", fields: {c: item.code, n: item.data.N}}}')
    (draft,) = tried.answers(b'Code=X;action=Start;index=0;data={"N":5}')
    assert isinstance(draft, Draft)
    assert draft.fields == {"c": "X", "n": 5}
    assert not isinstance(draft, Malformed)


def test_a_wrong_path_is_told_at_its_place() -> None:
    text = "profile: a\nname: A\nkind: pos\nunwrap: [a.]\nsplit: [b, 'c[].d']\nmessages: {a: {type: a.b, title: x}}"
    with pytest.raises(ProfileErrors) as caught:
        compile_profile(text, "a")
    assert [(line, column) for line, column, _ in caught.value.errors] == [(4, 10), (5, 12)]

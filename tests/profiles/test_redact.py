"""What a profile names as secret is masked before anything is stored, wherever it stands."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import ConnectorId, Instant, Item, Message, Origin, Part
from bridge.profiles.compile import compile_profile
from bridge.profiles.redact import PathError, parse_path

PROFILE = compile_profile(
    """\
profile: door
name: Door
kind: access
decode: [json, python-literal]
redact: [pin, camera.stream, "users[].card.code"]
messages: {any: {type: door.opened, title: Door}}
""",
    "door.yaml",
)
SECRET = b"5uper5ecret"


def message(body: bytes = b"", parts: tuple[Part, ...] = ()) -> Message:
    arrived = Instant(datetime(2026, 1, 5, tzinfo=UTC), 0.0)
    return Message(connector=ConnectorId("c"), origin=Origin("192.0.2.1"), body=body, parts=parts, arrived=arrived)


@pytest.mark.parametrize(
    "body",
    [
        b'{"pin":"5uper5ecret","door":"1"}',
        b'[{"door":"0"},{"pin":"5uper5ecret"}]',
        b'{"camera":{"stream":"5uper5ecret"}}',
        b'{"camera":{"stream":{"url":"5uper5ecret"}}}',
        b'{"users":[{"name":"x"},{"card":{"code":"5uper5ecret"}}]}',
        b'{"\\u0070in":"5uper5ecret"}',
        b'{"pin":"\\u0035uper5ecret"}{"pin":"5uper5ecret"}',
        b"{'pin': '5uper5ecret'}",
        b'{"pin":"5uper5ecret","name":"T\xf6lz"}',
        b'{"pin":"5uper5ecret","door":',
        b'{"pin" : "5uper\\"5uper5ecret", oops}',
        b"{'pin': '5uper5ecret', oops",
        b"pin=5uper5ecret&door=1",
        b"<pin>5uper5ecret</pin>",
        b"data=%7B%22pin%22%3A%225uper5ecret%22%7D&x=1",
        b'{"a":' * 200 + b'{"pin":"5uper5ecret"}' + b"}" * 200,
        b"[" * 3000 + b'{"pin":"5uper5ecret"}' + b"]" * 3000,
    ],
)
def test_a_secret_is_masked_in_the_body_and_in_every_part(body: bytes) -> None:
    assert SECRET not in PROFILE.redact(message(body)).body
    redacted = PROFILE.redact(
        message(parts=(Part("image/jpeg", b"\xff\xd8\xff pin"), Part("text/plain", body, "event")))
    )
    assert SECRET not in redacted.parts[1].data
    assert redacted.parts[1].name == "event"
    assert redacted.parts[0].data == b"\xff\xd8\xff pin"


def test_a_part_or_field_of_that_name_is_masked_whole() -> None:
    redacted = PROFILE.redact(
        message(parts=(Part("text/plain", b"5uper5ecret", "pin"), Part("text/plain", b"1", "door")))
    )
    assert [part.data for part in redacted.parts] == [b"(masked)", b"1"]


def test_only_what_is_named_is_masked() -> None:
    body = b'{"pin":"1234","camera":{"pin":"kept","name":"Dock"},"stream":"kept","users":[{"card":{"code":1,"n":2}}]}'
    assert json.loads(PROFILE.redact(message(body)).body) == {
        "pin": "(masked)",
        "camera": {"pin": "kept", "name": "Dock"},
        "stream": "kept",
        "users": [{"card": {"code": "(masked)", "n": 2}}],
    }


def test_a_message_without_secrets_is_left_as_it_is() -> None:
    for body in (b'{"door":"1"}', b'{"stream":1,"camera":{}}', b'{"users":[{"card":null}]}', b"no json"):
        one = message(body)
        assert PROFILE.redact(one) is one


def test_masking_comes_before_the_items_so_that_no_detail_holds_the_secret() -> None:
    (item,) = PROFILE.items(PROFILE.redact(message(b'{"pin":"5uper5ecret"}')))
    assert "5uper5ecret" not in repr(item)


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_can_be_redacted(before: bytes, after: bytes) -> None:
    PROFILE.redact(message(before + b'"pin":"x"' + after))
    PROFILE.redact(message(b'{"pin":"x",' + after))


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a[0].b", "a[]", "[]", "a[]b"])
def test_a_path_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text)


def test_a_path_goes_through_maps_and_lists() -> None:
    assert parse_path("users[].card.code") == ("users", "[]", "card", "code")


# ------------------------------------------------------------------------------------------------- beyond plain JSON

XML = """<?xml version="1.0" encoding="{}"?>
<X xmlns="u" xmlns:n="v"><user pw="5uper5ecret" n:id='kept'>
<n:pin t="a>b">5uper5ecret <i>5uper5ecret</i></n:pin><pin/></user>
<users><user><card>5uper5ecret</card></user><user><card>Tölz 5uper5ecret</card></user></users><pin>kept & Tölz</pin></X>
<X><user pw='5uper5ecret'/></X>"""


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "windows-1252", "UTF-16"])
def test_a_secret_in_xml_is_masked_by_its_path_and_the_rest_is_read_as_before(encoding: str, bench: Any) -> None:
    tried = bench("decode: [xml]\nredact: [user.pin, user.@pw, 'users.user[].card']")
    data = XML.format(encoding).encode(encoding)
    redacted = tried.profile.redact(tried.message(data)).body
    assert "5uper5ecret" not in redacted.decode(encoding)
    first, second = tried.documents(data)
    assert first["user"] == {"@pw": "(masked)", "@id": "kept", "pin": [{"@t": "a>b", "#text": "(masked)"}, ""]}
    assert first["users"] == {"user": [{"card": "(masked)"}, {"card": "(masked)"}]}
    assert first["pin"] == "kept & Tölz"
    assert second["user"] == {"@pw": "(masked)"}


def test_xml_that_cannot_be_read_is_masked_by_the_names_in_it(bench: Any) -> None:
    tried = bench("decode: [xml]\nredact: [a.pin]")
    for data in (b"<X><a><pin>5uper 5uper5ecret", b"<!DOCTYPE a><a><pin>5uper5ecret</pin></a>"):
        assert SECRET not in tried.profile.redact(tried.message(data)).body


def test_a_secret_in_lines_is_masked_whole(bench: Any) -> None:
    tried = bench("decode: [{lines: key=value}]\nredact: ['Events[].Pin', Card]")
    body = b"Events[0].Pin=5uper 5uper5ecret\r\nEvents[0].Code=1\r\nCard.No=5uper5ecret\nPin=kept"
    assert tried.documents(body) == [
        {"Events": [{"Pin": "(masked)", "Code": "1"}], "Card": {"No": "(masked)"}, "Pin": "kept"}
    ]


def test_a_secret_in_a_group_is_masked_so_that_the_pattern_still_matches(bench: Any) -> None:
    tried = bench("decode: [{regex: 'pin=(?P<pin>[0-9]{4});who=(?P<who>.*);(?P<data>.*)'}]\nunwrap: [data]\n"
                  "redact: [pin, who, data.pw]")  # fmt: skip
    assert tried.documents(b'pin=1234;who=5uper5ecret;{"pw":"5uper5ecret","n":1}') == [
        {"pin": "0000", "who": "(masked)", "data": {"pw": "(masked)", "n": 1}}
    ]
    lines = bench("decode: [{regex: '(?P<door>[0-9]+),(?P<card>[a-z]+)', each: line}]\nredact: [card]")
    assert lines.documents(b"1,abc\r\n2,defg\nx\n")[:2] == [
        {"door": "1", "card": "xxx"},
        {"door": "2", "card": "xxxx"},
    ]


def test_a_secret_in_a_document_that_stands_as_text_is_masked_there(bench: Any) -> None:
    tried = bench("unwrap: [data]\nredact: [data.pin, 'l[].pin']\nsplit: [l]")
    for inner in ('{"pin":"5uper5ecret","n":1}', base64.b64encode(b'{"pin":"5uper5ecret","n":1}').decode()):
        body = json.dumps({"data": inner}).encode()
        redacted = tried.profile.redact(tried.message(body)).body
        told = json.loads(redacted)["data"]
        assert "5uper5ecret" not in (told if told.startswith("{") else base64.b64decode(told).decode())
        assert tried.documents(body) == [{"data": {"pin": "(masked)", "n": 1}}]


def test_paths_are_those_of_an_element_too_where_a_message_is_split(bench: Any) -> None:
    tried = bench("split: [data.l]\nredact: [pin]")
    for body in (b'{"data":{"l":[{"pin":"5uper5ecret"},{"pin":1}]}}', b'{"data":{"l":{"pin":"5uper5ecret"}}}'):
        assert all(item.document == {"pin": "(masked)"} for item in tried.items(body) if isinstance(item, Item))


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        (b'{"u":"rtsp://admin:5uper5ecret@10.0.0.1/x"}', b'{"u":"rtsp://(masked)@10.0.0.1/x"}'),
        (b'{"u":"rtsp:\\/\\/a:5uper@5ecret@h\\/x"}', b'{"u":"rtsp:\\/\\/(masked)@h\\/x"}'),
        (b"<a>http://a:b@h/</a> rtsp://token@h", b"<a>http://(masked)@h/</a> rtsp://(masked)@h"),
        (b"u=rtsp%3A%2F%2Fa%3A5uper%40h%2Fx&y=a%40b", b"u=rtsp%3A%2F%2F(masked)%40h%2Fx&y=a%40b"),
        (b'{"u":"http://h/a@b","m":"x@y","t":"// a@b"}', b'{"u":"http://h/a@b","m":"x@y","t":"// a@b"}'),
    ],
)
def test_user_and_password_in_a_url_are_masked_by_every_profile(body: bytes, masked: bytes, bench: Any) -> None:
    for grammar in ("", "redact: [pin]", "decode: [{lines: text}]"):
        tried = bench(grammar)
        one = tried.message(body)
        assert tried.profile.redact(one).body == masked
        assert (tried.profile.redact(one) is one) == (body == masked)
        parts = tried.profile.redact(
            tried.message(parts=(Part("image/jpeg", b"\xff\xd8\xff" + body), Part("", body)))
        ).parts
        assert [part.data for part in parts] == [b"\xff\xd8\xff" + body, masked]


def test_user_and_password_in_a_url_within_base64_are_masked(bench: Any) -> None:
    tried = bench("unwrap: [data]")
    inner = base64.b64encode(b'{"u":"rtsp://a:5uper5ecret@h/x"}').decode()
    assert tried.documents(json.dumps({"data": inner}).encode()) == [{"data": {"u": "rtsp://(masked)@h/x"}}]


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_bytes_can_be_redacted_in_every_form(bench: Any, data: bytes) -> None:
    tried = EVERY_FORM.setdefault("it", bench(
        "decode: [json, python-literal, xml, {regex: 'a(?P<a>.*)', each: line}, {lines: key=value}, form]\n"
        "unwrap: [u]\nsplit: [s]\nredact: [pin, a, 'x[].@y', u.v]"
    ))  # fmt: skip
    for body in (
        data,
        b"<a><pin>" + data,
        b"a" + data,
        b"pin=" + data,
        b'{"u":"' + data.hex().encode() + b'"}',
        b"://u:p@" + data,
    ):
        tried.profile.redact(tried.message(body))


EVERY_FORM: dict[str, Any] = {}

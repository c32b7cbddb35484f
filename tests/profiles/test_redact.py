"""What a profile names as secret is masked before anything is stored, wherever it stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import ConnectorId, Instant, Message, Origin, Part
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

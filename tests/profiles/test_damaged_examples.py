"""Whatever is done to a message of a known device, its profile reads it or says why not: nothing else is raised.

Each profile's own examples are damaged: bytes are lost, doubled, exchanged with those of another example; values of its
documents become others that stand for them at odd moments.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mappings
from bridge.model import Draft, Item, Malformed, Message
from bridge.profiles.compile import CompiledProfile, compile_profile
from bridge.profiles.decode import MOST_ITEMS
from bridge.profiles.examples import examples_of, read_message

PROFILES = sorted(mappings.PROFILES.glob("*.yaml"))
UTC = ZoneInfo("UTC")
OURS = "could not read the item"
"""How the reason begins when the profile met what nobody had thought of; an expression may fail, nothing else."""
ODD: list[object] = [
    None, True, 0, -1, 2**63, 1e308, float("nan"), "", " ", "x" * 300, "1", "null", "{", "[]", "\x00", "ž", "9" * 400,
    "2026-02-30T25:61:61", "http://[", [], {}, [[]], [{}], {"": {}}, ["a", 1, None],
]  # fmt: skip


@functools.cache
def compiled(file: Path) -> CompiledProfile:
    return compile_profile(file.read_text("utf-8"), str(file))


@functools.cache
def originals(file: Path) -> tuple[Message, ...]:
    return tuple(read_message(example.file) for example in examples_of(file))


def check(profile: CompiledProfile, message: Message) -> None:
    """All that the bridge asks of a profile for a message, and that the answers can be kept."""
    items = profile.items(profile.redact(message))
    assert len(items) <= MOST_ITEMS + 1
    for item in items:
        if isinstance(item, Malformed):
            assert item.why
            continue
        assert isinstance(item, Item)
        assert all(isinstance(value, str) and value for value in profile.identity(item).values())
        draft = profile.draft(item, UTC)
        if isinstance(draft, Draft):
            msgspec.msgpack.encode(draft.fields)
            assert isinstance(json.loads(draft.detail), dict)
            assert len(draft.title) <= 200
            assert len(draft.roles) == len(item.media)
        else:
            assert draft.why
            assert OURS not in draft.why or "ExpressionFailed" in draft.why


cuts = st.tuples(st.sampled_from(["lose", "twice", "other", "byte", "end"]), st.floats(0, 1), st.floats(0, 1),
                 st.binary(min_size=1, max_size=4))  # fmt: skip
leaves = st.tuples(st.just("value"), st.floats(0, 1), st.floats(0, 1), st.sampled_from(ODD))
damages = st.lists(cuts | leaves, min_size=1, max_size=3)


def damaged(data: bytes, other: bytes, damage: list[tuple[str, float, float, object]]) -> bytes:
    for what, first, second, with_what in damage:
        start, end = sorted((int(first * len(data)), int(second * len(data))))
        if what == "value":
            data = with_other_value(data, first, with_what)
        elif what == "lose":
            data = data[:start] + data[min(end, start + 40) :]
        elif what == "twice":
            data = data[:end] + data[start:]
        elif what == "other":
            data = data[:start] + other[int(second * len(other)) :]
        elif what == "end":
            data = data[:start]
        else:
            assert isinstance(with_what, bytes)
            data = data[:start] + with_what + data[start + 1 :]
    return data


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a JSON document."""
    if isinstance(document, dict | list):
        for key in list(document) if isinstance(document, dict) else range(len(document)):
            yield document, key
            yield from places(document[key])


def with_other_value(data: bytes, where: float, value: object) -> bytes:
    try:
        document = json.loads(data)
        found = list(places(document))
    except ValueError:
        return data
    if found:
        container, key = found[int(where * (len(found) - 1))]
        container[key] = value
    return json.dumps(document).encode()


@pytest.mark.shows("profile:{file.stem}", "fuzzed")
@pytest.mark.parametrize("file", PROFILES, ids=lambda file: file.stem)
@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_damaged_example_gives_an_event_or_a_reason(file: Path, data: st.DataObject) -> None:
    messages = originals(file)
    message, other = (messages[data.draw(st.integers(0, len(messages) - 1))] for _ in range(2))
    damage = data.draw(damages)
    parts = tuple(msgspec.structs.replace(part, data=damaged(part.data, other.body, damage)) for part in message.parts)
    check(
        compiled(file),
        msgspec.structs.replace(
            message,
            body=damaged(message.body, other.body, damage),
            parts=parts,
            origin=data.draw(st.sampled_from([message.origin, other.origin])),
        ),
    )

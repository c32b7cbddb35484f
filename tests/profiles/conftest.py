from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

import mappings
from bridge.model import ConnectorId, Draft, Instant, Item, Malformed, Message, Origin, Part
from bridge.profiles.compile import CompiledProfile, compile_profile

CAMMRA = mappings.PROFILES / "cammra.yaml"


@pytest.fixture(scope="session")
def cammra_file() -> Path:
    return CAMMRA


@pytest.fixture(scope="session")
def cammra() -> CompiledProfile:
    return compile_profile(CAMMRA.read_text("utf-8"), str(CAMMRA))


class Bench:
    """A profile to try: ``answers`` is everything the bridge asks of it for one message."""

    def __init__(self, grammar: str, kinds: str = "messages: {any: {type: a.b, title: x}}") -> None:
        self.profile = compile_profile(f"profile: tried\nname: Tried\nkind: device\n{grammar}\n{kinds}\n", "tried.yaml")

    def message(self, body: bytes = b"", parts: tuple[Part, ...] = ()) -> Message:
        arrived = Instant(datetime(2026, 1, 5, tzinfo=UTC), 0.0)
        return Message(connector=ConnectorId("c"), origin=Origin("192.0.2.1"), body=body, parts=parts, arrived=arrived)

    def items(self, body: bytes = b"", parts: tuple[Part, ...] = ()) -> list[Item | Malformed]:
        return list(self.profile.items(self.profile.redact(self.message(body, parts))))

    def documents(self, body: bytes = b"", parts: tuple[Part, ...] = ()) -> list[object]:
        """The documents of the items, or in their place why there is none."""
        return [dict(item.document) if isinstance(item, Item) else item.why for item in self.items(body, parts)]

    def answers(self, body: bytes = b"", parts: tuple[Part, ...] = (), zone: str = "UTC") -> list[Draft | Malformed]:
        found: list[Draft | Malformed] = []
        for index, item in enumerate(self.items(body, parts)):
            assert item.index == index
            if isinstance(item, Malformed):
                assert item.why
                found.append(item)
                continue
            names = self.profile.identity(item)
            assert all(isinstance(value, str) and value for value in names.values())
            draft = self.profile.draft(item, ZoneInfo(zone))
            if isinstance(draft, Draft):
                assert isinstance(json.loads(draft.detail), dict)
                assert len(draft.roles) == len(item.media)
                msgspec.msgpack.encode(draft.fields)  # what the journal does with them
                assert len(draft.title) <= 200
            found.append(draft)
        return found

    def drafts(self, body: bytes = b"", parts: tuple[Part, ...] = (), zone: str = "UTC") -> list[Draft]:
        found = self.answers(body, parts, zone)
        assert all(isinstance(each, Draft) for each in found), found
        return [each for each in found if isinstance(each, Draft)]


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    return Bench

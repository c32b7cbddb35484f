"""A profile's examples are its tests: raw messages beside it, each with an expectation written by hand.

``cammra.yaml`` has its examples in the folder ``cammra``: ``NAME.http`` is a request as it came over the wire, head and
body; ``NAME.tcp`` the raw bytes that a connection or its framing gave as one message; ``NAME.ws`` the bytes of one
WebSocket message, whatever its frames; ``NAME.stream`` the head of an HTTP answer that does not end, and the parts
of one message behind it; ``NAME.mqtt`` the topic of a message, lines like ``retain: 1``, an empty line and its bytes;
``NAME.snmp`` a datagram in hexadecimal digits, where ``#`` begins a remark. ``NAME.expect.yaml`` says what they mean::

    about: what this shows, and where it is known from
    zone: Europe/Prague          # of the sensor; UTC when left out
    items:
      - identity: {serial: B8A44F000001}
        type: vehicle.identified
        fields: {plate: 4AB1284}
        same_as: other-example   # equal dedup keys
        condition: a|b           # the keys with | between
        complete: {scope: a|, conditions: [a|b]}
        ends_after: 10           # seconds
        links: [{url: "http://10.0.0.1/1.jpg", role: face}]
      - malformed: a part of the reason

Of an item only what the expectation names is compared; maps are compared whole, ``some_fields`` and ``detail`` hold
what must be among the rest. ``items: []`` says that the message says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import msgspec

from bridge.config.document import Plain, parse, plain
from bridge.model import ConnectorId, Draft, Instant, Item, Malformed, Message, Origin
from bridge.profiles.profile import Profile

_NEVER = object()

RAW = (".http", ".mqtt", ".snmp", ".stream", ".tcp", ".ws")
"""What the file of a raw message may be called."""


class Example(msgspec.Struct, frozen=True):
    """One raw message, and where what it should mean is written."""

    name: str
    file: Path
    expectation: Path


class Result(msgspec.Struct, frozen=True):
    """``faults``: each difference between what was expected and what was read, in words; none means it passed."""

    example: Example
    faults: tuple[str, ...]


def examples_of(profile_file: Path) -> list[Example]:
    """The examples in the folder beside a profile, by name."""
    folder = profile_file.with_suffix("")
    raw = [file for file in folder.glob("*.*") if file.suffix in RAW] if folder.is_dir() else []
    return [Example(file.stem, file, file.with_suffix(".expect.yaml")) for file in sorted(raw)]


def run_examples(profile: Profile, examples: Sequence[Example]) -> list[Result]:
    """Read every example with the profile and compare."""
    return [Result(example, tuple(_faults(profile, example))) for example in examples]


def read_message(file: Path) -> Message:
    """The message a connector would have made of a raw example."""
    data = file.read_bytes()
    arrived = Instant(datetime(2026, 1, 5, 9, 2, 5, tzinfo=UTC), 0.0)
    connector = ConnectorId("example")
    if file.suffix == ".snmp":
        from connectors.snmp.captured import datagram, message_of

        place, kind, body = message_of(datagram(data.decode("utf-8")), "192.0.2.1")
        origin = Origin("192.0.2.1", place)
        return Message(connector=connector, origin=origin, body=body, content_type=kind, arrived=arrived)
    if file.suffix == ".stream":
        from connectors.http_stream.captured import messages_in

        (told,) = messages_in(data)
        return Message(
            connector=connector, origin=Origin("192.0.2.1"), body=told.body, content_type=told.content_type,
            parts=told.parts, arrived=arrived,
        )  # fmt: skip
    if file.suffix == ".mqtt":
        from connectors.mqtt.captured import message_of as published

        origin, body = published(data, "192.0.2.1")
        return Message(connector=connector, origin=origin, body=body, arrived=arrived)
    if file.suffix != ".http":
        return Message(connector=connector, origin=Origin("192.0.2.1"), body=data, arrived=arrived)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    origin = Origin("192.0.2.1", first.split(" ")[1])
    label = headers.get("content-type")
    if label is not None and label.startswith("multipart/"):
        from connectors.multipart import split

        parts = split(body, label)
        return Message(connector=connector, origin=origin, body=b"", parts=parts, content_type=label, arrived=arrived)
    return Message(connector=connector, origin=origin, body=body, content_type=label, arrived=arrived)


def without_credentials(datagram: bytes) -> bytes:
    """The file of a captured datagram (``.snmp``) without the community it shows. Raises ValueError."""
    from connectors.snmp.captured import without_community

    return without_community(datagram.decode("utf-8")).encode("utf-8")


def _faults(profile: Profile, example: Example) -> Iterator[str]:
    if not example.expectation.exists():
        yield f"{example.expectation.name} is missing: write by hand what the message means"
        return
    expected = _mapping(plain(parse(example.expectation.read_text("utf-8"), str(example.expectation))))
    zone = ZoneInfo(str(expected.get("zone", "UTC")))
    items = profile.items(profile.redact(read_message(example.file)))
    wanted = cast("list[Plain]", expected.get("items") or [])
    if len(items) != len(wanted):
        yield f"{len(items)} items were read, {len(wanted)} are expected"
    for number, (item, each) in enumerate(zip(items, wanted, strict=False)):
        for fault in _compare(profile, item, zone, _mapping(each), example.file.parent):
            yield f"item {number}: {fault}"


def _compare(
    profile: Profile, item: Item | Malformed, zone: ZoneInfo, wanted: Mapping[str, Plain], folder: Path
) -> Iterator[str]:
    draft = profile.draft(item, zone) if isinstance(item, Item) else item
    if isinstance(draft, Malformed):
        reason = wanted.get("malformed")
        if not isinstance(reason, str) or reason not in draft.why:
            yield f"it is malformed: {draft.why!r}; expected {reason!r}"
        return
    assert isinstance(item, Item)
    seen = _seen(profile, item, draft)
    for key, expected in wanted.items():
        if key == "same_as":
            other = _first_draft(profile, folder, str(expected), zone)
            if other is None or other.dedup != draft.dedup:
                yield f"its dedup key {draft.dedup!r} is not that of {expected}"
        elif key in ("some_fields", "detail"):
            within = _mapping(seen["fields" if key == "some_fields" else key])
            for name, value in _mapping(expected).items():
                found = within.get(name, _NEVER)
                if found != value:
                    yield f"{key}.{name} is {'absent' if found is _NEVER else repr(found)}; expected {value!r}"
        elif key not in seen:
            yield f"an expectation cannot name {key}; it may name {', '.join(seen)}, some_fields, same_as, malformed"
        elif seen[key] != expected:
            yield f"{key} is {seen[key]!r}; expected {expected!r}"


def _seen(profile: Profile, item: Item, draft: Draft) -> dict[str, object]:
    """What was read, in the words of an expectation."""
    collapse, complete = draft.collapse, draft.complete
    occurred = draft.occurred_at
    return {
        "identity": dict(profile.identity(item)),
        "type": draft.type,
        "title": draft.title,
        "state": draft.state.value,
        "urgency": draft.urgency.name.lower(),
        "condition": draft.condition,
        "occurred_at": None if occurred is None else occurred.isoformat(timespec="microseconds"),
        "fields": dict(draft.fields),
        "media": [
            {"type": part.content_type, "role": role, "bytes": len(part.data)}
            for part, role in zip(item.media, draft.roles, strict=True)
        ],
        "detail": msgspec.json.decode(draft.detail),
        "dedup": draft.dedup,
        "quiet": draft.quiet,
        "complete": None if complete is None else {"scope": complete.scope, "conditions": list(complete.conditions)},
        "ends_after": draft.ends_after,
        "links": [{"url": link.url, "role": link.role} for link in draft.links],
        "collapse": None
        if collapse is None
        else {"key": collapse.key, "hold": collapse.hold, "window": collapse.window, "rank": collapse.rank},
    }


def _first_draft(profile: Profile, folder: Path, name: str, zone: ZoneInfo) -> Draft | None:
    file = next((file for suffix in RAW if (file := folder / f"{name}{suffix}").exists()), None)
    if file is None:
        return None
    for item in profile.items(read_message(file)):
        draft = profile.draft(item, zone) if isinstance(item, Item) else item
        return draft if isinstance(draft, Draft) else None
    return None


def _mapping(value: object) -> Mapping[str, Plain]:
    return value if isinstance(value, dict) else {}

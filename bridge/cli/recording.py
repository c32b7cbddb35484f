"""A recording: JSON lines, a head and then one message each, as ``record`` writes and ``replay`` reads them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from bridge.cli.ending import Code, Failure
from bridge.model import ConnectorId, Instant, Message, Origin, Part

FORMAT = 1
LONGEST = 64 * 2**20
"""Bytes of one line."""


class Head(msgspec.Struct, kw_only=True):
    vms_bridge_recording: int
    site: str
    connector: str
    at: str


class _Part(msgspec.Struct, kw_only=True):
    content_type: str
    name: str
    filename: str
    data: str


class _Line(msgspec.Struct, kw_only=True):
    what: str
    at: datetime
    connector: str
    peer: str
    place: str = ""
    authenticated: str | None = None
    attributes: dict[str, str] = {}
    content_type: str | None = None
    redelivered: bool = False
    body: str = ""
    parts: list[_Part] = []


def read(file: Path) -> Iterator[Message]:
    """The messages in their order; ``arrived`` is when they came, its monotonic seconds from the first. Raises
    Failure, naming the line."""
    try:
        with file.open("rb") as lines:
            first: float | None = None
            for number, line in enumerate(iter(lambda: lines.readline(LONGEST), b""), 1):
                try:
                    if number == 1:
                        _head(line)
                        continue
                    said = msgspec.json.decode(line, type=_Line)
                    at = said.at.timestamp()
                    first = at if first is None else first
                    yield _message(said, Instant(said.at, at - first))
                except (msgspec.MsgspecError, binascii.Error, ValueError) as wrong:
                    raise Failure(Code.USAGE, f"{file}:{number}: this is no line of a recording: {wrong}") from wrong
    except OSError as error:
        raise Failure(Code.USAGE, f"{file}: {error.strerror}") from error


def _head(line: bytes) -> None:
    found = msgspec.json.decode(line, type=Head)
    if found.vms_bridge_recording != FORMAT:
        raise ValueError("it was made by a newer vms-bridge: use that one")


def _message(said: _Line, arrived: Instant) -> Message:
    return Message(
        connector=ConnectorId(said.connector),
        origin=Origin(said.peer, said.place, said.authenticated, said.attributes),
        body=base64.b64decode(said.body, validate=True),
        content_type=said.content_type,
        parts=tuple(
            Part(each.content_type, base64.b64decode(each.data, validate=True), each.name, each.filename)
            for each in said.parts
        ),
        arrived=arrived,
        redelivered=said.redelivered,
    )

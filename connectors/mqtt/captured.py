"""A message of a broker in a file: a line with its topic, lines such as ``retain: 1``, an empty line, and its bytes."""

from __future__ import annotations

import re

from bridge.model import Origin
from connectors.mqtt.births import PREFIX, Names, document

_END = re.compile(rb"\r?\n\r?\n")


def message_of(data: bytes, peer: str) -> tuple[Origin, bytes]:
    """The origin and the body that the connector would give, for one that is retained on subscribing for the first
    time. Raises ValueError when there is no topic."""
    end = _END.search(data)
    topic, *lines = data[: end.start() if end else 0].decode("utf-8", "replace").splitlines() or [""]
    if end is None or not topic:
        raise ValueError("write the topic, an empty line, and the message")
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = data[end.end() :]
    attributes = {"standing": "first"} if said.get("retain") == "1" else {}
    if topic.startswith(PREFIX) and body[:1] != b"{":
        body, _ = document(topic, body, Names())
    return Origin(peer, topic, attributes=attributes), body

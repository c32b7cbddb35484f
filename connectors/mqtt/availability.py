"""What gateways say of themselves: a last will, a birth message. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from connectors.mqtt.settings import Availability

_LONGEST = 1024


class Gateways:
    """Which of them are away. One that has said nothing yet is taken to be there."""

    def __init__(self, settings: Sequence[Availability]) -> None:
        self._down = {each.topic: frozenset(text.lower() for text in each.down) for each in settings}
        self._away: set[str] = set()

    def __contains__(self, topic: str) -> bool:
        return topic in self._down

    def said(self, topic: str, payload: bytes) -> str | None:
        """The word by which one of them went away, "" when it is back, None when nothing changes."""
        word = _word(payload)
        away = word.lower() in self._down[topic]
        if not word or away == (topic in self._away):
            return None  # without a word a retained message was taken away: that says nothing
        if away:
            self._away.add(topic)
            return word
        self._away.discard(topic)
        return ""


def _word(payload: bytes) -> str:
    text = payload[:_LONGEST].decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            found = json.loads(text).get("state")
        except (ValueError, RecursionError):
            return ""
        return found[:64] if isinstance(found, str) else ""
    return text[:64] if text.isprintable() else ""

"""What it costs to read a message with a profile, in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.model import Item, Message
from bridge.profiles.profile import Profile

PROFILES = Path(__file__).resolve().parents[2] / "mappings" / "profiles"
_ROUNDS = 5


def cost_of_reading(profile: Profile, messages: Sequence[Message], count: int) -> tuple[float, int]:
    """Microseconds of processor time for an item, the best of a few rounds, and the items of all messages together.

    ``count``: items to read in a round, about. A message that says nothing (a heartbeat) counts as one item.
    """
    zone = ZoneInfo("Europe/Prague")
    items = _read(profile, messages, zone)
    times = max(1, count // items)
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(times):
            _read(profile, messages, zone)
        best = min(best, time.process_time() - began)
    return best / (times * items) * 1e6, items


def _read(profile: Profile, messages: Sequence[Message], zone: ZoneInfo) -> int:
    read = 0
    for message in messages:
        items = profile.items(profile.redact(message))
        read += max(1, len(items))
        for item in items:
            if isinstance(item, Item):
                profile.identity(item)
                profile.draft(item, zone)
    return read

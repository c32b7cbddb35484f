"""Names for messages."""

from __future__ import annotations

import itertools
import os

from bridge.model import Instant, MessageId


class MessageIds:
    """Ids that sort by time: 12 hex digits of epoch milliseconds, 8 of this process, 6 of a counter."""

    def __init__(self) -> None:
        self._process = os.urandom(4).hex()
        self._counter = itertools.count()

    def next(self, at: Instant) -> MessageId:
        milliseconds = int(at.utc.timestamp() * 1000)
        return MessageId(f"{milliseconds:012x}{self._process}{next(self._counter) & 0xFFFFFF:06x}")

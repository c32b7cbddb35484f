"""Which messages of QoS 1 are acknowledged, and when: each after its commit, all in the order they came (MQTT 5.0,
4.6-1), also when a connection ends in between. Pure.

A broker sends what it has no acknowledgement for again on the next connection, under the same packet id and marked as
again. What we still hold, or have kept since, is not taken a second time then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from connectors.mqtt.arrived import Arrived


class Entry(msgspec.Struct, eq=False):
    """A message that was received; ``begun``: it will be kept, in its turn; ``kept``: it is durable."""

    mid: int
    topic: str
    payload: bytes
    begun: bool = False
    kept: bool = False


class Acks:
    def __init__(self) -> None:
        self._waiting: deque[Entry] = deque()
        self._left: dict[int, Entry] = {}
        self._send: Callable[[Entry], None] | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def connected(self, send: Callable[[Entry], None], present: bool) -> None:
        """Another connection. ``present``: the broker still has our session, so that it will send again."""
        self.lost()
        if not present:
            self._left.clear()
        self._send = send

    def lost(self) -> None:
        """The connection is no more: what has no acknowledgement comes again."""
        self._send = None
        self.unsent([entry for entry in self._waiting if entry.begun])  # nobody keeps the others
        self._waiting.clear()

    def unsent(self, entries: Iterable[Entry]) -> None:
        """These were given to be acknowledged, and the connection was no more: they come again too."""
        self._left.update({entry.mid: entry for entry in entries})

    def received(self, arrived: Arrived) -> Entry | None:
        """The message's entry, to be given to ``begun`` and ``kept``; None when it is one that we have already."""
        before = self._left.pop(arrived.mid, None)
        if before is not None and arrived.again and (before.topic, before.payload) == (arrived.topic, arrived.payload):
            self._waiting.append(before)
            self._acknowledge()
            return None
        entry = Entry(arrived.mid, arrived.topic, arrived.payload)
        self._waiting.append(entry)
        return entry

    def begun(self, entry: Entry) -> None:
        """It is submitted until it is kept."""
        entry.begun = True

    def kept(self, entry: Entry) -> None:
        """It is durable, or there is nothing to keep of it."""
        entry.begun = entry.kept = True
        self._acknowledge()

    def _acknowledge(self) -> None:
        send, waiting = self._send, self._waiting
        while waiting and waiting[0].kept and send is not None:
            send(waiting.popleft())

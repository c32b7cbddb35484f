"""Datagrams that were received and not yet read: bounded, and fair, so that one sender's storm is its own.

Filled by the thread that reads the socket, emptied by the event loop.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from bridge.model import Instant

SHARE = 0.75
"""Of the room, the most that one sender may take."""

TURN = 16
"""Datagrams of one sender before it is the next one's turn."""


class Datagram(msgspec.Struct, frozen=True, gc=False):
    """``source``: its sender as the socket names it (address, port, ...)."""

    data: bytes
    source: tuple[str, int]
    arrived: Instant


class Waiting:
    """``most``: bytes that may wait, each datagram counted with ``OVERHEAD``. ``dropped``: there was no room for."""

    OVERHEAD = 512

    def __init__(self, most: int) -> None:
        self.dropped = 0
        self._most = most
        self._share = int(most * SHARE)
        self._held = 0
        self._of: dict[str, int] = {}
        self._lock = threading.Lock()
        self._senders: OrderedDict[str, deque[Datagram]] = OrderedDict()

    def put(self, datagrams: Iterable[Datagram]) -> None:
        with self._lock:
            for datagram in datagrams:
                peer = datagram.source[0]
                size = len(datagram.data) + self.OVERHEAD
                of = self._of.get(peer, 0) + size
                if self._held + size > self._most or of > self._share:
                    self.dropped += 1
                    continue
                self._held += size
                self._of[peer] = of
                waiting = self._senders.get(peer)
                if waiting is None:
                    waiting = self._senders[peer] = deque()
                waiting.append(datagram)

    def take(self, room: Callable[[str], int]) -> list[Datagram]:
        """Up to ``TURN`` datagrams of the next sender that may speak, the oldest first; nothing when there is none.

        ``room``: how many of a sender may be taken now.
        """
        with self._lock:
            for _ in range(len(self._senders)):
                peer, waiting = self._senders.popitem(last=False)
                count = min(TURN, len(waiting), room(peer))
                taken = [waiting.popleft() for _ in range(count)]
                size = sum([len(datagram.data) + self.OVERHEAD for datagram in taken])
                self._held -= size
                if waiting:
                    self._senders[peer] = waiting  # behind the others
                    self._of[peer] -= size
                else:
                    del self._of[peer]
                if taken:
                    return taken
            return []

    def give_back(self, datagrams: Sequence[Datagram]) -> None:
        """Put taken ones of one sender in front again, before all it said since; it is the next one's turn."""
        with self._lock:
            for datagram in reversed(datagrams):
                peer = datagram.source[0]
                size = len(datagram.data) + self.OVERHEAD
                self._held += size
                self._of[peer] = self._of.get(peer, 0) + size
                waiting = self._senders.get(peer)
                if waiting is None:
                    waiting = self._senders[peer] = deque()
                waiting.appendleft(datagram)

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._senders.values()))

"""What is remembered of deliveries that did not go through at once.

Bounded, and lost with the process: then a delivery's searches and back-off start over, which costs time and nothing
else.
"""

from __future__ import annotations

import msgspec

from bridge.model import Action, CameraId, Delivery, EventId
from bridge.vms.base import VmsTarget

MOST = 20_000

Key = tuple[EventId, int, CameraId, Action]


class Trouble(msgspec.Struct):
    """``retries``: surely not taken so often. ``ambiguous``: unsure after so many sends. ``searched_at``: monotonic
    seconds of the first search that found nothing since the last send. ``unanswered``: searches in a row that said
    nothing. ``failures``: errors of the target's own code. ``in_part``: the target that made a part of it, and said of
    the rest that it was surely not taken; it knows which, so that one goes on without a search."""

    retries: int = 0
    ambiguous: int = 0
    searched_at: float | None = None
    unanswered: float = 0.0
    failures: int = 0
    in_part: VmsTarget | None = None


class Troubles:
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[Key, Trouble] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, delivery: Delivery) -> Trouble:
        """The delivery's, made when there is none; the one remembered longest makes room."""
        key = key_of(delivery)
        trouble = self._known.get(key)
        if trouble is None:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            trouble = self._known[key] = Trouble()
        return trouble

    def forget(self, delivery: Delivery) -> None:
        self._known.pop(key_of(delivery), None)


def key_of(delivery: Delivery) -> Key:
    return delivery.event.id, delivery.event.revision, delivery.camera, delivery.action

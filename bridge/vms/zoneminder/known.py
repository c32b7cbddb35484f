"""What is known of ZoneMinder's events that ours went into, while they are being written: forgotten is no harm, for
all of it can be read again."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TypeVar

import msgspec

from bridge.model import EventId

_MOST = 1024
Key = TypeVar("Key")
Value = TypeVar("Value")


class Standing(msgspec.Struct):
    """The event of ZoneMinder that one of ours made or joined: its id, and what stands in it as far as was read."""

    remote_id: str
    notes: str = ""
    cause: str = ""


class Known:
    def __init__(self) -> None:
        self._standing: dict[tuple[EventId, int], Standing] = {}
        self._blocks: dict[str, dict[EventId, str]] = {}
        self._doubted: dict[tuple[EventId, int], None] = {}

    def standing(self, event: EventId, monitor: int) -> Standing | None:
        return self._standing.get((event, monitor))

    def stands(self, event: EventId, monitor: int, standing: Standing) -> None:
        self._standing.pop((event, monitor), None)
        self._standing[event, monitor] = standing
        _keep_to(self._standing)

    def gone(self, event: EventId, monitor: int) -> None:
        """ZoneMinder has that event no more."""
        found = self._standing.pop((event, monitor), None)
        if found is not None:
            self._blocks.pop(found.remote_id, None)

    def written(self, event: EventId, monitor: int, remote_id: str, block: str) -> None:
        """All is done for this one; its block is remembered for as long as others may join the same event."""
        self._standing.pop((event, monitor), None)
        self._doubted.pop((event, monitor), None)
        blocks = self._blocks.pop(remote_id, {})
        blocks.pop(event, None)
        blocks[event] = block
        self._blocks[remote_id] = blocks
        _keep_to(self._blocks)

    def blocks(self, remote_id: str) -> Mapping[EventId, str]:
        """What was written into this event of ZoneMinder before, oldest first."""
        return self._blocks.get(remote_id, {})

    def doubted_before(self, event: EventId, monitor: int) -> bool:
        """Whether this was asked of the same before."""
        if (event, monitor) in self._doubted:
            del self._doubted[event, monitor]
            return True
        self._doubted[event, monitor] = None
        _keep_to(self._doubted)
        return False


def _keep_to(memory: MutableMapping[Key, Value]) -> None:
    while len(memory) > _MOST:
        del memory[next(iter(memory))]

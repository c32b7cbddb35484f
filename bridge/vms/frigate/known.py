"""Frigate's ids of events of ours that are being written: forgotten is no harm, for the search finds them again."""

from __future__ import annotations

import msgspec

from bridge.model import EventId

_MOST = 1024


class Standing(msgspec.Struct):
    """``doubts``: how often writing its description failed."""

    remote_id: str
    doubts: int = 0


class Known:
    def __init__(self) -> None:
        self._standing: dict[tuple[EventId, str], Standing] = {}

    def standing(self, event: EventId, camera: str) -> Standing | None:
        return self._standing.get((event, camera))

    def stands(self, event: EventId, camera: str, remote_id: str) -> Standing:
        """It is there, or surely will be."""
        standing = self._standing.pop((event, camera), None)
        if standing is None or standing.remote_id != remote_id:
            standing = Standing(remote_id)
        self._standing[event, camera] = standing
        while len(self._standing) > _MOST:
            del self._standing[next(iter(self._standing))]
        return standing

    def forget(self, event: EventId, camera: str) -> None:
        """All is done for it, or Frigate has it no more."""
        self._standing.pop((event, camera), None)

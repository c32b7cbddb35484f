"""What a target tells of the VMS's own record, left to a part of its own: as ``bridge.vms.recorded`` says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from bridge.model import CameraId, SensorEvent
from bridge.vms.recorded import Held, Query, RecallsById, Recorded, Records, SaysWhatItTold


class WholeRecord(Records, RecallsById, SaysWhatItTold, Protocol):
    """All that can be told of it, clips aside."""


class ByRecord:
    """A target whose ``_record`` answers for it. What a VMS cannot, its record says."""

    _record: WholeRecord

    def recorded(self, query: Query) -> AsyncIterator[Recorded]:
        return self._record.recorded(query)

    async def recorded_as(self, camera: CameraId, remote_id: str) -> Recorded | None:
        return await self._record.recorded_as(camera, remote_id)

    async def held(self, event: Recorded, before: float, after: float) -> Sequence[Held]:
        return await self._record.held(event, before, after)

    def fetch(self, camera: CameraId, held: Held) -> AsyncIterator[bytes]:
        return self._record.fetch(camera, held)

    def told(self, camera: CameraId, revisions: Sequence[SensorEvent]) -> Mapping[str, str]:
        return self._record.told(camera, revisions)

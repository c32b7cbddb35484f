"""VMS at our own seam that play back what event types they have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from bridge.model import CameraId, Finding, Findings, VmsId
from bridge.secret import Secrets
from bridge.vms.base import CameraSettings, Capabilities, VmsSettings
from bridge.vms.declaring import Declared


class Told:
    """A VMS that declares, and plays back; it calls everything of vehicles the same."""

    has: ClassVar[dict[str, Declared]] = {}
    refuses: ClassVar[set[str]] = set()
    asked: ClassVar[list[tuple[str, tuple[str, ...]]]] = []
    closed: ClassVar[list[str]] = []

    def __init__(
        self, name: VmsId, settings: VmsSettings, cameras: Mapping[CameraId, CameraSettings], secrets: Secrets
    ) -> None:
        self.name = name

    def declared_as(self, camera: CameraId, event_type: str) -> str:
        return event_type.partition(".")[0]

    async def declared(self, cameras: Sequence[CameraId]) -> Mapping[CameraId, Declared]:
        return {camera: self.has.get(camera, Declared()) for camera in cameras}

    async def declare(self, camera: CameraId, event_types: Collection[str]) -> Findings:
        self.asked.append((camera, tuple(event_types)))
        if camera in self.refuses:
            raise RuntimeError("broken")
        return tuple(Finding(True, each, camera) for each in event_types)

    @classmethod
    def begin(cls) -> None:
        cls.has, cls.refuses, cls.asked, cls.closed = {}, set(), [], []

    async def close(self) -> None:
        self.closed.append(self.name)


class Board(Told):
    """A VMS that takes anything."""

    can = Capabilities(search=False, backdate=False, amend=False, picture=False)
    declared_as = declared = declare = None  # type: ignore[assignment]

    async def check(self, cameras: Sequence[CameraId]) -> Findings:
        return (Finding(True, "it can be reached"),)

"""Frigate's table of events: what is created stands there a little later [3]."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable, Mapping

import msgspec

_LETTERS = string.ascii_lowercase + string.digits
PRE_CAPTURE = 5
"""Seconds; ``record.event_pre_capture`` of every camera here."""


class Camera(msgspec.Struct):
    enabled: bool = True
    records: bool = True


class Event(msgspec.Struct):
    """A row. ``visible_from``: when the process that writes it will have done so, on the monotonic clock."""

    id: str
    camera: str
    label: str
    sub_label: str | None
    start_time: float
    end_time: float | None
    has_clip: bool
    data: dict[str, object]
    visible_from: float = 0.0

    @property
    def description(self) -> str:
        told = self.data.get("description", "")
        return told if isinstance(told, str) else ""

    @property
    def visible(self) -> bool:
        return time.monotonic() >= self.visible_from

    def row(self) -> dict[str, object]:
        return {
            "id": self.id,
            "label": self.label,
            "sub_label": self.sub_label,
            "camera": self.camera,
            "start_time": self.start_time,
            "end_time": self.end_time,
            "false_positive": None,
            "zones": [],
            "thumbnail": None,
            "has_clip": self.has_clip,
            "has_snapshot": True,
            "retain_indefinitely": False,
            "plus_id": None,
            "model_hash": None,
            "detector_type": None,
            "model_type": None,
            "data": self.data,
        }


class Created(msgspec.Struct):
    """The body of ``create``; what it does not know it takes no notice of."""

    sub_label: str | None = None
    score: float | None = 0
    duration: int | None = 30
    include_recording: bool | None = True
    draw: dict[str, object] | None = {}
    pre_capture: int | None = None


class Table:
    def __init__(self, cameras: Mapping[str, Camera], now: Callable[[], float], seed: int) -> None:
        self.cameras = cameras
        self.rows: dict[str, Event] = {}
        self.delay = 0.0
        """Seconds until a created event is there."""
        self.knows_pre_capture = True
        self.on_written: Callable[[Event], None] | None = None
        """Told of each event whose description was written."""
        self.now = now
        self._chance = random.Random(seed)  # noqa: S311 - ids of a simulator

    def create(self, camera: str, label: str, body: Created) -> Event:
        now = self.now()
        asked = body.pre_capture if self.knows_pre_capture else None
        before = PRE_CAPTURE if asked is None else asked
        made = Event(
            id=f"{now:.6f}-{''.join(self._chance.choices(_LETTERS, k=6))}",
            camera=camera,
            label=label,
            sub_label=body.sub_label,
            start_time=now - before,
            end_time=None if body.duration is None else now + body.duration,
            has_clip=bool(body.include_recording) and self.cameras[camera].records,
            data={"type": "api", "score": body.score, "top_score": body.score, "draw": body.draw},
            visible_from=time.monotonic() + self.delay,
        )
        self.rows[made.id] = made
        return made

    def get(self, id_: str) -> Event | None:
        found = self.rows.get(id_)
        return found if found is not None and found.visible else None

    def listed(self, values: Mapping[str, str]) -> list[Event]:
        """Raises ValueError for what is no number."""
        found = [each for each in self.rows.values() if each.visible]
        for names, attribute in ((("cameras", "camera"), "camera"), (("labels", "label"), "label")):
            wanted = next((values[name] for name in names if values.get(name, "all") != "all"), None)
            if wanted is not None:
                found = [each for each in found if getattr(each, attribute) in wanted.split(",")]
        if "after" in values:
            found = [each for each in found if each.start_time > float(values["after"])]
        if "before" in values:
            found = [each for each in found if each.start_time < float(values["before"])]
        if "in_progress" in values:
            open_ = bool(int(values["in_progress"]))
            found = [each for each in found if (each.end_time is None) is open_]
        found.sort(key=lambda each: each.start_time, reverse=values.get("sort") != "date_asc")
        return found[: int(values.get("limit", "100"))]

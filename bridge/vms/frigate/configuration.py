"""Frigate's configuration, as far as the bridge asks it: which cameras there are, and what they are for [2]."""

from __future__ import annotations

import msgspec

from bridge.vms.http import Answer


class _Recording(msgspec.Struct):
    enabled: bool = False


class Camera(msgspec.Struct):
    """``friendly_name``: what people call it, where a version has that."""

    enabled: bool = True
    friendly_name: str | None = None
    record: _Recording | None = None

    @property
    def records(self) -> bool | None:
        """None when it is not told."""
        return self.record.enabled if self.record is not None else None

    @property
    def note(self) -> str:
        """What is odd about it, in words; "" for nothing."""
        if not self.enabled:
            return "it is disabled in Frigate"
        return "it does not record: its events have a picture and no clip" if self.records is False else ""


class _Configuration(msgspec.Struct):
    cameras: dict[str, Camera]


_configuration = msgspec.json.Decoder(_Configuration).decode


def cameras_in(answer: Answer) -> dict[str, Camera] | None:
    """None when it is no configuration."""
    if not 200 <= answer.status < 300:
        return None
    told = answer.told(_configuration)
    return told.cameras if told is not None else None

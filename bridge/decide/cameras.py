"""Which cameras get an event where a table says so: looked up by what the event says.

Routing asks, once for each item; from then on the item's sensor has the cameras of this item.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from bridge.model import CameraId, Draft, Scalar, State
from bridge.profiles.expression import Expression, ExpressionFailed

if TYPE_CHECKING:
    from bridge.config.site import Sensor

LONGEST_KEY = 200


class NoCamera(Exception):
    """No camera is known for what an item says; the text says what to do. ``key``: what was looked up, "" for none."""

    def __init__(self, why: str, key: str = "") -> None:
        super().__init__(why)
        self.key = key


class CamerasBy(msgspec.Struct, frozen=True, eq=False):
    """``by`` sees ``fields`` and ``identity``; ``table``: its value as text → cameras. ``file``: for people."""

    by: Expression
    file: str
    table: Mapping[str, tuple[CameraId, ...]]

    def __eq__(self, other: object) -> bool:
        """The same for the same text and rows: compiled expressions are not equal."""
        return (
            isinstance(other, CamerasBy)
            and (self.by.text, self.file) == (other.by.text, other.file)
            and self.table == other.table
        )

    def __hash__(self) -> int:
        return hash((self.by.text, self.file, len(self.table)))

    def key(self, fields: Mapping[str, Scalar], identity: Mapping[str, str]) -> str:
        """What of the table this is about, as it is written there. Raises NoCamera when it is not there or unsaid."""
        try:
            value = self.by.evaluate({"fields": fields, "identity": identity})
        except ExpressionFailed as failure:
            raise NoCamera(f"its cameras are looked up by {failure}") from None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            raise NoCamera(f"its cameras are looked up by {self.by.text}, which is neither text nor a number here")
        key = str(value).strip()[:LONGEST_KEY]
        if key not in self.table:
            raise NoCamera(f"no camera for {key} in {self.file}; add a row with this key", key)
        return key


def with_its_cameras(sensor: Sensor, draft: Draft, identity: Mapping[str, str]) -> tuple[Sensor, Draft]:
    """The sensor with the cameras that its table has for this draft. Raises NoCamera when there is none to show it on.

    What raises nothing needs no camera, and what ends a condition goes to those that were shown its beginning.
    """
    by = sensor.cameras_by
    if by is None or draft.quiet is not None:
        return sensor, draft
    try:
        return msgspec.structs.replace(sensor, cameras=by.table[by.key(draft.fields, identity)]), draft
    except NoCamera as unknown:
        if sensor.cameras:
            return sensor, msgspec.structs.replace(draft, marks=(*draft.marks, str(unknown)))
        if not unknown.key and (draft.state is State.RESTORED or draft.complete is not None):
            return sensor, draft
        raise

"""What the Directory has, and what was made in it [4, 7]."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

SYSTEM = "00000000000000000000000000000007"
"""The SystemConfiguration entity."""
_FIELDS = ("Guid", "Name", "EntityType", "LogicalId", "IsOnline")


class Fail(Exception):
    """The code names are illustrative: the real ones are not documented."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Entity(msgspec.Struct):
    guid: str
    name: str
    kind: str = "Camera"
    logical_id: int = 0
    online: bool = True

    def field(self, name: str) -> object:
        found = {"guid": self.guid, "name": self.name, "entitytype": self.kind}
        found |= {"logicalid": self.logical_id, "isonline": self.online}  # type: ignore[dict-item]
        if name.lower() not in found:
            raise Fail("InvalidProperty", f"there is no property {name}")
        return found[name.lower()]


class Bookmark(msgspec.Struct, frozen=True):
    camera: str
    at: datetime
    text: str


class Raised(msgspec.Struct, frozen=True):
    """A custom event: now, whatever it says."""

    number: int
    entity: str
    message: str
    at: datetime


class Triggered(msgspec.Struct, frozen=True):
    alarm: str
    camera: str
    at: datetime


Made = Bookmark | Raised | Triggered


class Directory:
    """``custom_events``: number → (name, type of the entities it is for)."""

    def __init__(self, entities: list[Entity], custom_events: dict[int, tuple[str, str]]) -> None:
        self.entities = {each.guid: each for each in entities}
        self.custom_events = custom_events
        self.made: list[Made] = []

    def entity(self, text: str, kind: str = "") -> Entity:
        """By its GUID, with dashes or without, or ``LogicalID(Camera,12)``. Raises Fail."""
        logical = re.fullmatch(r"LogicalID\((\w+),(\d+)\)", text, re.IGNORECASE)
        if logical is not None:
            for each in self.entities.values():
                if each.kind.lower() == logical[1].lower() and each.logical_id == int(logical[2]):
                    return each
        found = self.entities.get(_dashed(text))
        if found is None or (kind and found.kind != kind):
            raise Fail("EntityNotFound", f"there is no {kind or 'entity'} {text[:60]}")
        return found

    def bookmark(self, camera: str, time: str, text: str) -> None:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", time):
            raise Fail("InvalidParameter", "a bookmark's time is UTC")
        self.made.append(Bookmark(self.entity(camera, "Camera").guid, datetime.fromisoformat(time), text))

    def custom_event(self, number: str, entity: str, message: str) -> None:
        found = self.entity(entity)
        defined = self.custom_events.get(int(number) if number.isdecimal() else -1)
        if defined is None or defined[1] != found.kind:
            raise Fail("InvalidCustomEvent", f"custom event {number[:20]} is not defined for {found.kind}")
        self.made.append(Raised(int(number), found.guid, message, datetime.now(UTC)))

    def trigger(self, alarm: str, camera: str = "") -> None:
        found = self.entity(alarm, "Alarm")
        source = self.entity(camera, "Camera").guid if camera else ""
        self.made.append(Triggered(found.guid, source, datetime.now(UTC)))


def _dashed(text: str) -> str:
    plain = text.replace("-", "").lower()
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))

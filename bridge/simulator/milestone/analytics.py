"""The Event Server's listener for analytics events: the schema's order, the names it knows, whom it lets in [2]."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import msgspec

from bridge.simulator.http_server import Answer, Asked
from bridge.simulator.milestone.state import Event, State

_SPACE = "{urn:milestone-systems}"
_ORDER = {
    "AnalyticsEvent": "EventHeader Description StartTime EndTime Location Count RuleList ObjectList ReferenceList "
    "SnapshotList Vendor",
    "EventHeader": "ID Timestamp Class Type Version Priority Name Message CustomTag Source",
    "Source": "Name Description FQID",
    "FQID": "ServerId ParentId ObjectId ObjectIdString FolderType Kind",
    "Object": "ID Name Type Description Confidence Value AlarmTrigger Removed Color Size SizeUnit",
    "Snapshot": "TimeOffset Width Height HasOverlay SizeInBytes Image Path FQID",
    "Vendor": "Name CustomData",
}
_NEEDED = {
    "AnalyticsEvent": ("EventHeader",),
    "EventHeader": ("ID", "Timestamp", "Message"),
    "FQID": ("FolderType", "Kind"),
    "Snapshot": ("TimeOffset",),
}


class Told(msgspec.Struct, frozen=True):
    """An analytics event as it came: ``values`` by path (``EventHeader/Message``), ``pictures`` in base64."""

    values: dict[str, str]
    pictures: tuple[str, ...]
    related: tuple[str, ...]


def take(asked: Asked, state: State) -> Answer:
    """The texts of its answers besides the one warning are not known; these are the simulator's."""
    if not state.allowed:
        return _text(403, "Forbidden")
    try:
        told = read(asked.body)
    except (ElementTree.ParseError, ValueError) as error:
        return _text(400, f"Invalid XML: {error}")
    name = told.values["EventHeader/Message"]
    if name not in state.analytics_events:
        return _text(200, f"Warning: Event message not known: {name}")
    camera = told.values.get("EventHeader/Source/FQID/ObjectId", "").lower()
    known = camera if camera in state.cameras else ""
    if not known:
        address = told.values.get("EventHeader/Source/Name", "")
        known = next((each.id for each in state.cameras.values() if address and each.address == address), "")
    state.keep(Event(told.values["EventHeader/ID"], name, known, analytics=told))
    return _text(200, "OK" if known else "OK. Warning: source not known")


def read(body: bytes) -> Told:
    """Raises ParseError, ValueError."""
    root = ElementTree.fromstring(body)  # noqa: S314 - of the simulator alone
    if root.tag != f"{_SPACE}AnalyticsEvent":
        raise ValueError("the root is not AnalyticsEvent")
    values: dict[str, str] = {}
    _walk(root, "", values)
    pictures = tuple(each.text or "" for each in root.iter(f"{_SPACE}Image"))
    path = "/".join([f"{_SPACE}{name}" for name in ("ReferenceList", "Reference", "FQID", "ObjectId")])
    return Told(values, pictures, tuple(each.text or "" for each in root.findall(path)))


def _walk(element: ElementTree.Element, path: str, values: dict[str, str]) -> None:
    name = element.tag.removeprefix(_SPACE)
    inside = [child.tag.removeprefix(_SPACE) for child in element]
    order = _ORDER.get(name, "").split()
    if order:
        places = [order.index(each) if each in order else -1 for each in inside]
        if -1 in places or places != sorted(set(places)):
            raise ValueError(f"{name}: elements out of order")
    for each in _NEEDED.get(name, ()):
        if each not in inside:
            raise ValueError(f"{name}: no {each}")
    for child in element:
        below = f"{path}/{child.tag.removeprefix(_SPACE)}".lstrip("/")
        if len(child):
            _walk(child, below, values)
        else:
            values.setdefault(below, child.text or "")


def _text(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), "text/plain")

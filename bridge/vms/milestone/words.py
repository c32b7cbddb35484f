"""An event in the words and the amount that XProtect holds [2, 6, 7]: texts for guards, and all of it as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.model import Action, Delivery, EventId, Scalar, SensorEvent
from bridge.vms.lines import title_of
from bridge.vms.milestone.settings import MilestoneSettings
from bridge.vms.one_line import one_line
from bridge.vms.text import Place, shorten
from bridge.vms.webhook.document import as_json, document

_NO_XML = {"\ufffe": "\ufffd", "\uffff": "\ufffd"}
"""Characters that XML cannot hold at all, not even escaped."""


CHANGES = ("alarms", "bookmarks")
"""Ways in which what was raised can be changed; in the others a correction is an event of its own, and says so."""


class Words:
    def __init__(self, settings: MilestoneSettings) -> None:
        self._changes = settings.way in CHANGES
        self._text = Place(most=settings.text_limit, lines=False, instead=_NO_XML)
        self._data_limit = settings.data_limit

    def title(self, delivery: Delivery) -> str:
        return self.plain(self._title(delivery), delivery.event.id)

    def plain(self, text: str, event: EventId) -> str:
        """One text that a device, or the site, gave a thing."""
        if len(text) <= self._text.most and text.isascii() and text.isprintable():
            return text
        return self._text.shortened(text, event)

    def description(self, delivery: Delivery) -> str:
        """For where the id stands beside it."""
        event = delivery.event
        before = f"{_again(delivery)}{event.sensor_name}: {self._title(delivery)}"
        if not event.fields:
            return self._text.shortened(before, event.id)
        return self._text.one_text(event.fields, event.id, f"{before}; ")

    def line(self, delivery: Delivery) -> str:
        """With its id, and when it was, for where an event is always now."""
        return one_line(delivery, self._text)

    def _title(self, delivery: Delivery) -> str:
        """What corrects an event that cannot be changed says so."""
        of_its_own = delivery.action is Action.AMEND and not (self._changes and delivery.remote_id)
        return f"amended: {title_of(delivery.event)}" if of_its_own else title_of(delivery.event)

    def data(self, delivery: Delivery, camera: Mapping[str, str]) -> str:
        """All of it as JSON, as the webhook's default body has it; what has no room is left out visibly."""
        told = document(delivery, dict(camera))
        data = as_json(told)
        if len(data) > self._data_limit:
            data = _less(told, delivery.event, self._data_limit)
        text = data.decode("utf-8", "replace")
        for char, other in _NO_XML.items():
            text = text.replace(char, other)
        return text


def _again(delivery: Delivery) -> str:
    return "possible duplicate: " if delivery.possible_duplicate else ""


def _less(told: dict[str, object], event: SensorEvent, limit: int) -> bytes:
    """The document in ``limit`` bytes: the message goes first, then fields from the last on."""
    said = told["event"]
    assert isinstance(said, dict)
    gone = f"… [left out, all of it in event {event.id}]"
    said["detail"] = gone if event.detail else None
    said["title"] = shorten(event.title, 200, event.id)
    said["fields"] = {}
    room = limit - len(as_json(told))
    said["fields"] = _first_fields(event.fields, room, event.id)
    room = limit - len(as_json(told))
    if event.detail and room > 0:
        text = shorten(event.detail.decode("utf-8", "replace"), room // 2, event.id, "utf-8")
        said["detail"] = text
        if len(as_json(told)) > limit:  # of many characters that JSON escapes
            said["detail"] = gone
    return as_json(told)


def _first_fields(fields: Mapping[str, Scalar], room: int, event: EventId) -> dict[str, Scalar]:
    kept: dict[str, Scalar] = {}
    room -= len(f"… [{len(fields)} more in event {event}]".encode()) + 16
    left = 0
    for name, value in fields.items():
        size = len(as_json({name: value}))
        if not left and size <= room:
            kept[name] = value
            room -= size
        elif not left and isinstance(value, str) and room > 512 + len(name) * 6:
            kept[name] = shorten(value, (room - len(name) * 6) // 6, event, "utf-8")
            room = 0
        else:
            left += 1
    if left:
        kept["…"] = f"[{left} more in event {event}]"
    return kept

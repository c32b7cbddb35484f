"""An event as ZoneMinder can hold it: a cause, a short text, and the notes that have everything [2, 5].

Cause and short text go into an SQL statement of 1.36 as they are (seen by running: an apostrophe in them, a backslash
at their end or a character of four bytes ends in a refused INSERT, and the event is lost), so neither ever has one.
"""

from __future__ import annotations

from bridge.model import Delivery, EventId, SensorEvent
from bridge.vms.lines import lines_of, title_of
from bridge.vms.text import Place
from bridge.vms.zoneminder.settings import ZoneMinderSettings


class Words:
    def __init__(self, settings: ZoneMinderSettings) -> None:
        encoding = settings.characters
        wide = encoding == "utf-8"
        # ``|`` and line breaks part fields and lines; what else is replaced, see above.
        harmful = {"'": "’" if wide else "`", "\\": "/", "|": "/", "\n": " "}
        self._cause = Place(most=31, encoding=encoding, beyond=False, lines=False, instead=harmful)
        self._text = Place(most=255, encoding=encoding, beyond=False, lines=False, instead=harmful)
        self._overlay = Place(most=32, encoding=encoding, beyond=False, lines=False, instead=harmful)
        self._notes = Place(encoding=encoding, beyond=False, lines=False)
        self._notes_limit = settings.notes_limit

    def cause(self, event: SensorEvent) -> str:
        """31 bytes at most."""
        return self._cause.shortened(title_of(event), event.id)

    def text(self, delivery: Delivery) -> str:
        """255 bytes at most, its id first so that it is never cut off."""
        event = delivery.event
        again = "possible duplicate: " if delivery.possible_duplicate else ""
        before = f"{mark(event.id)} {again}{event.sensor_name}: {title_of(event)}"
        if not event.fields:
            return self._text.shortened(before, event.id).rstrip(' "')
        return self._text.one_text(event.fields, event.id, before + "; ").rstrip(' "')

    def overlay(self, event: SensorEvent) -> str:
        return self._overlay.shortened(title_of(event), event.id).rstrip('"')

    def block(self, delivery: Delivery) -> str:
        """Everything, a line each, no line empty: see ``bridge.vms.lines``."""
        text = lines_of(delivery, self._notes, self._notes_limit)
        return text.encode(self._notes.encoding or "utf-8", "replace").decode(self._notes.encoding or "utf-8")


def mark(event: EventId) -> str:
    """As the id stands in the short text."""
    return f"[{event}]"

"""An event as Frigate can hold it: a label, a sub-label of 100 characters, a description that has everything [7]."""

from __future__ import annotations

import re

from bridge.model import Delivery, EventId, SensorEvent, Urgency
from bridge.vms.frigate.settings import LONGEST_LABEL, FrigateSettings
from bridge.vms.lines import EVENT, lines_of, tags_of, title_of
from bridge.vms.text import Place, short_name

LONGEST_SUB_LABEL = 100
_UNFIT = re.compile(r"[^a-z0-9_-]+")


class Words:
    def __init__(self, settings: FrigateSettings) -> None:
        self._settings = settings
        self._line = Place(most=LONGEST_SUB_LABEL, lines=False)
        self._text = Place(lines=False)

    def label(self, event: SensorEvent) -> str:
        """20 characters at most, and fit for a path and for the search."""
        which = self._settings.label
        of = event.type if which == "type" else event.kind if which == "kind" else Urgency(event.urgency).name.lower()
        fitting = _UNFIT.sub("_", of.lower()).strip("_")
        return self._settings.labels.get(of) or short_name(fitting, LONGEST_LABEL) or "event"

    def marked(self, delivery: Delivery) -> str:
        """The sub-label with the event's id behind the title, so that it is found again; never cut off."""
        event, end = delivery.event, f" {mark(delivery.event.id)}"
        room = max(1, LONGEST_SUB_LABEL - len(end))
        return Place(most=room, lines=False).shortened(self._title(delivery), event.id) + end

    def plain(self, delivery: Delivery) -> str:
        """The sub-label as it stays where the id is not wanted in it."""
        return self._line.shortened(self._title(delivery), delivery.event.id)

    def sub_label(self, delivery: Delivery) -> str:
        """As it stays."""
        return self.marked(delivery) if self._settings.id_in_sub_label else self.plain(delivery)

    def description(self, delivery: Delivery) -> str:
        return lines_of(delivery, self._text, self._settings.description_limit)

    @staticmethod
    def _title(delivery: Delivery) -> str:
        again = "possible duplicate: " if delivery.possible_duplicate else ""
        return again + title_of(delivery.event)


def mark(event: EventId) -> str:
    """As the id stands in the sub-label."""
    return f"[{event}]"


def described(description: str, event: EventId) -> int | None:
    """Which revision of this event the description has; None when it is not of it."""
    tags = tags_of(description)
    if tags.get(EVENT) != event:
        return None
    revision = tags.get("revision", "")
    return int(revision) if revision.isdecimal() else 0


def spoken_of(sub_label: str, description: str, event: EventId) -> bool:
    """Whether Frigate's event is this one of ours, be it by its sub-label alone."""
    return sub_label.endswith(mark(event)) or described(description, event) is not None

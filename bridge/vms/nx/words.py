"""An event as Nx can hold it: a short name, a description that has everything, tags to find it by [3, 5]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bridge.model import Delivery, EventId, SensorEvent, State, Urgency
from bridge.vms.lines import lines_of, title_of
from bridge.vms.nx.settings import NxSettings
from bridge.vms.text import Place

KNOWN_BY = "evt-"
"""What the tag that has the event's id begins with [11]."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LINE = Place(lines=False)
_TAG = Place(most=120, lines=False, instead={",": " "})
_STATE = {state: state.value for state in State}


class Words:
    def __init__(self, settings: NxSettings) -> None:
        self._name = Place(most=settings.name_limit, lines=False)
        self._limit = settings.description_limit

    def name(self, event: SensorEvent) -> str:
        return self._name.shortened(title_of(event), event.id)

    def source(self, event: SensorEvent) -> str:
        return self._name.shortened(event.sensor_name, event.id)

    def condition(self, event: SensorEvent) -> str:
        """The same of what begins and of what ends."""
        return self._name.shortened(event.condition or "", event.id)

    def description(self, delivery: Delivery) -> str:
        return lines_of(delivery, _LINE, self._limit)

    def tags(self, delivery: Delivery) -> list[str]:
        event = delivery.event
        more = ["possible_duplicate"] if delivery.possible_duplicate else []
        more += ["test"] if event.test else []
        urgency = Urgency(event.urgency).name.lower()
        all_ = [known_by(event.id), event.sensor, event.kind, event.type, urgency, _STATE[event.state], *more]
        return list(dict.fromkeys(each for tag in all_ if (each := _TAG.shortened(tag, event.id).strip())))


def known_by(event: EventId) -> str:
    """The tag that an event is found by."""
    return _TAG.shortened(f"{KNOWN_BY}{event}", event).strip()


def milliseconds(at: datetime) -> int:
    """Since 1970; never below it."""
    return max(0, (at - _EPOCH) // _MILLISECOND)


def moment(ms: int) -> datetime | None:
    """Aware UTC; None beyond the calendar."""
    try:
        return _EPOCH + ms * _MILLISECOND
    except OverflowError:
        return None


def revision(tags: Mapping[str, str]) -> int:
    said = tags.get("revision", "")
    return int(said) if said.isascii() and said.isdecimal() else 0

"""All that an event says as one text of lines, ``name: value``: for a VMS that keeps one free text of an event.

What a guard reads first stands first; the second line names the event, so that it is found again.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from bridge.model import Clock, Delivery, SensorEvent, State, Urgency
from bridge.vms.text import Place, as_text, shorten

EVENT = "bridge_event"
"""What the second line begins with; the event's id follows."""
_LONGEST_TITLE = 300
_STATE = {state: state.value for state in State}
_CLOCK = {clock: clock.value for clock in Clock}
_NAMED_BY_THE_BRIDGE = frozenset(
    {
        *(
            "revision",
            "site",
            "sensor",
            "sensor_name",
            "kind",
            "type",
            "state",
            "urgency",
            "occurred",
            "arrived",
            "clock",
        ),
        *(
            "clock_offset",
            "condition",
            "closes",
            "marks",
            "test",
            "possible_duplicate",
            "media",
            "detail",
            EVENT,
            "title",
        ),
    }
)


def title_of(event: SensorEvent) -> str:
    """Its type, where it has none; a test event says so, if it does not already."""
    title = event.title if not event.title.isspace() and event.title else event.type
    return f"TEST {title}" if event.test and not title.startswith("TEST") else title


def lines_of(delivery: Delivery, place: Place, limit: int) -> str:
    """The title, its id, what the bridge knows, its fields, and last the whole message; in ``limit`` bytes of UTF-8.
    ``place``: what the VMS can hold of it; of its own limit nothing is asked."""
    event = delivery.event
    title = shorten(place.clean(title_of(event)).replace("\n", " ").strip() or event.type, _LONGEST_TITLE, event.id)
    lines = [title, f"{EVENT}: {event.id}", *map(place.clean, _about(delivery))]
    for name, value in event.fields.items():
        lines.append(place.clean(f"{name_of_field(name)}: {as_text(value)}"))
    if event.detail:
        lines.append(place.clean(f"detail: {event.detail.decode('utf-8', 'replace')}"))
    return shorten("\n".join([line.replace("\n", " ") for line in lines]), limit, event.id, "utf-8").strip()


def name_of_field(name: str) -> str:
    """As it stands in its line; one that would be taken for a word of the bridge's is told apart."""
    name = name.replace(":", "_")
    return f"field_{name}" if name in _NAMED_BY_THE_BRIDGE else name


def tags_of(text: str) -> dict[str, str]:
    """The lines of ``lines_of`` read again; {} when it is none of ours. What was cut off is not there."""
    title, _, rest = text.replace("\r\n", "\n").partition("\n")
    tags = {"title": title}
    for line in rest.split("\n"):
        name, found, value = line.partition(": ")
        if found:
            tags.setdefault(name, value)
    return tags if tags.get(EVENT) else {}


def moment_of(text: str) -> datetime | None:
    """A time as the lines have it; None when it is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _about(delivery: Delivery) -> list[str]:
    event = delivery.event
    lines = [
        f"revision: {event.revision}",
        f"site: {event.site}",
        f"sensor: {event.sensor}",
        f"sensor_name: {event.sensor_name}",
        f"kind: {event.kind}",
        f"type: {event.type}",
        f"state: {_STATE[event.state]}",
        f"urgency: {Urgency(event.urgency).name.lower()}",
        f"occurred: {_zulu(event.occurred_at)}",
        f"arrived: {_zulu(event.arrived_at)}",
        f"clock: {_CLOCK[event.clock]}",
    ]
    if event.clock_offset is not None:
        lines.append(f"clock_offset: {event.clock_offset:.3f}")
    if event.condition is not None:
        lines.append(f"condition: {event.condition}")
    if event.closes is not None:
        lines.append(f"closes: {event.closes}")
    if event.marks:
        lines.append(f"marks: {'; '.join(event.marks)}")
    if event.test:
        lines.append("test: true")
    if delivery.possible_duplicate:
        lines.append("possible_duplicate: true")
    if event.media:
        lines.append("media: " + " ".join([f"{each.id}={each.role or each.content_type}" for each in event.media]))
    return lines


def _zulu(time: datetime) -> str:
    with contextlib.suppress(OverflowError):  # at an end of the calendar: as it was told, with its zone
        time = time.astimezone(UTC)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")

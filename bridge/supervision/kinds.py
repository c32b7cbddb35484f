"""The kinds of faults: by the first word of a condition's key, the type and the words of its event.

The types are stable: rules of a VMS hang on them.
"""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """``lasts``: seconds it has to last before it is an event. ``unheard``: seconds after a start in which one that
    was open when the service stopped may be found again, before it is called over."""

    type: str
    title: str
    over: str
    lasts: float = 0.0
    unheard: float = 60.0


SILENT, SILENT_MANY = "silent", "silent-behind"
HEARTBEAT, HEARTBEAT_MANY = "heartbeat", "heartbeat-behind"
CLOCK = "clock"
OF_SENSORS = (SILENT, SILENT_MANY, HEARTBEAT, HEARTBEAT_MANY, CLOCK)
"""First words of the keys of what is supervised of sensors."""

KINDS = {
    SILENT: Kind("sensor.silent", "{name} is silent: {why}", "{name} is heard again"),
    SILENT_MANY: Kind("sensor.silent", "{why}", "All sensors behind {name} are heard again"),
    HEARTBEAT: Kind("heartbeat.missed", "{name} sends no heartbeat: {why}", "{name} sends heartbeats again"),
    HEARTBEAT_MANY: Kind("heartbeat.missed", "{why}", "All sensors behind {name} send heartbeats again"),
    CLOCK: Kind("clock.wrong", "The clock of {name} is wrong: {why}", "The clock of {name} is right again"),
    "connector": Kind("link.down", "Connector {name} is down: {why}", "Connector {name} is up again", lasts=5.0),
    # It may be away, and a start has to find that out by asking: three time-outs and a probe.
    "vms": Kind("vms.away", "VMS {name} takes nothing: {why}", "VMS {name} takes events again", 10.0, 120.0),
    "camera": Kind("camera.refused", "Camera {name} is refused: {why}", "Camera {name} is accepted again", 0.0, 120.0),
    "endpoint": Kind("endpoint.away", "Endpoint {name} takes nothing: {why}", "Endpoint {name} is told again", 10.0),
    "endpoints": Kind("endpoint.away", "Endpoints {name} are down: {why}", "Endpoints {name} are up again", 10.0),
    "disk": Kind("disk.low", "The disk is nearly full: {why}", "There is room on the disk again"),
    "buffer": Kind("buffer.short", "The journal will soon be full: {why}", "The journal has room for long again"),
    "backlog": Kind("backlog.old", "Events wait for VMS {name}: {why}", "Nothing waits long for VMS {name} any more"),
    "budget": Kind("budget.spent", "Events are given up, budget {name}: {why}", "Budget {name} holds again"),
    "journal": Kind("journal.failed", "The journal keeps nothing new: {why}", "The journal works again", 5.0),
    # Where this is shown the VMS does not take it; it goes the second way.
    "alarm": Kind("alarm.waiting", "Alarms wait for VMS {name}: {why}", "VMS {name} has taken the alarms that waited"),
    "alarm-refused": Kind(
        "alarm.refused", "VMS {name} refuses alarms: {why}", "No alarm that VMS {name} refused is left"
    ),
}
OF_ALARMS = ("alarm", "alarm-refused")
"""First words of the keys of what every second way is told, and what makes the service not ready."""


NO_LONGER_WATCHED = "is watched no more"
OUT_OF_SERVICE = "is out of service"
NOT_OF_THIS_SITE = "is no longer of this site"
_NOT_MENDED = (NO_LONGER_WATCHED, OUT_OF_SERVICE, NOT_OF_THIS_SITE)
"""Ends of a condition that say nothing about what was wrong."""


def word_of(key: str) -> str:
    return key.partition(" ")[0]


def kind_of(key: str) -> Kind | None:
    """None for what is a condition and never an event."""
    return KINDS.get(word_of(key))


def type_of(key: str) -> str:
    kind = kind_of(key)
    return "" if kind is None else kind.type


def title(key: str, name: str, why: str) -> str:
    """What people read while it holds."""
    return KINDS[word_of(key)].title.format(name=name, why=why)


def title_when_over(key: str, name: str, how: str) -> str:
    """What they read once it is over; ``how``: by what."""
    return f"{name} {how}" if how.startswith(_NOT_MENDED) else KINDS[word_of(key)].over.format(name=name)

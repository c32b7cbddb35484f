"""A message that tells all that is on: what is open and not named in it is over."""

from __future__ import annotations

import msgspec

from bridge.config.site import Sensor
from bridge.decide.conditions import Condition
from bridge.decide.gathering import Gathering
from bridge.decide.remembered import OF_CONDITIONS
from bridge.model import Complete, EventId, SensorEvent

NOTHING_OPEN = "nothing was open"
"""The reason under which a message is filtered that only says that all is well, when nothing was wrong."""


def end_what_is_not_named(
    gathering: Gathering, sensor: Sensor, complete: Complete, event: SensorEvent
) -> EventId | None:
    """Close each open condition in the scope that is neither named nor the event's own (its state says what becomes
    of that), by a restore ``EVENT-rN``, in the order of their names. The first of these; None when there was nothing
    to close. ``event``: what the item itself would be; the restores have its time and detail. What another item of the
    message has told already is not gone through again: a thousand may tell the same thousand. Ends early when the
    decision is full (``is_full``): the next piece of the message goes on with the same item."""
    if gathering.was_told(sensor.id, complete):
        return None
    scope = complete.scope if complete.scope.endswith("|") or not complete.scope else f"{complete.scope}|"
    named = set(complete.conditions)
    first, count = gathering.begin_closing()
    known: set[str] = set()
    for kind in OF_CONDITIONS:
        known.update(gathering.all_of(sensor.id, kind))
    for name in sorted(known):
        if name != complete.scope and not name.startswith(scope):
            continue
        if name in named or name == event.condition:
            continue
        like = msgspec.structs.replace(event, id=EventId(f"{event.id}-r{count}"), media=())
        closed = Condition(gathering, sensor.id, name).end_untold(sensor, like)
        if closed is not None:
            first, count = first or closed, count + 1
            if gathering.is_full:
                gathering.closed = first
                break
    return first

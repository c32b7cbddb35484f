"""Late events in a VMS that puts every event at the moment it hears of it.

There a notice of an hour ago would mislead, so it expires; an alarm or a fault is worth knowing even late, so it says
how late it is, where the guard reads it.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.model import Delivery, Expired, Urgency

WORTH_SAYING = 60.0
"""Seconds from which an alarm says that it is late."""


def by_now(delivery: Delivery, now: datetime, late_after: float) -> Delivery | Expired:
    """The delivery as it is to be rendered at ``now`` by a VMS that cannot back-date, or that it is too late."""
    event = delivery.event
    late = (now - event.occurred_at).total_seconds()
    if late < WORTH_SAYING and late <= late_after:
        return delivery
    if event.urgency is Urgency.NOTICE:
        return Expired(f"late by {in_words(late)}") if late > late_after else delivery
    titled = msgspec.structs.replace(event, title=f"LATE {in_words(late)}: {event.title}")
    return msgspec.structs.replace(delivery, event=titled)


def in_words(seconds: float) -> str:
    """``755.0`` → ``"12 min"``; whole units, rounded down."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"

"""Text for a VMS that holds only so much of it: shortened between fields, visibly, naming the event that has it all."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.model import EventId, Scalar

_BOUNDARIES = (",", ";", "|", "\n", " ")


def as_text(value: Scalar) -> str:
    """One value as a guard reads it: ``true`` and ``false``, nothing for None."""
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    return str(value)


def shorten(text: str, limit: int, event: EventId) -> str:
    """``text`` in at most ``limit`` characters; what is cut off ends between two fields or words if it can.

    What was cut ends with ``… [cut from N characters, all of it in event ID]``, or ``…`` where even that has no room.
    """
    if len(text) <= limit:
        return text
    marker = f"… [cut from {len(text)} characters, all of it in event {event}]"
    if len(marker) * 2 > limit:
        marker = "…"
    room = max(0, limit - len(marker))
    kept = text[: room + 1]
    end = max(kept.rfind(boundary) for boundary in _BOUNDARIES)
    return (text[: end if end > room // 2 else room] + marker)[:limit]


def one_text(fields: Mapping[str, Scalar], limit: int, event: EventId) -> str:
    """All fields as one text, ``name: value; name: value``; only whole fields, and how many had no room."""
    told = [f"{name}: {as_text(value)}" for name, value in fields.items()]
    text = "; ".join(told)
    if len(text) <= limit:
        return text
    kept = len(told)
    while kept:
        kept -= 1
        marker = f"… [{len(told) - kept} more in event {event}]"
        text = "; ".join([*told[:kept], marker])
        if len(text) <= limit:
            return text
    return shorten("; ".join(told), limit, event)

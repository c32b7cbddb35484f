"""What endpoints say: one JSON object each. Stable, documented in ``docs/endpoints.md``."""

from __future__ import annotations

from bridge.journal.contract import Fed, FeedGap
from bridge.model import Action
from bridge.vms.webhook.document import VERSION, as_json, sensor_and_event


def event_document(fed: Fed) -> bytes:
    """The event as the webhook VMS tells it, with all its cameras and the position of who has it."""
    event = fed.event
    return as_json(
        {
            "version": VERSION,
            "what": "event",
            "position": fed.position,
            "action": (Action.AMEND if event.revision else Action.RAISE).value,
            "cameras": fed.cameras,
            **sensor_and_event(event),
        }
    )


def gap_document(gap: FeedGap) -> bytes:
    """Events between two positions may be missing; ``position`` is where it goes on."""
    return as_json(
        {
            "version": VERSION,
            "what": "gap",
            "position": gap.until,
            "after": gap.after,
            "until": gap.until,
            "why": gap.why,
        }
    )


def position_document(position: str) -> bytes:
    """Nothing was for you up to here: begin there next time."""
    return as_json({"version": VERSION, "what": "position", "position": position})

"""What to do about a delivery that the VMS may have: look, wait for its search to settle, look again, send again.

An alarm is sent again after the first empty search, marked as a possible duplicate: double beats late.
"""

from __future__ import annotations

import msgspec

from bridge.delivery.attempt import Attempt
from bridge.delivery.backoff import lane_pause
from bridge.delivery.trouble import Trouble
from bridge.journal.contract import LaneHead
from bridge.model import Absent, Action, Ambiguous, Delivered, Found, Urgency
from bridge.vms.base import VmsTarget

UNANSWERED_ALARM = 3.0
UNANSWERED = 10.0
"""Searches without an answer after which a delivery is sent again, marked: else a VMS that does not let itself be
searched would hold the lane for ever."""
WHILE_AWAY = 0.1
"""What such a search counts while the VMS is away, where no answer is no surprise."""


class SendAgain(msgspec.Struct, frozen=True):
    """``head``: as it is to be sent, marked where it may be there twice. ``unsure``: should this send not be taken
    either, it is still not known whether the one before was."""

    head: LaneHead
    unsure: bool


class NotYet(msgspec.Struct, frozen=True):
    """The VMS was searched in vain; its search may lag: look again after ``after`` seconds."""

    after: float


def marked(head: LaneHead) -> LaneHead:
    """The head, its delivery marked as a possible duplicate."""
    delivery = msgspec.structs.replace(head.delivery, possible_duplicate=True)
    return msgspec.structs.replace(head, delivery=delivery)


async def reconcile(
    head: LaneHead, target: VmsTarget, attempt: Attempt, trouble: Trouble, monotonic: float, away: bool
) -> Delivered | Ambiguous | NotYet | SendAgain:
    """Look for the delivery in the VMS, and say what follows; ``Ambiguous``: the search had no answer.

    ``monotonic``: now. ``away``: the VMS is thought to be. Raises Broken.
    """
    delivery, can = head.delivery, target.can
    if delivery.action is Action.AMEND:
        # What a search finds is the raised event, not whether the amendment came; the same amendment twice is one.
        return SendAgain(head if can.amend else marked(head), unsure=False)
    if not can.search:
        return SendAgain(marked(head), unsure=True)
    found = await attempt.find(target, delivery)
    if isinstance(found, Found):
        return Delivered(found.remote_id, note="found")
    if isinstance(found, Absent):
        trouble.unanswered = 0.0
        return _absent(head, found, trouble, monotonic, can.settle_after)
    trouble.unanswered += WHILE_AWAY if away else 1.0
    alarm = head.lane.urgency is Urgency.ALARM
    if trouble.unanswered >= (UNANSWERED_ALARM if alarm else UNANSWERED):
        trouble.unanswered = 0.0
        return SendAgain(marked(head), unsure=True)
    after = lane_pause(int(trouble.unanswered), head.lane.urgency, 0.0)
    return Ambiguous(f"not known whether it was taken: {found.why}", after=after)


def _absent(
    head: LaneHead, found: Absent, trouble: Trouble, monotonic: float, settle_after: float
) -> NotYet | SendAgain:
    if head.lane.urgency is Urgency.ALARM:
        return SendAgain(marked(head), unsure=True)
    if trouble.searched_at is None:
        trouble.searched_at = monotonic
    rest = trouble.searched_at + settle_after - monotonic
    if rest > 0:
        return NotYet(rest)
    trouble.searched_at = None
    return SendAgain(head, unsure=False) if found.surely else SendAgain(marked(head), unsure=True)

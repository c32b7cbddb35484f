"""What an outcome other than "delivered" means for the delivery, its camera and its VMS: what is to be settled."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from bridge.delivery.attempt import Broken
from bridge.delivery.availability import Availability
from bridge.delivery.backoff import lane_pause
from bridge.delivery.credentials import of_delivery
from bridge.delivery.parking import Parking
from bridge.delivery.trouble import Troubles
from bridge.journal.contract import LaneHead
from bridge.model import Ambiguous, Blocked, CameraId, Delivered, Expired, Outcome, Rejected, Retry, VmsId
from bridge.secret import SecretRef
from bridge.vms.base import VmsTarget

log = logging.getLogger("bridge.delivery")

REJECTIONS = 5
"""Refused in a row and none accepted: then it is the VMS, not the deliveries."""
FIRST_PROBE_REJECTED, LONGEST_PROBE_REJECTED = 5.0, 60.0
"""Seconds until it is asked whether it was the deliveries after all."""
FAILURES = 5
"""Errors of the target's own code on one delivery, after which it is dead."""
_ERRORS_TOLD = 100


def waits(head: LaneHead, blocked: Blocked, taken: bool) -> Blocked | Ambiguous:
    """How a delivery waits for what is parked. Blocked leaves it in doubt only if it was so before; one of which a part
    was ``taken`` is in doubt from now on."""
    return Ambiguous(blocked.why) if taken and not head.ambiguous else blocked


class Verdicts:
    """Of one VMS: how deliveries fare in a row. ``depends_on``: the secrets in the settings of a camera, or with None
    of the VMS."""

    def __init__(
        self,
        vms: VmsId,
        availability: Availability,
        parking: Parking,
        troubles: Troubles,
        depends_on: Callable[[CameraId | None], set[SecretRef]],
    ) -> None:
        self._vms = vms
        self._depends_on = depends_on
        self._availability = availability
        self._parking = parking
        self._troubles = troubles
        self._told: set[str] = set()
        self.rejected = 0
        """In a row."""

    def accepted(self, head: LaneHead) -> None:
        """Only to be called where ``rejected``, the troubles or the availability have something to forget."""
        self.rejected = 0
        if self._troubles:
            self._troubles.forget(head.delivery)
        self._availability.answered()

    async def on(
        self,
        head: LaneHead,
        outcome: Outcome,
        target: VmsTarget,
        *,
        unsure: bool,
        taken: bool,
        probe: bool,
        parked: bool,
        epoch: int,
    ) -> Outcome:
        """What to settle. ``unsure``: an earlier send may have been taken; ``taken``: a part of this one was, so that
        for the journal it stays in doubt whatever became of the rest. ``probe``: sent as the one probe of a VMS that is
        away; ``parked``: as the slow probe of what is parked. ``epoch``: the parking's, when the delivery was taken
        up."""
        match outcome:
            case Retry():
                if taken:
                    self._troubles.of(head.delivery).in_part = target
                return self._retry(head, outcome, unsure or taken, probe)
            case Ambiguous():
                return self._ambiguous(head, outcome, target.can.settle_after, probe)
            case Blocked():
                return await self._blocked(head, outcome, target, unsure, taken, epoch)
            case Rejected():
                return await self._rejected(head, outcome, taken, parked)
            case Delivered() | Expired():
                self._troubles.forget(head.delivery)
        return outcome

    async def broken(self, head: LaneHead, error: Broken) -> Outcome:
        """The target's own code failed on this delivery: nothing else may suffer. Told once per error."""
        cause, camera = error.__cause__, head.delivery.camera
        if isinstance(cause, KeyError) and cause.args == (camera,) and not error.maybe_taken:
            # A target knows its own cameras: this one was taken out of the site with deliveries still waiting.
            gone = Blocked(f"camera {camera} is no longer one of this VMS")
            await self._parking.park(camera, gone.why, ())
            return gone
        if str(error) not in self._told and len(self._told) < _ERRORS_TOLD:
            self._told.add(str(error))
            log.error("vms %s: its target failed (a bug), the delivery is tried again", self._vms, exc_info=cause)
        trouble = self._troubles.of(head.delivery)
        trouble.failures += 1
        if trouble.failures >= FAILURES:
            self._troubles.forget(head.delivery)
            return self._dead(head, Rejected(f"target failed: {error}"))
        after = lane_pause(trouble.failures, head.lane.urgency, 0.0)
        if error.maybe_taken or head.ambiguous:
            return Ambiguous(f"target failed: {error}", after=after)
        return Retry(f"target failed: {error}", after=after)

    def _retry(self, head: LaneHead, outcome: Retry, unsure: bool, probe: bool) -> Outcome:
        after = 0.0
        if outcome.away:
            self._availability.silent(outcome.why, refused=True, probe=probe, after=outcome.after)
        else:
            self._availability.answered()
        if not self._availability.away:  # else it is the whole VMS that waits
            trouble = self._troubles.of(head.delivery)
            after = lane_pause(trouble.retries, head.lane.urgency, outcome.after)
            trouble.retries += 1
        if unsure:
            return Ambiguous(outcome.why, outcome.away, after)
        return msgspec.structs.replace(outcome, after=after)

    def _ambiguous(self, head: LaneHead, outcome: Ambiguous, settle_after: float, probe: bool) -> Outcome:
        if outcome.away:
            self._availability.silent(outcome.why, refused=False, probe=probe, after=outcome.after)
        elif probe:  # it answered; what is wrong may be wrong with this camera alone
            self._availability.answered()
        if self._availability.away:  # it is the whole VMS that waits
            return msgspec.structs.replace(outcome, after=0.0)
        trouble = self._troubles.of(head.delivery)
        trouble.ambiguous += 1
        if trouble.ambiguous == 1:
            return outcome  # look for it at once
        pause = lane_pause(trouble.ambiguous, head.lane.urgency, outcome.after)
        return msgspec.structs.replace(outcome, after=max(pause, settle_after))

    def unanswered(self, outcome: Ambiguous, probe: bool) -> Outcome:
        """The search for a delivery in doubt had no answer. That alone does not say that the VMS is away."""
        if probe:
            self._availability.silent(outcome.why, refused=False, probe=True)
        return msgspec.structs.replace(outcome, after=0.0) if self._availability.away else outcome

    async def _blocked(
        self, head: LaneHead, outcome: Blocked, target: VmsTarget, unsure: bool, taken: bool, epoch: int
    ) -> Outcome:
        self._availability.answered()
        if epoch != self._parking.epoch and not self._parking.blocks(head.delivery.camera):
            # Refused with what has been replaced meanwhile.
            after = lane_pause(0, head.lane.urgency, 0.0)
            return Ambiguous(outcome.why, after=after) if unsure or taken else Retry(outcome.why, after=after)
        camera = None if outcome.whole_vms else head.delivery.camera
        refs = of_delivery(target, head.delivery) | self._depends_on(head.delivery.camera)
        await self._parking.park(camera, outcome.why, refs | self._depends_on(None) if camera is None else refs)
        return waits(head, outcome, taken)

    async def _rejected(self, head: LaneHead, outcome: Rejected, taken: bool, parked: bool) -> Outcome:
        self._availability.answered()
        if self._parking.whole_vms:
            return outcome if parked else waits(head, Blocked(outcome.why, whole_vms=True), taken)
        self.rejected += 1
        if self.rejected < REJECTIONS:
            self._troubles.forget(head.delivery)
            return self._dead(head, outcome)
        self.rejected = 0
        why = f"{REJECTIONS} deliveries refused in a row, none accepted; the last: {outcome.why}"
        await self._parking.park(None, why, (), FIRST_PROBE_REJECTED, LONGEST_PROBE_REJECTED)
        return waits(head, Blocked(outcome.why, whole_vms=True), taken)

    def _dead(self, head: LaneHead, outcome: Rejected) -> Outcome:
        event = head.delivery.event
        log.warning("vms %s: event %s of %s is dead: %s", self._vms, event.id, event.sensor, outcome.why)
        return outcome

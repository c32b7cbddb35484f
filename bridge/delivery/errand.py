"""One claimed head on its way: reconciled if it must be, rendered, sent, and weighed; all but settling it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from bridge.clock import Clock
from bridge.delivery.attempt import Attempt, Broken
from bridge.delivery.availability import Availability
from bridge.delivery.expiry import by_now
from bridge.delivery.parking import Parking
from bridge.delivery.reconcile import NotYet, SendAgain, reconcile
from bridge.delivery.trouble import Troubles
from bridge.delivery.verdict import Verdicts
from bridge.journal.contract import LaneHead
from bridge.model import Ambiguous, Delivered, Expired, MediaId, Outcome, SensorEvent, Urgency
from bridge.vms.base import VmsSettings, VmsTarget


class Line(msgspec.Struct, eq=False):
    """A target and how many use it at the moment, so that a replaced one is closed when the last has finished."""

    target: VmsTarget
    users: int = 0
    unused: asyncio.Event = msgspec.field(default_factory=asyncio.Event)

    def leave(self) -> None:
        self.users -= 1
        if not self.users:
            self.unused.set()


Pictures: TypeAlias = Callable[[SensorEvent], Awaitable[Mapping[MediaId, bytes]]]
"""The pictures of an event that are kept, whole; never raises."""


class Errands:
    """Of one VMS."""

    def __init__(
        self,
        target: VmsTarget,
        settings: VmsSettings,
        clock: Clock,
        availability: Availability,
        parking: Parking,
        verdicts: Verdicts,
        troubles: Troubles,
        pictures: Pictures,
    ) -> None:
        self.line = Line(target)
        self._pictures = pictures
        self._settings = settings
        self._clock = clock
        self._availability = availability
        self._parking = parking
        self._verdicts = verdicts
        self._troubles = troubles

    def change(self, target: VmsTarget, settings: VmsSettings) -> Line | None:
        """What begins from now on uses these; the line that was left, if it is another target's."""
        self._settings = settings
        if target is self.line.target:
            return None
        old, self.line = self.line, Line(target)
        return old

    async def run(
        self, head: LaneHead, attempt: Attempt, probe: bool, parked: bool = False
    ) -> tuple[LaneHead, Outcome]:
        """The head (marked, if it was sent as a possible duplicate) and what to settle it with.

        ``probe``: it is the one probe of a VMS that is away; ``parked``: the slow probe of what is parked. What
        follows for camera and VMS has been done.
        """
        line, epoch = self.line, self._parking.epoch
        attempt.taken = False
        line.users += 1
        line.unused.clear()
        try:
            unsure = False
            if head.ambiguous:
                found = await self._look(head, line.target, attempt)
                match found:
                    case Delivered():
                        self._verdicts.accepted(head)
                        return head, found
                    case NotYet():
                        self._availability.answered()
                        return head, Ambiguous("not found yet; the search of the VMS may lag", after=found.after)
                    case Ambiguous():
                        return head, self._verdicts.unanswered(found, probe)
                head, unsure = found.head, found.unsure
            outcome = await self._send(head, line.target, attempt)
            if type(outcome) is Delivered:
                if self._verdicts.rejected or self._troubles or self._availability.troubled:
                    self._verdicts.accepted(head)
                return head, outcome
            return head, await self._verdicts.on(
                head, outcome, line.target, unsure=unsure, taken=attempt.taken, probe=probe, parked=parked, epoch=epoch
            )
        except Broken as error:
            return head, await self._verdicts.broken(head, error)
        finally:
            line.leave()

    async def _look(
        self, head: LaneHead, target: VmsTarget, attempt: Attempt
    ) -> Delivered | Ambiguous | NotYet | SendAgain:
        trouble = self._troubles.of(head.delivery)
        if trouble.in_part is target:
            trouble.in_part = None
            return SendAgain(head, unsure=True)
        return await reconcile(head, target, attempt, trouble, self._clock.now().monotonic, self._availability.away)

    async def _send(self, head: LaneHead, target: VmsTarget, attempt: Attempt) -> Outcome:
        delivery = head.delivery
        if not target.can.backdate:
            timely = by_now(delivery, self._clock.now().utc, self._settings.late_after)
            if isinstance(timely, Expired):
                return timely
            delivery = timely
        if target.can.picture and delivery.event.media:
            delivery = msgspec.structs.replace(delivery, pictures=await self._pictures(delivery.event))
        try:
            requests = target.render(delivery)
        except Exception as error:
            raise Broken(error, maybe_taken=False) from error
        return await attempt.deliver(target, requests, head.lane.urgency is Urgency.ALARM)

"""One delivery through its requests to an outcome, and the bound on every answer.

A target ends its own requests after its time-out. One that does not is a bug, or a system call that hangs; its slot
is freed by ``Watch`` all the same, without a timer per request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bridge.clock import Clock
from bridge.model import Ambiguous, Delivered, Delivery, Outcome, Retry, Search, Unanswered
from bridge.vms.base import Request, VmsTarget

NOTHING_TO_SEND = Delivered(note="nothing to send")


class Broken(Exception):
    """The target's own code failed; ``maybe_taken``: in the step that makes the event."""

    def __init__(self, cause: Exception, maybe_taken: bool) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.maybe_taken = maybe_taken


class Attempt:
    """One slot: at most one request of it is under way. Used by one task only, which ``task`` names. ``taken``: of the
    delivery under way, a step that makes the event was taken."""

    __slots__ = ("asking", "overdue", "steps", "taken", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.steps = 0
        self.asking = False
        self.overdue = False
        self.taken = False

    async def deliver(self, target: VmsTarget, requests: Sequence[Request], urgent: bool) -> Outcome:
        """Send the requests in order; the first that is not taken ends it. Raises Broken."""
        outcome: Outcome = NOTHING_TO_SEND
        left = len(requests)
        for request in requests:
            left -= 1
            self.steps += 1
            self.asking = True
            try:
                outcome = await target.send(request, urgent)
            except asyncio.CancelledError:
                self._only_if_overdue()
                outcome = Ambiguous("no answer, and the request did not end by itself", away=True)
            except Exception as error:
                raise Broken(error, self.taken or request.raises or not left) from error
            finally:
                self.asking = False
            if self.overdue:
                self._only_if_overdue()
            if type(outcome) is not Delivered:
                if type(outcome) is Ambiguous and left and not (self.taken or request.raises):
                    return Retry(outcome.why, outcome.after, outcome.away)  # a step that may be repeated freely
                return outcome
            self.taken = self.taken or request.raises
        return outcome

    async def find(self, target: VmsTarget, delivery: Delivery) -> Search:
        """Search for the delivery. Raises Broken."""
        self.steps += 1
        self.asking = True
        try:
            found = await target.find(delivery)
        except asyncio.CancelledError:
            self._only_if_overdue()
            return Unanswered("no answer, and the search did not end by itself")
        except Exception as error:
            raise Broken(error, maybe_taken=True) from error
        finally:
            self.asking = False
        if self.overdue:
            self._only_if_overdue()
        return found

    def _only_if_overdue(self) -> None:
        """Take back the cancellation that ``Watch`` made; anybody else's goes on."""
        if not self.overdue:
            raise asyncio.CancelledError
        self.overdue = False
        if self.task is not None and self.task.uncancel() > 0:
            raise asyncio.CancelledError


class Watch:
    """Looks at all attempts of a VMS now and then, and ends what has not moved for a whole round."""

    def __init__(self, clock: Clock, bound: Callable[[], float]) -> None:
        self._clock = clock
        self._bound = bound
        self._attempts: set[Attempt] = set()

    def add(self, attempt: Attempt) -> None:
        self._attempts.add(attempt)

    def discard(self, attempt: Attempt) -> None:
        self._attempts.discard(attempt)

    async def run(self) -> None:
        seen: dict[Attempt, int] = {}
        while True:
            await self._clock.sleep(self._bound())
            for attempt in self._attempts:
                stuck = attempt.asking and seen.get(attempt) == attempt.steps
                if stuck and attempt.task is not None and not attempt.overdue:
                    attempt.overdue = True
                    attempt.task.cancel()
            seen = {attempt: attempt.steps for attempt in self._attempts if attempt.asking}

"""Each step on the wire, and what comes of it. Whatever fails after an event may have been created is in doubt, never
simply tried again: the search says what became of it, and what is known of it is gone on from."""

from __future__ import annotations

import asyncio

from bridge.model import Ambiguous, Blocked, Delivered, EventId, Outcome, Rejected, Retry
from bridge.vms.frigate.answers import created, event, events, in_doubt, refusal, written
from bridge.vms.frigate.api import JSON, Api
from bridge.vms.frigate.known import Known
from bridge.vms.frigate.settings import FrigateSettings
from bridge.vms.frigate.steps import OPEN_ID, REMOTE_ID, Kind, Step, of_event
from bridge.vms.frigate.words import spoken_of
from bridge.vms.http import Answer, NotSent, SendingError
from bridge.vms.http.outcome import unanswered
from bridge.vms.tokens import Refused

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two tries while a created event is not in the database yet: the call returns before it is [3]."""
MOST_DOUBTS = 3
"""So often a description may fail with an error of Frigate's own, until the event does without."""
_REMEMBERED = 64


class Doing:
    """``known``: what is shared with the search."""

    def __init__(self, settings: FrigateSettings, api: Api) -> None:
        self._settings = settings
        self._api = api
        self.known = Known()
        self._open: dict[tuple[EventId, str], list[str]] = {}

    async def do(self, step: Step, urgent: bool) -> Outcome:
        """One step, once."""
        try:
            match step.kind:
                case Kind.CREATE:
                    return await self._create(step, urgent)
                case Kind.DESCRIBE | Kind.SUB_LABEL:
                    return await self._write(step, urgent)
                case Kind.OPEN:
                    return await self._look(step, urgent)
                case Kind.END:
                    return await self._end(step, urgent)
        except Refused as error:
            blocked = Blocked(str(error), whole_vms=True)
            return in_doubt(blocked) if self._after_creating(step) else blocked
        except SendingError as error:
            outcome = unanswered(error, raising=step.kind is Kind.CREATE)
            return in_doubt(outcome) if self._after_creating(step) else outcome

    async def _create(self, step: Step, urgent: bool) -> Outcome:
        standing = self.known.standing(step.event, step.place)
        if standing is not None:
            return Delivered(standing.remote_id, note="it stands there already; only its description is missing")
        answer = await self._api.ask("POST", step.path, JSON, step.body, urgent)
        if not 200 <= answer.status < 300:
            return refusal(answer, step.place, raising=True)
        remote_id = created(answer)
        if not remote_id:
            # A log-in page, a captive portal; or a real answer that came through a bad proxy.
            return Ambiguous(f"{self._api.origin} answers {answer.status}, but not with an event")
        self.known.stands(step.event, step.place, remote_id)
        return Delivered(remote_id)

    # ------------------------------------------------------------------------------------------ writing into an event

    async def _write(self, step: Step, urgent: bool) -> Outcome:
        """Written again and again until the event is in the database, or time is up."""
        remote_id = self._remote_id(step)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.visible_within
        pause = FIRST_PAUSE
        path = step.path.replace(REMOTE_ID, of_event(remote_id).rpartition("/")[2])
        while True:
            answer = await self._api.ask("POST", path, JSON, step.body, urgent)
            if written(answer):
                return self._written(step, remote_id)
            left = deadline - loop.time()
            if answer.status != 404 or left <= 0:
                break
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE)
        if answer.status == 404:
            return await self._not_there(step, remote_id, urgent)
        return self._not_taken(step, remote_id, answer)

    def _written(self, step: Step, remote_id: str) -> Outcome:
        """The id in the sub-label is taken out last: until then it is what is known."""
        if step.kind is Kind.SUB_LABEL or self._settings.id_in_sub_label:
            self.known.forget(step.event, step.place)
        return Delivered(remote_id)

    async def _not_there(self, step: Step, remote_id: str, urgent: bool) -> Outcome:
        answer = await self._api.get(of_event(remote_id), urgent)
        if event(answer) is not None:
            # It is there, and yet has no such place: an old version.
            return self._without(step, remote_id, 404)
        if answer.status != 404:
            outcome = refusal(answer, step.place, raising=False)
            return in_doubt(outcome) if self._after_creating(step) else outcome
        self.known.forget(step.event, step.place)
        if step.amending:
            return Rejected("the event it amends is no longer there")
        return Ambiguous("the event was created, and is not in Frigate's database")

    def _not_taken(self, step: Step, remote_id: str, answer: Answer) -> Outcome:
        outcome = refusal(answer, step.place, raising=False)
        if isinstance(outcome, Rejected):
            return outcome if step.amending else self._without(step, remote_id, answer.status)
        if isinstance(outcome, Retry) and answer.status >= 500 and not outcome.away:
            standing = self.known.stands(step.event, step.place, remote_id)
            standing.doubts += 1
            if standing.doubts >= MOST_DOUBTS:
                return self._without(step, remote_id, answer.status)
        return in_doubt(outcome) if self._after_creating(step) else outcome

    def _without(self, step: Step, remote_id: str, status: int) -> Outcome:
        """The event is there; nothing is gained by creating it again."""
        self.known.forget(step.event, step.place)
        what = "the sub-label" if step.kind is Kind.SUB_LABEL else "the description"
        if step.amending and step.kind is Kind.DESCRIBE:
            return Rejected(f"Frigate does not take {what} ({status})")
        return Delivered(remote_id, note=f"Frigate does not take {what} ({status})")

    # ------------------------------------------------------------------------------------- ending what a restore closes

    async def _look(self, step: Step, urgent: bool) -> Outcome:
        answer = await self._api.get(step.path, urgent)
        found = events(answer)
        if found is None:
            if 200 <= answer.status < 300:
                return Retry("the search was answered with something that is no list of events")
            return refusal(answer, step.place, raising=False)
        closes = step.closes
        open_ = [each.id for each in found if closes and spoken_of(each.spoken, each.description, closes)]
        self._open.pop((step.event, step.place), None)
        self._open[step.event, step.place] = open_
        while len(self._open) > _REMEMBERED:
            del self._open[next(iter(self._open))]
        return Delivered(open_[0]) if open_ else Delivered(note="Frigate has no open event of it")

    async def _end(self, step: Step, urgent: bool) -> Outcome:
        """More than one, where it was created again after a doubt."""
        outcome: Outcome = Delivered(note="nothing to end")
        for remote_id in self._open.get((step.event, step.place), ()):
            outcome = await self._end_one(step, remote_id, urgent)
            if not isinstance(outcome, Delivered):
                return outcome
        self._open.pop((step.event, step.place), None)
        return outcome

    async def _end_one(self, step: Step, remote_id: str, urgent: bool) -> Outcome:
        path = step.path.replace(OPEN_ID, of_event(remote_id).rpartition("/")[2])
        answer = await self._api.ask("PUT", path, JSON, step.body, urgent)
        if answer.status == 400:
            # The restore is older than the event as Frigate has it: a late one, or clocks that differ. So now.
            answer = await self._api.ask("PUT", path, JSON, b"{}", urgent)
        if written(answer) or answer.status == 404:
            return Delivered(remote_id, note="the open event is gone" if answer.status == 404 else "")
        outcome = refusal(answer, step.place, raising=False)
        if isinstance(outcome, Rejected):
            return Delivered(remote_id, note=f"Frigate does not end it ({answer.status})")
        return outcome

    # ----------------------------------------------------------------------------------------------------------- shared

    def _remote_id(self, step: Step) -> str:
        if step.remote_id != REMOTE_ID:
            return step.remote_id
        standing = self.known.standing(step.event, step.place)
        if standing is None:
            raise NotSent("the id of the event is not known", busy=True)
        return standing.remote_id

    @staticmethod
    def _after_creating(step: Step) -> bool:
        return step.kind in (Kind.DESCRIBE, Kind.SUB_LABEL) and not step.amending

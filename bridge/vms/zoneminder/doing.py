"""Each step on the wire, and what comes of it. Whatever fails after an alarm may have been forced is in doubt, never
simply tried again: the search says what became of it, and what is known of it is gone on from."""

from __future__ import annotations

import asyncio

from bridge.model import Ambiguous, Blocked, Delivered, Outcome
from bridge.vms.http import Answer, SendingError
from bridge.vms.plain import PlainSocket
from bridge.vms.zoneminder.answers import events, failure, forced, in_doubt, refusal
from bridge.vms.zoneminder.api import Api, Refused
from bridge.vms.zoneminder.known import Known, Standing
from bridge.vms.zoneminder.monitors import hidden, one, unfit
from bridge.vms.zoneminder.search import spoken_of
from bridge.vms.zoneminder.settings import ZoneMinderSettings
from bridge.vms.zoneminder.steps import REMOTE_ID, Kind, Step
from bridge.vms.zoneminder.turns import Turns
from bridge.vms.zoneminder.writing import Writing

FIRST_LOOK = 0.3
"""Seconds until the first look when zmtrigger tells nothing: it says so when an event begins, but not when one that
is going on is joined. Monitors look at their next picture, zmtrigger every 0.25 s [2]."""
LONGEST_PAUSE = 1.0


class Doing:
    """``known``: what is shared with the search."""

    def __init__(self, settings: ZoneMinderSettings, api: Api) -> None:
        self._settings = settings
        self._api = api
        self.known = Known()
        self._writing = Writing(settings, api, self.known)
        self.trigger = PlainSocket(settings.trigger(), self._heard)
        self._turns = Turns(4 * settings.timeout)
        self._news: dict[int, asyncio.Event] = {}

    async def do(self, step: Step, urgent: bool) -> Outcome:
        """One step, once. A turn on its monitor is taken by the first step and given back by the last, or by the
        first that fails."""
        outcome: Outcome | None = None
        try:
            outcome = await self._do(step, urgent)
        finally:
            if type(outcome) is not Delivered or step.kind is Kind.NOTES:
                self._turns.give(step.monitor, (step.event, step.camera))
        return outcome

    async def close(self) -> None:
        self._turns.close()
        await self.trigger.close()

    async def _do(self, step: Step, urgent: bool) -> Outcome:
        raising = step.kind in (Kind.LINE, Kind.ON)
        amending = step.kind in (Kind.READ, Kind.NOTES) and step.remote_id != REMOTE_ID
        try:
            if raising or (amending and step.kind is Kind.READ):
                await self._turns.take(step.monitor, (step.event, step.camera), urgent, self._settings.timeout)
            match step.kind:
                case Kind.LINE:
                    return await self._line(step, urgent)
                case Kind.LOOK:
                    return await self._look(step, urgent)
                case Kind.ON:
                    return await self._on(step, urgent)
                case Kind.OFF:
                    return self._plain(await self._api.get(step.path, urgent))
                case Kind.READ:
                    return await self._writing.read(step, urgent, amending)
                case Kind.NOTES:
                    return await self._writing.write(step, urgent, amending)
        except Refused as error:
            if raising or amending:
                return Blocked(str(error), whole_vms=True)
            return Ambiguous(str(error))  # the next that is to be raised finds the same, and parks
        except SendingError as error:
            return failure(error, raising=not (raising or amending))

    # ------------------------------------------------------------------------------------------------- over the socket

    async def _line(self, step: Step, urgent: bool) -> Outcome:
        known = self.known.standing(step.event, step.monitor)
        if known is not None:
            return Delivered(known.remote_id, note="it stands there already; only its notes are missing")
        await self._api.token(urgent)  # nothing is forced that could not be looked for
        self._news.setdefault(step.monitor, asyncio.Event()).clear()
        await self.trigger.write(step.body, self._settings.timeout)
        return Delivered()

    async def _look(self, step: Step, urgent: bool) -> Outcome:
        """What zmtrigger does with a line it does not say; so this looks until the event is there or time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.confirm_within
        news = self._news.setdefault(step.monitor, asyncio.Event())
        pause = 0.0 if self.known.standing(step.event, step.monitor) is not None else FIRST_LOOK
        while True:
            await _until(news, min(pause, max(0.0, deadline - loop.time())))
            news.clear()
            answer = await self._api.get(step.path, urgent)
            found = events(answer) if 200 <= answer.status < 300 else None
            if found is None:
                return in_doubt(refusal(answer, raising=True))
            for each in found:
                if str(each.MonitorId) == str(step.monitor) and spoken_of(each.Notes or "", step.event):
                    standing = Standing(str(each.Id), each.Notes or "", each.Cause or "")
                    self.known.stands(step.event, step.monitor, standing)
                    return Delivered(standing.remote_id)
            if loop.time() >= deadline:
                self.known.gone(step.event, step.monitor)
                return await self._why_not(step, urgent)
            pause = min(max(pause, FIRST_LOOK) * 1.5, LONGEST_PAUSE)

    async def _why_not(self, step: Step, urgent: bool) -> Outcome:
        """zmtrigger tells nobody that it knows no such monitor."""
        answer = await self._api.get(f"/monitors/{step.monitor}.json", urgent)
        if answer.status == 404:
            return Blocked(f"ZoneMinder has no monitor {step.monitor}; see id")
        if hidden(answer):
            return Blocked(f"ZoneMinder's user may not see monitor {step.monitor}")
        told = "the alarm was sent, and no event has come of it yet"
        monitor = one(answer)
        if monitor is None:
            return Ambiguous(told)
        wrong = unfit(monitor.Monitor)
        return Blocked(f"monitor {step.monitor} {wrong}") if wrong else Ambiguous(f"{told}; is its camera there?")

    def _heard(self, line: bytes) -> None:
        """``3|on|1748855648|10421``."""
        monitor, _, rest = line.partition(b"|")
        if monitor.isdigit() and rest.startswith(b"on"):
            news = self._news.get(int(monitor))
            if news is not None:
                news.set()

    # ---------------------------------------------------------------------------------------------------- over the API

    async def _on(self, step: Step, urgent: bool) -> Outcome:
        known = self.known.standing(step.event, step.monitor)
        if known is not None:
            return Delivered(known.remote_id, note="it stands there already; only its notes are missing")
        answer = await self._api.get(step.path, urgent)
        if not 200 <= answer.status < 300:
            return refusal(answer, raising=True)
        outcome = forced(answer)
        if isinstance(outcome, Delivered):
            self.known.stands(step.event, step.monitor, Standing(outcome.remote_id))
        return outcome

    def _plain(self, answer: Answer) -> Outcome:
        return Delivered() if 200 <= answer.status < 300 else in_doubt(refusal(answer, raising=True))


async def _until(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return

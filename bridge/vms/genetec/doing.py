"""Each step on the wire, and what comes of it. What a delivery has made already is not made again while the rest of it
is tried again in this process; a way that is refused for good keeps no other from being gone, and is told at the
end."""

from __future__ import annotations

from collections import OrderedDict

from bridge.model import Blocked, Delivered, Outcome, Rejected, Retry
from bridge.vms.genetec.answers import cell, made, refusal, said
from bridge.vms.genetec.api import Api, NothingToShow
from bridge.vms.genetec.settings import Way, guid
from bridge.vms.genetec.steps import GUID, Step
from bridge.vms.http import SendingError
from bridge.vms.http.outcome import unanswered

MOST_REMEMBERED = 4096
"""Deliveries that are done in part; beyond it the oldest is made anew as a whole when it is tried again."""
_Of = tuple[str, int, str, str]


class Doing:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._in_part: OrderedDict[_Of, dict[Way, str]] = OrderedDict()
        """Way → "" when it is done, else why it was refused."""
        self._guids: dict[str, str] = {}
        """Of cameras that are known by their logical id."""

    async def do(self, step: Step, path: str, urgent: bool) -> Outcome:
        """One step, once; never raises."""
        before = self._in_part.get(step.of, {})
        try:
            if step.way == "look-up":
                return await self._look_up(step, path, urgent)
            if step.way in before:
                told = before[step.way] or "it stands there already; the rest is missing"
                return self._after(step, Delivered(note=told))
            return self._after(step, await self._do(step, path, urgent))
        except NothingToShow as error:
            return Blocked(str(error), whole_vms=True)
        except SendingError as error:
            return self._after(step, unanswered(error))

    async def _look_up(self, step: Step, path: str, urgent: bool) -> Outcome:
        if step.entity in self._guids:
            return Delivered(note="it is known")
        answer = await self._api.ask(step.method, path, urgent)
        if not 200 <= answer.status < 300:
            return refusal(answer, raising=False)
        told = said(answer)
        if not told.ok or not told.rows:
            return Blocked(f"there is no camera {step.entity}, or its user may not see it ({told.why or told.status})")
        try:
            self._guids[step.entity] = guid(cell(told.rows[0], "Guid"))
        except ValueError:
            return Blocked(f"Genetec tells no GUID of camera {step.entity}; write its id")
        return Delivered()

    async def _do(self, step: Step, path: str, urgent: bool) -> Outcome:
        if GUID in path:
            found = self._guids.get(step.entity)
            if found is None:
                return Retry("the GUID of the camera is not known")
            path = path.replace(GUID, found)
        answer = await self._api.ask(step.method, path, urgent)
        if answer.status == 403:
            return await self._why_not(step, urgent, "it is refused (403)", refused=refusal(answer))
        if not 200 <= answer.status < 300:
            return refusal(answer)
        told = said(answer)
        outcome = made(told)
        if outcome is not None:
            return outcome
        return await self._why_not(step, urgent, f"Genetec says Fail{f' ({told.why})' if told.why else ''}")

    async def _why_not(self, step: Step, urgent: bool, told: str, refused: Outcome | None = None) -> Outcome:
        """The codes of a Fail are not documented, and neither is what a missing privilege looks like; so the camera is
        asked for: if even that is refused, nothing will be taken of it [2, 3]."""
        try:
            answer = await self._api.ask("GET", f"/entity?q=entity={step.entity},Guid,Name", urgent)
        except (SendingError, NothingToShow) as error:
            return Retry(f"{told}; {error}")
        if answer.status == 403 and refused is not None:
            return refused
        if not 200 <= answer.status < 300:
            return Retry(f"{told}; asked for the camera, it answers {answer.status}")
        if not said(answer).ok:
            return Blocked(f"{told}; there is no camera {step.entity}, or its user may not see it")
        if refused is not None:
            return Blocked(f"{told}: its user lacks the privilege to {step.purpose}")
        return Rejected(f"{told}, though the camera is there; see whether it may {step.purpose}")

    def _after(self, step: Step, outcome: Outcome) -> Outcome:
        """What is said of a step, with what is known of those before it."""
        if not isinstance(outcome, Delivered | Rejected):
            return outcome
        way = step.way
        assert way != "look-up"
        if step.last:
            refused = [why for why in self._in_part.pop(step.of, {}).values() if why]
            if isinstance(outcome, Rejected):
                return Rejected("; ".join([*refused, outcome.why]))
            return Rejected(f"{'; '.join(refused)}; the rest of it stands there") if refused else outcome
        ways = self._in_part.setdefault(step.of, {})
        if isinstance(outcome, Rejected):
            outcome = Delivered(note=ways.setdefault(way, outcome.why))
        else:
            ways.setdefault(way, "")
        self._in_part.move_to_end(step.of)
        while len(self._in_part) > MOST_REMEMBERED:
            self._in_part.popitem(last=False)
        return outcome

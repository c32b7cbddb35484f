"""Each step on the wire, and what comes of it."""

from __future__ import annotations

from bridge.model import Action, Ambiguous, Blocked, CameraId, Delivered, Delivery, EventId, Outcome, Rejected
from bridge.vms.http import SendingError
from bridge.vms.http.outcome import unanswered
from bridge.vms.nx.answers import refusal, taken, why
from bridge.vms.nx.api import Api
from bridge.vms.nx.bookmarks import bookmark
from bridge.vms.nx.settings import NxSettings
from bridge.vms.nx.steps import Kind, Step
from bridge.vms.tokens import Refused

MOST_REMEMBERED = 4096


class Sending:
    """Where an event is followed by its bookmark, it is remembered that the event was made, so that the site's rules
    do not start twice because its bookmark had to be tried twice. ``True``: surely made; ``False``: in doubt."""

    def __init__(self, settings: NxSettings, api: Api) -> None:
        self._api = api
        self._followed = settings.way == "both"
        self._made: dict[tuple[EventId, CameraId | None, int], bool] = {}

    def may_repeat(self, delivery: Delivery) -> bool:
        """Whether sending it makes a generic event although one may be there: nobody remembers, as after a restart."""
        key = (delivery.event.id, delivery.camera, delivery.event.revision)
        return self._followed and delivery.action is Action.RAISE and key not in self._made

    async def do(self, step: Step, urgent: bool) -> Outcome:
        """One step, once. Never raises."""
        key = (step.event, step.camera, step.revision)
        event = step.kind in (Kind.GENERIC, Kind.CREATE_EVENT)
        if event and self._followed and key in self._made:
            if self._made[key]:
                return Delivered(note="the generic event was made before")
            if not step.again:
                return Delivered(note="the generic event may have been made before, and is not made again")
        outcome = await self._do(step, urgent)
        if self._followed and event:
            if type(outcome) is Delivered or type(outcome) is Ambiguous:
                self._remember(key, type(outcome) is Delivered)
        elif self._followed and type(outcome) is Delivered:
            self._made.pop(key, None)
        return outcome

    def _remember(self, key: tuple[EventId, CameraId | None, int], surely: bool) -> None:
        if len(self._made) >= MOST_REMEMBERED:
            del self._made[next(iter(self._made))]
        self._made[key] = surely

    async def _do(self, step: Step, urgent: bool) -> Outcome:
        raising = step.kind is not Kind.REWRITE
        try:
            answer = await self._api.ask(step.method, step.path, step.body, urgent)
        except Refused as error:
            return Blocked(str(error), whole_vms=True)
        except SendingError as error:
            return unanswered(error, raising)
        if not 200 <= answer.status < 300:
            if answer.status == 404 and not raising:
                return Rejected(f"the bookmark it amends is no longer there ({why(answer)})")
            return refusal(answer, raising)
        if step.kind is not Kind.BOOKMARK:
            return taken(answer, step.remote_id)
        made = bookmark(answer)
        if made is None:
            return Ambiguous(f"Nx answers {answer.status}, but not with a bookmark")
        return Delivered(made.id)

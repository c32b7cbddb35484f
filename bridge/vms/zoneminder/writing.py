"""Reading and writing the notes of ZoneMinder's event that one of ours went into."""

from __future__ import annotations

import msgspec

from bridge.model import Ambiguous, Delivered, Outcome, Rejected
from bridge.vms.http import Answer, NotSent
from bridge.vms.zoneminder.answers import events, in_doubt, refusal
from bridge.vms.zoneminder.api import Api
from bridge.vms.zoneminder.known import Known, Standing
from bridge.vms.zoneminder.notes import merged
from bridge.vms.zoneminder.settings import ZoneMinderSettings
from bridge.vms.zoneminder.steps import REMOTE_ID, Step, form

_GONE = Ambiguous("the event was there, and is no longer")


class _Saved(msgspec.Struct):
    message: str = ""


class Writing:
    """Everything raises SendingError, Refused. ``amending``: it was raised before, so nothing of it is in doubt."""

    def __init__(self, settings: ZoneMinderSettings, api: Api, known: Known) -> None:
        self._settings = settings
        self._api = api
        self._known = known

    async def read(self, step: Step, urgent: bool, amending: bool) -> Outcome:
        remote_id = self._remote_id(step)
        answer = await self._api.get(step.path.replace(REMOTE_ID, remote_id), urgent)
        found = events(answer) if 200 <= answer.status < 300 else None
        if found is None:
            outcome = refusal(answer, raising=True)
            return outcome if amending else in_doubt(outcome)
        if not found:
            self._known.gone(step.event, step.monitor)
            return Rejected("the event it amends is no longer there") if amending else _GONE
        standing = Standing(remote_id, found[0].Notes or "", found[0].Cause or "")
        self._known.stands(step.event, step.monitor, standing)
        return Delivered(remote_id)

    async def write(self, step: Step, urgent: bool, amending: bool) -> Outcome:
        remote_id = self._remote_id(step)
        standing = self._known.standing(step.event, step.monitor) or Standing(remote_id)
        remembered = dict(self._known.blocks(remote_id))
        written = {"Notes": merged(standing.notes, remembered, step.event, step.block)}
        if step.cause and standing.cause in ("", "Forced Web"):
            written["Cause"] = step.cause
        answer = await self._api.put(step.path.replace(REMOTE_ID, remote_id), form(written), urgent)
        if 200 <= answer.status < 300 and _saved(answer):
            self._known.written(step.event, step.monitor, remote_id, step.block)
            return Delivered(remote_id)
        if answer.status == 404:
            self._known.gone(step.event, step.monitor)
            return Rejected("the event it amends is no longer there") if amending else _GONE
        outcome: Outcome = (
            Ambiguous("ZoneMinder could not save the notes")
            if 200 <= answer.status < 300
            else refusal(answer, raising=True)
        )
        if not isinstance(outcome, Ambiguous | Rejected) or not self._known.doubted_before(step.event, step.monitor):
            return outcome if amending else in_doubt(outcome)
        told = f"ZoneMinder does not take the notes ({answer.status})"
        if amending or self._settings.way == "rest":
            return Rejected(told)  # nothing in the event says what it is
        self._known.written(step.event, step.monitor, remote_id, step.block)
        return Delivered(remote_id, note=f"{told}; the short text stands there")

    def _remote_id(self, step: Step) -> str:
        if step.remote_id != REMOTE_ID:
            return step.remote_id
        known = self._known.standing(step.event, step.monitor)
        if known is None:
            raise NotSent("the id of the event is not known", busy=True)
        return known.remote_id


def _saved(answer: Answer) -> bool:
    try:
        return msgspec.json.decode(answer.body, type=_Saved).message == "Saved"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False

"""A global event triggered, and what comes of it."""

from __future__ import annotations

from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.vms.digifort.answers import failure, names, refusal
from bridge.vms.digifort.api import EVENTS, Api, Asked, NotSignedIn
from bridge.vms.digifort.steps import Trigger
from bridge.vms.http import SendingError

UNKNOWN = "Digifort answers with something that it does not say; see url"


async def do(api: Api, step: Trigger, urgent: bool) -> Outcome:
    """Once, unless it was refused for how it was signed in; never raises."""
    try:
        asked = await api.ask(step.path, urgent)
        if asked.said.refused:
            return await _refused(api, step, asked, urgent)
    except NotSignedIn as error:
        return error.outcome
    except SendingError as error:
        return failure(error)
    return _taken(asked)


def _taken(asked: Asked) -> Outcome:
    if asked.said.ok:
        return Delivered()
    if not 200 <= asked.answer.status < 300:
        return refusal(asked.answer)
    return Ambiguous(UNKNOWN)


async def _refused(api: Api, step: Trigger, asked: Asked, urgent: bool) -> Outcome:
    """Its codes do not tell a wrong password from an event that is not there; so it is asked which there are [5]."""
    told = f"Digifort refuses it ({asked.said.why or asked.answer.status})"
    try:
        listed = await api.ask(EVENTS, urgent)
        again = listed.said.refused and await api.signed_in_otherwise(urgent)
        if listed.said.refused and not again:
            return Blocked(f"{told}, and tells nothing else either; see user, its password and rights", whole_vms=True)
    except SendingError as error:
        return Retry(f"{told}; {error.why}")
    if again:
        asked = await api.ask(step.path, urgent)  # what is lost of this is in doubt
        if not asked.said.refused:
            return _taken(asked)
        told = f"Digifort refuses it ({asked.said.why or asked.answer.status})"
        try:
            listed = await api.ask(EVENTS, urgent)
        except SendingError as error:
            return Retry(f"{told}; {error.why}")
    found = names(listed.said.data, "GlobalEvents") if listed.said.ok else None
    if found is not None and step.event.casefold() not in {each.get("Name", "").casefold() for each in found}:
        return Blocked(f"{told}; there is no global event {step.event}; make it in the Administration Client")
    return Rejected(f"{told}; see whether its user may trigger the global event {step.event}")

"""A global event triggered, and what comes of it."""

from __future__ import annotations

from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.vms.digifort.answers import names, refusal
from bridge.vms.digifort.api import EVENTS, Api, Asked, NotSignedIn
from bridge.vms.digifort.steps import Trigger
from bridge.vms.http import SendingError
from bridge.vms.http.outcome import unanswered

MOST_WAYS = 4
"""In which it may be signed in: two ways to write its user's name, two passwords while one is changed."""
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
        return unanswered(error)
    return _taken(asked)


def _taken(asked: Asked) -> Outcome:
    if asked.said.ok:
        return Delivered()
    if not 200 <= asked.answer.status < 300:
        return refusal(asked.answer)
    return Ambiguous(UNKNOWN)


async def _refused(api: Api, step: Trigger, asked: Asked, urgent: bool) -> Outcome:
    """Its codes do not tell a wrong password from an event that is not there; so it is asked which there are [5]."""
    for _ in range(MOST_WAYS):
        told = f"Digifort refuses it ({asked.said.why or asked.answer.status})"
        try:
            listed = await api.ask(EVENTS, urgent)
            # Meanwhile it may have been found out for another event how it is let in.
            again = listed.said.ok and listed.signed != asked.signed
            again = again or (listed.said.refused and await api.signed_in_otherwise(asked))
        except SendingError as error:
            return Retry(f"{told}; {error.why}")
        if not again:
            return _why_not(step, told, listed)
        asked = await api.ask(step.path, urgent)  # what is lost of this is in doubt
        if not asked.said.refused:
            return _taken(asked)
    return Retry(f"{told}; how its user signs in changes all the time")


def _why_not(step: Trigger, told: str, listed: Asked) -> Outcome:
    if listed.said.refused:
        return Blocked(f"{told}, and tells nothing else either; see user, its password and rights", whole_vms=True)
    found = names(listed.said.data, "GlobalEvents") if listed.said.ok else None
    if found is not None and step.event.casefold() not in {each.get("Name", "").casefold() for each in found}:
        return Blocked(f"{told}; there is no global event {step.event}; make it in the Administration Client")
    return Rejected(f"{told}; see whether its user may trigger the global event {step.event}")

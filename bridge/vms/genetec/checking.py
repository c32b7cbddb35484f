"""Whether the Web SDK answers, and knows each camera and alarm; raises nothing [2, 4]."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.model import Blocked, CameraId, Finding, Outcome
from bridge.vms.genetec.answers import refusal, said
from bridge.vms.genetec.api import Api, NothingToShow
from bridge.vms.genetec.entities import NotTold, read
from bridge.vms.genetec.settings import GenetecSettings
from bridge.vms.genetec.steps import undashed
from bridge.vms.http import SendingError

_LOOK = "vms-bridge cameras list tells which there are"


async def check(settings: GenetecSettings, api: Api, cameras: Mapping[CameraId, str]) -> tuple[Finding, ...]:
    """``cameras``: as ``q`` has them. Never raises."""
    where = str(api.origin)
    try:
        found = [await _answers(api, where)]
        if found[-1].ok:
            found += [await _camera(api, camera, reference) for camera, reference in cameras.items()]
            found += [await _alarm(api, guid) for guid in sorted(_alarms(settings))]
            found += [_custom_event(number) for number in sorted(_custom_events(settings))]
    except NothingToShow as error:
        return (Finding(False, str(error), where, "put it there"),)
    except SendingError as error:
        return (Finding(False, error.why, where, "see whether url is right and the way to it is open"),)
    return tuple(found)


async def _answers(api: Api, where: str) -> Finding:
    answer = await api.ask("GET", "/")
    told = said(answer)
    if 200 <= answer.status < 300 and told.ok:
        return Finding(True, "it is a Web SDK, and lets us in", where)
    if 200 <= answer.status < 300:
        why = f"it says {told.status} ({told.why})" if told.status else "it does not answer as a Web SDK"
        return Finding(False, why, where, "see the port and the base URI of the Web SDK role in Config Tool")
    outcome: Outcome = refusal(answer, raising=False)
    why = outcome.why if isinstance(outcome, Blocked) else f"it answers {answer.status}"
    return Finding(False, why, where, "see the Web SDK role, its user and the licence in Config Tool")


async def _camera(api: Api, camera: CameraId, reference: str) -> Finding:
    where = f"camera {camera}"
    missing = f"there is no entity {reference}, or its user may not see it"
    try:
        found = await read(api, [reference])
    except NotTold as error:
        return Finding(False, f"{missing} ({error})", where, _LOOK)
    if not found:
        return Finding(False, missing, where, _LOOK)
    entity = found[0]
    if entity.kind and entity.kind != "Camera":
        return Finding(False, f"{reference} is no camera but of type {entity.kind[:40]}", where, _LOOK)
    online = {None: "", True: ", online", False: ", offline"}[entity.online]
    return Finding(True, f'it is "{entity.name[:200]}"{online}; whether events may be raised is not asked', where)


async def _alarm(api: Api, guid: str) -> Finding:
    where = f"alarm {guid}"
    remedy = "see the alarm in Config Tool, and whether the user may see it"
    try:
        found = await read(api, [undashed(guid)])
    except NotTold as error:
        return Finding(False, f"there is no such entity ({error})", where, remedy)
    if not found or found[0].kind not in ("", "Alarm"):
        return Finding(False, "there is no such alarm", where, remedy)
    return Finding(True, f'it is "{found[0].name[:200]}"', where)


def _custom_event(number: int) -> Finding:
    """How they are told over the Web SDK is not documented."""
    return Finding(True, "whether it is defined for cameras is not asked; see Config Tool", f"custom event {number}")


def _alarms(settings: GenetecSettings) -> set[str]:
    every = (settings.otherwise, *settings.sends)
    return {guid for each in every if "alarm" in each.ways and (guid := each.alarm or settings.alarm)}


def _custom_events(settings: GenetecSettings) -> set[int]:
    numbers = [
        settings.custom_event if each.custom_event is None else each.custom_event
        for each in (settings.otherwise, *settings.sends)
        if "event" in each.ways
    ]
    return {number for number in numbers if number is not None}

"""Whether Digifort lets us in, and has each camera and global event; triggers nothing [8]."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.model import CameraId, Finding
from bridge.vms.digifort.answers import Said, names, refusal
from bridge.vms.digifort.api import EVENTS, Api, Asked, NotSignedIn
from bridge.vms.digifort.steps import FORMAT
from bridge.vms.http import SendingError

CAMERAS = f"/Interface/Cameras/GetCameras?Fields=Name,Description&{FORMAT}"


class Refused(Exception):
    """It does not tell; says why."""


async def listed(api: Api, path: str, under: str) -> list[dict[str, str]]:
    """A list of what there is. Raises SendingError, NotSignedIn, Refused."""
    asked = await api.ask(path)
    if asked.said.refused and await api.signed_in_otherwise(asked):
        asked = await api.ask(path)
    found = names(asked.said.data, under) if asked.said.ok else None
    if found is None:
        raise Refused(_why(asked))
    return found


async def check(api: Api, cameras: Mapping[CameraId, tuple[str, set[str]]]) -> tuple[Finding, ...]:
    """``cameras``: their names in Digifort, and their global events. Never raises."""
    where = str(api.origin)
    try:
        events = {each.get("Name", "").casefold() for each in await listed(api, EVENTS, "GlobalEvents")}
        found = [Finding(True, f"it lets us in, and has {len(events)} global events", where)]
    except NotSignedIn as error:
        return (Finding(False, str(error), where, "put it there"),)
    except SendingError as error:
        return (Finding(False, error.why, where, "see whether url is right and the way to it is open"),)
    except Refused as error:
        return (Finding(False, str(error), where, "see user, its password and its rights to global events"),)
    try:
        there = {each.get("Name", "").casefold() for each in await listed(api, CAMERAS, "Cameras")}
    except (NotSignedIn, SendingError, Refused) as error:
        there = set()
        found.append(Finding(True, f"which cameras it has is not told ({error})", where))
    for camera, (name, needed) in cameras.items():
        found += _camera(camera, name, needed, events, there)
    return tuple(found)


def _camera(camera: CameraId, name: str, needed: set[str], events: set[str], there: set[str]) -> list[Finding]:
    where = f"camera {camera}"
    missing = sorted(each for each in needed if each.casefold() not in events)
    if there and name.casefold() not in there:
        return [Finding(False, f"there is no camera {name}", where, "vms-bridge cameras list tells which there are")]
    if missing:
        remedy = "make it in the Administration Client, with what it shows, records and marks on which camera"
        return [Finding(False, f"there is no global event {each}", where, remedy) for each in missing]
    return [Finding(True, f"{', '.join(sorted(needed))}: there; whether it may be triggered is not asked", where)]


def _why(asked: Asked) -> str:
    told: Said = asked.said
    if not 200 <= told.status < 300:
        outcome = refusal(asked.answer)
        return getattr(outcome, "why", f"it answers {told.status}")
    return f"Digifort refuses it ({told.why})" if told.refused else "it does not answer as Digifort does; see url"

"""Whether Frigate can be asked, and has each camera; changes nothing, creates nothing [1, 2]."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.model import CameraId, Finding
from bridge.vms.frigate.api import Api
from bridge.vms.frigate.configuration import Camera, cameras_in
from bridge.vms.frigate.privilege import claims_of
from bridge.vms.frigate.settings import FrigateSettings
from bridge.vms.http import SendingError
from bridge.vms.tokens import Refused

_VERSION = re.compile(r"(\d+)\.(\d+)[0-9A-Za-z.+-]{0,40}")
PRE_CAPTURE_SINCE = (0, 18)


async def check(settings: FrigateSettings, api: Api, places: Mapping[CameraId, str]) -> tuple[Finding, ...]:
    """Never raises."""
    where = str(api.origin)
    try:
        found = await _version(settings, api, where)
        if not found[0].ok:
            return tuple(found)
        found += await _role(settings, api, where)
        answer = await api.get("/api/config")
        there = cameras_in(answer)
        if there is None:
            remedy = "see the rights of its user"
            return (*found, Finding(False, f"its configuration cannot be read ({answer.status})", where, remedy))
        found += [_camera(camera, place, there.get(place)) for camera, place in places.items()]
    except Refused as error:
        return (Finding(False, str(error), where, "put the password of user into its secret"),)
    except SendingError as error:
        return (Finding(False, error.why, where, "see whether url is right and the way to it is open"),)
    return tuple(found)


async def _version(settings: FrigateSettings, api: Api, where: str) -> list[Finding]:
    answer = await api.get("/api/version")
    version = _VERSION.fullmatch(answer.body.decode("utf-8", "replace").strip().strip('"'))
    if version is None or answer.status != 200:
        remedy = "see whether url is Frigate's, without /api at its end"
        if answer.status in (401, 403):
            remedy = "write user and password; port 8971 asks for a log-in"
        told = f"it does not answer as Frigate does ({answer.status})"
        return [Finding(False, told, where, remedy)]
    found = [Finding(True, f"it is Frigate {version[0]}", where)]
    if settings.pre_capture is not None and (int(version[1]), int(version[2])) < PRE_CAPTURE_SINCE:
        told = "pre_capture is known from Frigate 0.18 on; this one takes no notice of it"
        found.append(Finding(False, told, where, "leave pre_capture out, or update Frigate"))
    return found


async def _role(settings: FrigateSettings, api: Api, where: str) -> list[Finding]:
    """Its token says the role, in the versions that have roles."""
    if settings.password is None:
        return []
    value = next((text for name, text in await api.credentials() if name == "Cookie"), "")
    claims = claims_of(value.partition("=")[2])
    if claims is None:
        return [Finding(True, "the log-in works; its role is not told", where)]
    if claims.role == "admin":
        return [Finding(True, "its user has the role admin", where)]
    told = f"its user has the role {claims.role[:40]}, which may not create events"
    return [Finding(False, told, where, "give it the role admin in Frigate")]


def _camera(camera: CameraId, place: str, there: Camera | None) -> Finding:
    where = f"camera {camera}"
    if there is None:
        remedy = "vms-bridge cameras list tells which there are; upper and lower case count"
        return Finding(False, f"there is no camera {place}", where, remedy)
    if not there.enabled:
        return Finding(False, f"{place}: {there.note}", where, "enable it in Frigate")
    return Finding(True, f"it is {place}{f'; {there.note}' if there.note else ''}", where)

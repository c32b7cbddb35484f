"""Whether ZoneMinder can be asked, and an alarm forced on each camera; changes nothing, forces nothing [3, 7]."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.model import CameraId, Finding
from bridge.vms.http import NotSent, SendingError
from bridge.vms.plain import PlainSocket
from bridge.vms.zoneminder.api import Api, Refused
from bridge.vms.zoneminder.monitors import hidden, one, unfit
from bridge.vms.zoneminder.settings import ZoneMinderSettings


class _Version(msgspec.Struct):
    version: str


class _Running(msgspec.Struct):
    result: int | str | bool


async def check(
    settings: ZoneMinderSettings, api: Api, trigger: PlainSocket, monitors: Mapping[CameraId, int]
) -> tuple[Finding, ...]:
    """Never raises."""
    where = str(api.origin)
    try:
        found = [await _version(api, where)]
        if found[-1].ok:
            found.append(await _running(api, where))
            found += [await _monitor(api, camera, number) for camera, number in monitors.items()]
    except Refused as error:
        return (Finding(False, str(error), where, "put the password of user into its secret"),)
    except SendingError as error:
        return (Finding(False, error.why, where, "see whether url is right and the way to it is open"),)
    if settings.way == "socket":
        found.append(await _socket(trigger, settings.timeout))
    return tuple(found)


async def _version(api: Api, where: str) -> Finding:
    answer = await api.get("/host/getVersion.json")
    try:
        version = msgspec.json.decode(answer.body, type=_Version).version
    except (msgspec.MsgspecError, UnicodeDecodeError):
        remedy = (
            "see whether url ends where its pages are (/zm), and whether the web server has the API's rewrite rules"
        )
        if answer.status in (401, 403):
            remedy = "write user and password; its user needs API enabled; the option OPT_USE_API has to be on"
        return Finding(False, f"its API does not answer as ZoneMinder's ({answer.status})", where, remedy)
    return Finding(True, f"it is ZoneMinder {version[:40]}", where)


async def _running(api: Api, where: str) -> Finding:
    answer = await api.get("/host/daemonCheck.json")
    try:
        running = str(msgspec.json.decode(answer.body, type=_Running).result) in ("1", "True")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Finding(True, "whether it runs is not told", where)
    if running:
        return Finding(True, "it runs", where)
    return Finding(False, "its web pages are there, but it does not run", where, "start ZoneMinder")


async def _monitor(api: Api, camera: CameraId, number: int) -> Finding:
    where = f"camera {camera}"
    answer = await api.get(f"/monitors/{number}.json")
    if answer.status == 404:
        return Finding(False, f"there is no monitor {number}", where, "vms-bridge cameras list tells which there are")
    held = one(answer)
    if hidden(answer):
        return Finding(False, f"its user may not see monitor {number}", where, "give it this monitor in ZoneMinder")
    if held is None:
        told = f"monitor {number} cannot be read ({answer.status})"
        return Finding(False, told, where, "its user needs the right to view monitors")
    wrong = unfit(held.Monitor)
    name = f'monitor {number} "{held.Monitor.Name or ""}"'
    if wrong:
        return Finding(False, f"{name} {wrong}", where, "change it in ZoneMinder")
    status = f", {held.status}" if held.status else ""
    return Finding(True, f"it is {name}{status}; whether its notes may be written is not asked", where)


async def _socket(trigger: PlainSocket, seconds: float) -> Finding:
    try:
        await trigger.reach(seconds)
    except NotSent as error:
        remedy = "switch the option OPT_TRIGGERS on and open its port to this machine, or write way: rest"
        return Finding(False, error.why, "zmtrigger", remedy)
    return Finding(True, "it can be reached", "zmtrigger")

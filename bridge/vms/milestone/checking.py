"""Whether XProtect can be reached and asked, and has what the site names; changes nothing [2, 4, 12]."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from bridge.model import CameraId, Finding
from bridge.vms.datagrams import Datagrams
from bridge.vms.http import Answer, NotSent, Sender, SendingError, split_url
from bridge.vms.milestone.discovery import Camera
from bridge.vms.milestone.gateway import Gateway
from bridge.vms.milestone.settings import MilestoneCamera, MilestoneSettings
from bridge.vms.plain import address
from bridge.vms.tokens import Refused

_WAY = "see whether the address is right and the way to it is open"


class _One(msgspec.Struct):
    data: Camera


class _Item(msgspec.Struct):
    id: str = ""
    name: str | None = None
    displayName: str | None = None


class _List(msgspec.Struct):
    array: list[_Item]


_one = msgspec.json.Decoder(_One).decode
_list = msgspec.json.Decoder(_List).decode


async def check(
    settings: MilestoneSettings,
    gateway: Gateway | None,
    sender: Sender,
    cameras: Mapping[CameraId, MilestoneCamera],
) -> tuple[Finding, ...]:
    """Never raises."""
    found: list[Finding] = []
    if settings.way == "generic":
        found.append(await _source(settings))
    elif settings.place != settings.gateway:
        found.append(await _reached(settings, sender))
    if gateway is None:
        told = "without gateway it is not asked whether XProtect knows these cameras and names"
        return (*found, Finding(True, told, "XProtect"))
    where = str(gateway.origin)
    try:
        listed = await _names(settings, gateway, where)
        found += listed
        found += [await _camera(gateway, camera, each.id) for camera, each in cameras.items()]
    except Refused as error:
        found.append(Finding(False, str(error), where, "put the password of its user into the secret"))
    except SendingError as error:
        found.append(Finding(False, error.why, where, _WAY))
    return tuple(found)


async def _reached(settings: MilestoneSettings, sender: Sender) -> Finding:
    origin, _ = split_url(settings.place)
    try:
        await sender.reach(origin, settings.timeout)
    except NotSent as error:
        remedy = _WAY
        if settings.way == "analytics":
            remedy = (
                "switch analytics events on: Management Client, Tools > Options > Analytics Events; and see its port"
            )
        return Finding(False, error.why, str(origin), remedy)
    told = "it can be reached; whether it takes events of this address is seen with the first"
    return Finding(True, told, str(origin))


async def _source(settings: MilestoneSettings) -> Finding:
    host, port = address(settings.generic)
    if settings.generic.startswith("udp:"):
        datagrams = Datagrams(settings.generic)
        try:
            await datagrams.reach(settings.timeout)
        except NotSent as error:
            return Finding(False, error.why, settings.generic, "see generic: the name, or the way there")
        finally:
            datagrams.close()
        return Finding(True, "whether datagrams arrive cannot be asked", settings.generic)
    try:
        async with asyncio.timeout(settings.timeout):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        remedy = "switch the data source on (Tools > Options > Generic Events) and let it take this address"
        return Finding(False, "nobody takes generic events there", settings.generic, remedy)
    writer.close()
    return Finding(True, "it can be reached", settings.generic)


async def _names(settings: MilestoneSettings, gateway: Gateway, where: str) -> list[Finding]:
    """Whether the events that the site names are there."""
    if settings.way == "analytics":
        answer = await gateway.get("/analyticsEvents")
        wanted = {settings.event_name, *settings.event_names.values()}
        return _compared(answer, wanted, "analytics event", where)
    if settings.way == "events":
        answer = await gateway.get("/userDefinedEvents")
        ids = {settings.event_type, settings.restored_type, *settings.event_types.values()}
        return _compared(answer, {each for each in ids if each is not None}, "user-defined event", where)
    answer = await gateway.get("/cameras?page=0&size=1" if settings.way == "generic" else "/alarmStates")
    if settings.way == "bookmarks":
        return [Finding(True, "the log-in is taken", where)]
    return [_allowed(answer, where)]


def _allowed(answer: Answer, where: str) -> Finding:
    if answer.status == 200:
        return Finding(True, "the log-in is taken, and it may be asked", where)
    remedy = "its user has to be of the role Administrators" if answer.status == 403 else "see gateway"
    return Finding(False, f"the log-in is taken, but it is answered {answer.status}", where, remedy)


def _compared(answer: Answer, wanted: set[str], what: str, where: str) -> list[Finding]:
    told = answer.told(_list)
    if told is None:
        return [_allowed(answer, where)]
    there = {text for each in told.array for text in (each.name, each.displayName, each.id.lower()) if text}
    return [
        Finding(True, f'there is the {what} "{name}"', where)
        if name in there
        else Finding(False, f'there is no {what} "{name}"', where, "make it in the Management Client")
        for name in sorted(wanted)
    ]


async def _camera(gateway: Gateway, camera: CameraId, id_: str) -> Finding:
    where = f"camera {camera}"
    answer = await gateway.get(f"/cameras/{id_}")
    if answer.status == 404:
        return Finding(False, f"XProtect has no camera {id_}", where, "vms-bridge cameras list tells which there are")
    told = answer.told(_one)
    if told is None:
        remedy = "its user has to be of the role Administrators"
        return Finding(False, f"camera {id_} cannot be read ({answer.status})", where, remedy)
    found = told.data
    name = f'it is "{found.displayName or found.name or ""}"'
    if not found.enabled:
        return Finding(False, f"{name}, which is disabled", where, "enable it in the Management Client")
    return Finding(True, name, where)

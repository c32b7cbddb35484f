"""Whether Nx can be asked, and knows each camera; changes nothing, makes nothing [2, 8]."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from bridge.model import CameraId, Finding
from bridge.vms.http import Sender, SendingError
from bridge.vms.nx.answers import why
from bridge.vms.nx.api import Api
from bridge.vms.nx.devices import WITH, listed
from bridge.vms.nx.settings import NxSettings
from bridge.vms.tokens import Refused

_METHODS = {"session": "sessions", "digest": "http", "cloud": "nxOAuth2"}


_RULES_UNASKED = Finding(
    True, "whether a rule of type Generic takes its events is not asked: without one nothing is shown or logged"
)


class _User(msgspec.Struct):
    methods: str


_user = msgspec.json.Decoder(_User).decode


async def check(
    settings: NxSettings, api: Api, sender: Sender, devices: Mapping[CameraId, str]
) -> tuple[Finding, ...]:  # fmt: skip
    """Never raises."""
    where = str(api.origin)
    try:
        answer = await api.get(f"/rest/{settings.api}/devices{WITH}")
    except Refused as error:
        remedy = await _other_way(settings, api, sender) or "put the password of user into its secret"
        return (Finding(False, str(error), where, remedy),)
    except SendingError as error:
        remedy = "see whether url is right and the way to it is open"
        if "certificate" in error.why:
            remedy = "its certificate is its own as a rule: pin it with tls: {fingerprint: …}"
        return (Finding(False, error.why, where, remedy),)
    if answer.status == 404 and settings.way == "event" and not settings.generic:
        told = f"it has no REST {settings.api}: whether it lets {settings.user} in and knows the cameras is not asked"
        return (Finding(True, told, where), _RULES_UNASKED)
    known = listed(answer) if 200 <= answer.status < 300 else None
    if known is None:
        told = f"it does not tell its devices ({why(answer)})"
        return (Finding(False, told, where, "see url, api and what user may see"),)
    names = {each.plain_id: each for each in known}
    found = [Finding(True, f"{settings.user} may log in", where)]
    for camera, device in devices.items():
        held = names.get(device)
        if held is None:
            told = f"there is no device {device}, or {settings.user} may not see it"
            found.append(Finding(False, told, f"camera {camera}", "vms-bridge cameras list tells which there are"))
        else:
            found.append(Finding(True, f'it is "{held.name or ""}"', f"camera {camera}"))
    if settings.way != "event":
        found.append(Finding(True, "whether it may make bookmarks, and whether it records, is not asked", where))
    if settings.way != "bookmark":
        found.append(_RULES_UNASKED)
    return tuple(found)


async def _other_way(settings: NxSettings, api: Api, sender: Sender) -> str:
    """What this user may log in by, where the server tells it and it is another way; "" otherwise."""
    if settings.login == "cloud":
        return ""
    path = f"/rest/{settings.api}/login/users/{quote(settings.user, safe='')}"
    try:
        answer = await sender.send("GET", api.origin, path, timeout=settings.timeout)
    except SendingError:
        return ""
    user = answer.told(_user)
    methods = user.methods.split("|") if user is not None else []
    if answer.status != 200 or _METHODS[settings.login] in methods:
        return ""
    ways = " or ".join(f"login: {way}" for way, method in _METHODS.items() if method in methods)
    return f"this user may not log in so; it may with {ways}" if ways else ""

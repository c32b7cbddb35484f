"""Which cameras there are [4]."""

from __future__ import annotations

import msgspec

from bridge.secret import Secret, SecretRef, Secrets
from bridge.vms.credentials import CannotDiscover, Discovered
from bridge.vms.http import SendingError, sender_for
from bridge.vms.milestone.gateway import Gateway, Refused
from bridge.vms.milestone.settings import MilestoneSettings


class Camera(msgspec.Struct):
    id: str
    displayName: str | None = None
    name: str | None = None
    enabled: bool = True
    recordingEnabled: bool = True


class _Cameras(msgspec.Struct):
    array: list[Camera]


class _Pasted:
    """Secrets of which one is what a person pasted."""

    def __init__(self, password: str, ref: SecretRef, others: Secrets) -> None:
        self._password = password
        self._ref = ref
        self._others = others

    def get(self, ref: SecretRef, fresh: bool = False) -> Secret:
        return Secret(self._password, "pasted") if ref == self._ref else self._others.get(ref, fresh)


async def discover(settings: MilestoneSettings, credentials: str, secrets: Secrets) -> list[Discovered]:
    """``credentials``: the password of ``user``; empty for the one in its secret. Raises CannotDiscover."""
    ref = settings.secret
    if not settings.gateway or ref is None:
        raise CannotDiscover("only the API Gateway tells the cameras: write gateway, user and password under the VMS")
    pasted = credentials.strip()
    if pasted:
        secrets = _Pasted(pasted, ref, secrets)
    sender = sender_for(settings, secrets)
    gateway = Gateway(sender, settings, secrets)
    try:
        answer = await gateway.get("/cameras?disabled")
    except Refused as error:
        raise CannotDiscover(str(error)) from None
    except SendingError as error:
        raise CannotDiscover(f"{error.why}; see whether gateway is right and the way to it is open") from None
    finally:
        await sender.close()
    if answer.status == 403:
        raise CannotDiscover("its user may not see the cameras (403); it has to be of the role Administrators")
    if answer.cut:
        raise CannotDiscover(f"{gateway.origin} answers with more than is taken")
    try:
        found = msgspec.json.decode(answer.body, type=_Cameras).array
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise CannotDiscover(
            f"{gateway.origin} does not answer as XProtect does ({answer.status}); see gateway"
        ) from None
    return [_of(each) for each in found]


def _of(camera: Camera) -> Discovered:
    note = "" if camera.enabled else "it is disabled in XProtect"
    status = "enabled" if camera.enabled else "disabled"
    return Discovered(camera.displayName or camera.name or "", status, {"id": camera.id.lower()}, {}, note, bare=True)

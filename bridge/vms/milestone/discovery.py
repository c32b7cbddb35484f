"""Which cameras there are [4]."""

from __future__ import annotations

import msgspec

from bridge.secret import Secrets
from bridge.vms.credentials import CannotDiscover, Discovered, with_pasted
from bridge.vms.http import SendingError, sender_for
from bridge.vms.milestone.gateway import Gateway
from bridge.vms.milestone.settings import MilestoneSettings
from bridge.vms.tokens import Refused


class Camera(msgspec.Struct):
    id: str
    displayName: str | None = None
    name: str | None = None
    enabled: bool = True
    recordingEnabled: bool = True


class _Cameras(msgspec.Struct):
    array: list[Camera]


_cameras = msgspec.json.Decoder(_Cameras).decode


async def discover(settings: MilestoneSettings, credentials: str, secrets: Secrets) -> list[Discovered]:
    """``credentials``: the password of ``user``; empty for the one in its secret. Raises CannotDiscover."""
    ref = settings.secret
    if not settings.gateway or ref is None:
        raise CannotDiscover("only the API Gateway tells the cameras: write gateway, user and password under the VMS")
    secrets = with_pasted(secrets, ref, credentials)
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
    told = answer.told(_cameras)
    if told is None:
        raise CannotDiscover(f"{gateway.origin} does not answer as XProtect does ({answer.status}); see gateway")
    return [_of(each) for each in told.array]


def _of(camera: Camera) -> Discovered:
    note = "" if camera.enabled else "it is disabled in XProtect"
    status = "enabled" if camera.enabled else "disabled"
    return Discovered(camera.displayName or camera.name or "", status, {"id": camera.id.lower()}, {}, note, bare=True)

"""Which cameras there are [2]."""

from __future__ import annotations

from bridge.secret import Secrets
from bridge.vms.credentials import CannotDiscover, Discovered, with_pasted
from bridge.vms.frigate.api import LARGEST_ANSWER, Api
from bridge.vms.frigate.configuration import cameras_in
from bridge.vms.frigate.settings import FrigateSettings
from bridge.vms.http import SendingError, sender_for
from bridge.vms.tokens import Refused


async def discover(settings: FrigateSettings, credentials: str, secrets: Secrets) -> list[Discovered]:
    """``credentials``: the password of ``user``; empty for the one in its secret, or where none is asked for. Raises
    CannotDiscover."""
    secrets = with_pasted(secrets, settings.password, credentials)
    sender = sender_for(settings, secrets, LARGEST_ANSWER)
    api = Api(sender, settings, secrets)
    try:
        answer = await api.get("/api/config")
    except Refused as error:
        raise CannotDiscover(str(error)) from None
    except SendingError as error:
        raise CannotDiscover(f"{error.why}; see whether url is right and the way to it is open") from None
    finally:
        await sender.close()
    found = cameras_in(answer)
    if found is None:
        if answer.status in (401, 403):
            raise CannotDiscover(f"Frigate does not tell its cameras ({answer.status}); see user and password")
        raise CannotDiscover(f"{api.origin} does not answer as Frigate does ({answer.status}); see url")
    return [
        Discovered(
            camera.friendly_name or name,
            "enabled" if camera.enabled else "disabled",
            {"id": name},
            {},
            camera.note,
            bare=True,
        )
        for name, camera in found.items()
    ]

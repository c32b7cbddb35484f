"""Which monitors there are [3]."""

from __future__ import annotations

from bridge.secret import Secrets
from bridge.vms.credentials import CannotDiscover, Discovered, with_pasted
from bridge.vms.http import SendingError, sender_for
from bridge.vms.zoneminder.api import Api, Refused
from bridge.vms.zoneminder.monitors import Held, listed, unfit
from bridge.vms.zoneminder.settings import ZoneMinderSettings


async def discover(settings: ZoneMinderSettings, credentials: str, secrets: Secrets) -> list[Discovered]:
    """``credentials``: the password of ``user``; empty for the one in its secret, or where none is asked for. Raises
    CannotDiscover."""
    secrets = with_pasted(secrets, settings.password, credentials)
    sender = sender_for(settings, secrets)
    api = Api(sender, settings, secrets)
    try:
        answer = await api.get("/monitors.json")
    except Refused as error:
        raise CannotDiscover(str(error)) from None
    except SendingError as error:
        raise CannotDiscover(f"{error.why}; see whether url is right and the way to it is open") from None
    finally:
        await sender.close()
    found = listed(answer)
    if found is None:
        if answer.status in (401, 403):
            raise CannotDiscover(f"ZoneMinder does not tell its monitors ({answer.status}); see user and its rights")
        raise CannotDiscover(f"{api.origin} does not answer as ZoneMinder does ({answer.status}); see url")
    return [_of(each) for each in found]


def _of(held: Held) -> Discovered:
    monitor = held.Monitor
    return Discovered(monitor.Name or "", held.status, {"id": int(monitor.Id)}, {}, unfit(monitor), bare=True)

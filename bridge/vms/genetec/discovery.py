"""Which cameras there are [4]."""

from __future__ import annotations

from bridge.secret import Secrets
from bridge.vms.credentials import CannotDiscover, Discovered, with_pasted
from bridge.vms.genetec.api import Api, NothingToShow
from bridge.vms.genetec.entities import Entity, NotTold, cameras, read
from bridge.vms.genetec.settings import GenetecSettings
from bridge.vms.genetec.steps import undashed
from bridge.vms.http import SendingError, sender_for


async def discover(settings: GenetecSettings, credentials: str, secrets: Secrets) -> list[Discovered]:
    """``credentials``: the password of ``user``; empty for the one in its secret. Raises CannotDiscover."""
    secrets = with_pasted(secrets, settings.password, credentials)
    sender = sender_for(settings, secrets)
    api = Api(sender, settings, secrets)
    try:
        guids = await cameras(api)
        told = {each.guid: each for each in await read(api, [undashed(each) for each in guids])}
    except NothingToShow as error:
        raise CannotDiscover(str(error)) from None
    except SendingError as error:
        raise CannotDiscover(f"{error.why}; see whether url is right and the way to it is open") from None
    except NotTold as error:
        raise CannotDiscover(_why(error, api)) from None
    finally:
        await sender.close()
    return [_of(told.get(each, Entity(each))) for each in guids]


def _why(error: NotTold, api: Api) -> str:
    if error.status in (401, 403):
        return f"Genetec refuses the log-in ({error.status}); see user, password, application id and the licence"
    if error.why:
        return f"Genetec does not tell its cameras ({error.why})"
    return f"{api.origin} does not answer as a Web SDK does ({error.status}); see url"


def _of(entity: Entity) -> Discovered:
    status = {None: "", True: "online", False: "offline"}[entity.online]
    note = f"logical id {entity.logical_id}" if entity.logical_id not in ("", "0") else ""
    return Discovered(entity.name, status, {"id": entity.guid}, {}, note, bare=True)

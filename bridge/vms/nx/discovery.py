"""Which devices there are [8]."""

from __future__ import annotations

from bridge.secret import Secrets
from bridge.vms.credentials import CannotDiscover, Discovered, with_pasted
from bridge.vms.http import SendingError, sender_for
from bridge.vms.nx.answers import why
from bridge.vms.nx.api import Api, login_for
from bridge.vms.nx.devices import WITH, listed
from bridge.vms.nx.settings import NxSettings
from bridge.vms.tokens import Refused


async def discover(settings: NxSettings, credentials: str, secrets: Secrets) -> list[Discovered]:
    """``credentials``: the password of ``user``; empty for the one in its secret. Raises CannotDiscover."""
    secrets = with_pasted(secrets, settings.password, credentials)
    sender = sender_for(settings, secrets)
    api = Api(settings, sender, login_for(settings, sender, secrets))
    try:
        answer = await api.get(f"/rest/{settings.api}/devices{WITH}")
    except Refused as error:
        raise CannotDiscover(str(error)) from None
    except SendingError as error:
        raise CannotDiscover(f"{error.why}; see whether url is right and the way to it is open") from None
    finally:
        await api.login.close()
        await sender.close()
    found = listed(answer) if 200 <= answer.status < 300 else None
    if found is None:
        raise CannotDiscover(
            f"{api.origin} does not tell its devices ({why(answer)}); see url, api and the user's rights"
        )
    return [Discovered(each.name or "", "", {"id": each.plain_id}, {}, bare=True) for each in found]

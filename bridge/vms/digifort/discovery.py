"""Which cameras there are [4]."""

from __future__ import annotations

from bridge.secret import Secrets
from bridge.vms.credentials import CannotDiscover, Discovered, with_pasted
from bridge.vms.digifort.api import Api, NotSignedIn
from bridge.vms.digifort.checking import CAMERAS, Refused, listed
from bridge.vms.digifort.settings import DigifortSettings
from bridge.vms.http import SendingError, sender_for


async def discover(settings: DigifortSettings, credentials: str, secrets: Secrets) -> list[Discovered]:
    """``credentials``: the password of ``user``; empty for the one in its secret. Raises CannotDiscover."""
    secrets = with_pasted(secrets, settings.password, credentials)
    sender = sender_for(settings, secrets)
    try:
        found = await listed(Api(sender, settings, secrets), CAMERAS, "Cameras")
    except (NotSignedIn, Refused) as error:
        raise CannotDiscover(str(error)) from None
    except SendingError as error:
        raise CannotDiscover(f"{error.why}; see whether url is right and the way to it is open") from None
    finally:
        await sender.close()
    told = [(each["Name"], each.get("Description", "")) for each in found if each.get("Name")]
    return [Discovered(about or name, "", {"id": name}, {}, bare=True) for name, about in told]

"""What a credential of ZoneMinder opens, as far as it tells [4]."""

from __future__ import annotations

import base64
import binascii

import msgspec

from bridge.vms.credentials import Opens


class _Claims(msgspec.Struct):
    iss: str = ""
    type: str = ""


def opens(text: str) -> Opens | None:
    """None for what is no token of ZoneMinder: a password has to be made narrow in ZoneMinder, where its user is."""
    parts = text.strip().split(".")
    if len(parts) != 3 or not text.lstrip().startswith("ey"):
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=_Claims)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError):
        return None
    if claims.iss != "ZoneMinder":
        return None
    what = "what its user may do, for a few hours"
    return Opens(
        f"{'a refresh' if claims.type == 'refresh' else 'an access'} token of ZoneMinder",
        what,
        beyond="it runs out; put the password of the user into the secret, and the bridge fetches tokens itself",
    )

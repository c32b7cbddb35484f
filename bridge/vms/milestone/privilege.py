"""What a credential of XProtect opens, as far as it tells [3]."""

from __future__ import annotations

import base64
import binascii

import msgspec

from bridge.vms.credentials import Opens


class _Claims(msgspec.Struct):
    client_id: str = ""


def opens(text: str) -> Opens | None:
    """None for what is no token of XProtect: a password has to be made narrow where its user is."""
    parts = text.strip().split(".")
    if len(parts) != 3 or not parts[0].startswith("ey"):
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=_Claims)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError):
        return None
    if claims.client_id != "GrantValidatorClient":
        return None
    return Opens(
        "an access token of XProtect",
        "what its user may do, for an hour",
        beyond="it runs out; put the password of the user into the secret, and the bridge fetches tokens itself",
    )

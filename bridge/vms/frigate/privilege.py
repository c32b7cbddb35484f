"""What a credential of Frigate opens, as far as it tells [1]."""

from __future__ import annotations

import base64
import binascii

import msgspec

from bridge.vms.credentials import Opens


class Claims(msgspec.Struct):
    sub: str
    role: str
    exp: float


def claims_of(token: str) -> Claims | None:
    """What a log-in's token says; None for what is no such token."""
    parts = token.strip().split(".")
    if len(parts) != 3 or not token.lstrip().startswith("ey"):
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=Claims)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError):
        return None


def opens(text: str) -> Opens | None:
    """None for what is no token of Frigate: a password tells nothing of itself, and whoever creates events needs the
    role admin, which opens everything."""
    claims = claims_of(text)
    if claims is None:
        return None
    short = "" if claims.role == "admin" else "it takes the role admin to create events"
    return Opens(
        "a log-in token of Frigate",
        f"what the role {claims.role[:40]} may do, for a day or so",
        beyond="it runs out; put the password of the user into the secret, and the bridge logs in itself",
        short=short,
    )

"""What a credential of Genetec opens, as far as it tells [2]."""

from __future__ import annotations

import base64
import binascii
import re

from bridge.vms.credentials import Opens

_WHOLE = re.compile(r"[^\s:;]+;[^\s:;]+:\S+")


def opens(text: str) -> Opens | None:
    """None for what tells nothing of itself: a password is made narrow in Config Tool, where its user is."""
    text = text.strip()
    plain = text.removeprefix("Basic ").strip()
    try:
        decoded = base64.b64decode(plain, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        decoded = ""
    if _WHOLE.fullmatch(plain) or _WHOLE.fullmatch(decoded):
        return Opens(
            "a whole log-in of the Web SDK (user;application:password)",
            "what its user may do",
            short="the bridge makes it itself: write user, and put password and application id into a secret each",
        )
    return None

"""What a credential of Nx opens, as far as it tells: tokens by how they begin [2]; a password tells nothing."""

from __future__ import annotations

from bridge.vms.credentials import Opens

_BEGIN = {"vms-": ("a session token of Nx", "what its user may do"), "nxcdb-": ("a token of Nx's cloud", "its sites")}


def opens(text: str) -> Opens | None:
    """None for what is no token."""
    for begin, (kind, what) in _BEGIN.items():
        if text.strip().startswith(begin):
            beyond = "it runs out; put the password of user into the secret, and the bridge fetches tokens itself"
            return Opens(kind, what, beyond=beyond)
    return None

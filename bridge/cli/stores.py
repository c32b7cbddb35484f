"""Which site's secret stores a command means."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.cli.ending import Code, Failure

STORES = ("file", "keyring", "vault")
"""Those a command can write."""
PLACES = {"file": "files", "keyring": "the keyring", "vault": "the vault"}
"""How they are called when several secrets are put into one."""


def site_path(given: Path | None) -> Path | None:
    """The site that is meant: given, of the environment, or site.yaml of this folder. Raises Failure."""
    named = given or (Path(os.environ["VMS_BRIDGE_SITE"]) if os.environ.get("VMS_BRIDGE_SITE") else None)
    if named is not None and not named.exists():
        raise Failure(Code.USAGE, f"{named} is not there")
    return named or (Path("site.yaml") if Path("site.yaml").is_file() else None)

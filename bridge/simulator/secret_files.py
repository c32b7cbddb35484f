"""Secrets as the bridge reads them: one file each, readable by its owner alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_secrets(folder: Path, secrets: Mapping[str, str]) -> None:
    """Name → value; the folder is made when it is missing (0700), files are replaced as wholes (0600)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in secrets.items():
        fresh = folder / f".{name}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value)
        fresh.replace(folder / name)

"""From the command line to a site and its secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure

if TYPE_CHECKING:
    from bridge.config.secrets import SecretStores
    from bridge.config.site import Site


def site_from(path: Path) -> Site:
    """The site of a file or folder. Raises Failure with every error in it."""
    from bridge.config.errors import SiteErrors
    from bridge.config.load import load

    must_exist(path)
    try:
        return load(path)
    except SiteErrors as errors:
        raise Failure(Code.USAGE, errors.render()) from errors


def must_exist(path: Path) -> None:
    if not path.exists():
        raise Failure(Code.USAGE, f"{path} is not there")


def secrets_from(directory: Path | None, site: Path) -> SecretStores:
    """The stores of a site; ``directory`` instead of the folder ``secrets`` beside it. Raises Failure."""
    from bridge.config.secrets import SecretStores

    if directory is not None and not directory.is_dir():
        raise Failure(Code.USAGE, f"--secrets {directory} is not a folder")
    return SecretStores.beside(site) if directory is None else SecretStores(directory)

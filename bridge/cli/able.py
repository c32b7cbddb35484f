"""What ``check`` says of each VMS: what it can and what it cannot, as it is set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from bridge.config.registry import vms_class
from bridge.vms.abilities import Abilities, abilities_of, said

if TYPE_CHECKING:
    from bridge.config.site import Site
    from bridge.model import VmsId
    from bridge.secret import Secrets


def found(site: Site, secrets: Secrets) -> dict[VmsId, Abilities | str]:
    """Nobody is asked, no secret is read. Of a VMS that cannot be built it says why, whatever its own code raises."""
    all_of_it: dict[VmsId, Abilities | str] = {}
    for name, vms in site.vms.items():
        cameras = {each.id: each.settings for each in site.cameras.values() if each.vms == name}
        try:
            all_of_it[name] = abilities_of(vms_class(vms.settings.type)(name, vms.settings, cameras, secrets))
        except Exception as error:  # noqa: BLE001 - somebody else's package, perhaps; all else is told all the same
            all_of_it[name] = f"cannot be built: {error or type(error).__name__}"
    return all_of_it


def facts(able: Mapping[VmsId, Abilities | str]) -> dict[str, object]:
    """For programs; null for one that cannot be built."""
    told = {name: None if isinstance(each, str) else msgspec.to_builtins(each) for name, each in able.items()}
    return {"abilities": told}


def lines(able: Mapping[VmsId, Abilities | str], site: Site) -> list[str]:
    """For people."""
    return [
        f"VMS {name} ({site.vms[name].settings.type}) {each if isinstance(each, str) else said(each)}"
        for name, each in able.items()
    ]

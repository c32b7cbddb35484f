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


def found(site: Site, secrets: Secrets) -> dict[VmsId, Abilities | None]:
    """Nobody is asked, no secret is read. None for a VMS that cannot be built, whatever its own code raises."""
    all_of_it: dict[VmsId, Abilities | None] = {}
    for name, vms in site.vms.items():
        cameras = {each.id: each.settings for each in site.cameras.values() if each.vms == name}
        try:
            all_of_it[name] = abilities_of(vms_class(vms.settings.type)(name, vms.settings, cameras, secrets))
        except Exception:  # noqa: BLE001 - somebody else's package, perhaps; the site's errors are told all the same
            all_of_it[name] = None
    return all_of_it


def facts(able: Mapping[VmsId, Abilities | None]) -> dict[str, object]:
    """For programs."""
    return {"abilities": msgspec.to_builtins(able)}


def lines(able: Mapping[VmsId, Abilities | None], site: Site) -> list[str]:
    """For people."""
    return [
        f"VMS {name} ({site.vms[name].settings.type}) {said(each) if each is not None else 'cannot be built'}"
        for name, each in able.items()
    ]

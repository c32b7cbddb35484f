"""Which secrets a site uses, and for what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from bridge.config.site import Site

_REFERENCE = re.compile(r"secret:([A-Za-z0-9][A-Za-z0-9_.-]{0,63})")


def references(site: Site) -> dict[str, list[str]]:
    """Secret → the places that name it (``cameras.gate-in.token``), both in the order of the site."""
    found: dict[str, list[str]] = {}
    for path, name in _of_site(site):
        places = found.setdefault(name, [])
        if path not in places:
            places.append(path)
    return found


def references_in(value: object) -> set[str]:
    """The secrets named anywhere in a piece of YAML."""
    return {name for _, name in _walk(value, "")}


def _of_site(site: Site) -> Iterator[tuple[str, str]]:
    parts: list[tuple[str, object]] = [
        *((f"vms.{name}", vms.settings) for name, vms in site.vms.items()),
        *((f"cameras.{name}", camera.settings) for name, camera in site.cameras.items()),
        *((f"connectors.{name}", connector.settings) for name, connector in site.connectors.items()),
        *((f"endpoints.{name}", endpoint.settings) for name, endpoint in site.endpoints.items()),
    ]
    for name, sensor in site.sensors.items():
        parts.append((f"sensors.{name}.address", sensor.address))
        parts += [(f"sensors.{name}.also.{way}", address) for way, address in sensor.also.items()]
    parts += [(field, getattr(site, field)) for field in site.__struct_fields__]  # sections of which there is one
    for path, settings in parts:
        if isinstance(settings, BaseModel):
            yield from _walk(settings.model_dump(mode="json", by_alias=True), path)


def _walk(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        for name in _REFERENCE.findall(value):
            yield path, name
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _walk(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for at, below in enumerate(value):
            yield from _walk(below, f"{path}[{at}]")

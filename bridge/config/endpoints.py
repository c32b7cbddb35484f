"""Endpoints: entries → settings of the type each of them names, their filters compiled, their names looked up."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bridge.config.document import Node, locate
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.parts import refer
from bridge.config.site import Endpoint
from bridge.config.typed import class_of
from bridge.endpoints.settings import TYPES, EndpointSettings, WebSocketEndpoint
from bridge.profiles.expression import Expression, ExpressionError, compile_expression


def endpoints(
    entries: Mapping[str, Entry], cameras: Collection[str], sensors: Collection[str], faults: Faults
) -> dict[str, Endpoint]:
    """The endpoints by name. ``cameras``, ``sensors``: the names a filter may use."""
    made: dict[str, Endpoint] = {}
    places: dict[tuple[str, str], Entry] = {}
    ports: dict[str, tuple[Entry, WebSocketEndpoint]] = {}
    for name, entry in entries.items():
        declared = class_of(entry, TYPES, "type {} of endpoint", faults)
        settings = None if declared is None else validated(declared, entry, faults)
        if settings is None:
            continue
        for key, what, known in (("cameras", "camera", cameras), ("sensors", "sensor", sensors)):
            _names(entry, key, what, known, faults)
        select = _select(entry, settings, faults)
        if isinstance(settings, WebSocketEndpoint):
            _alone(entry, settings, places, ports, faults)
        made[name] = Endpoint(name, settings, select)
    return made


def _names(entry: Entry, key: str, what: str, known: Collection[str], faults: Faults) -> None:
    node = locate(entry.node, ("filter", key))
    for number, each in enumerate(node.value if isinstance(node.value, list) else ()):
        if isinstance(each.value, str) and each.value not in known:
            refer(entry, each, f"{entry.path}.filter.{key}[{number}]", what, key, each.value, known, faults)


def _select(entry: Entry, settings: EndpointSettings, faults: Faults) -> Expression | None:
    if not settings.filter.select:
        return None
    try:
        return compile_expression(settings.filter.select, {"event"})
    except ExpressionError as error:
        node: Node = locate(entry.node, ("filter", "select"))
        faults.add(entry.source, (node.line, node.column), f"{entry.path}.filter.select", str(error))
        return None


def _alone(
    entry: Entry,
    settings: WebSocketEndpoint,
    places: dict[tuple[str, str], Entry],
    ports: dict[str, tuple[Entry, WebSocketEndpoint]],
    faults: Faults,
) -> None:
    """Endpoints share a port by their paths, and have what is the port's own in common."""
    first = places.setdefault((settings.bind, settings.path), entry)
    if first is not entry:
        message = f"{first.path} ({first.where}) has this path on this port already; give one of them another path"
        faults.add(entry.source, entry.place, f"{entry.path}.path", message)
    other, theirs = ports.setdefault(settings.bind, (entry, settings))
    if (theirs.tls, theirs.ping) != (settings.tls, settings.ping):
        message = f"{other.path} ({other.where}) shares this port; tls and ping have to be the same in both"
        faults.add(entry.source, entry.place, f"{entry.path}.bind", message)

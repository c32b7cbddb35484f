"""``also``: the other ways in by which a sensor is heard, beside its connector."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.config.document import Node, plain
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.parts import Classes, refer
from connectors.base import Address, Connector


def other_ways(
    entry: Entry, node: Node | None, own: str, address: Address | None, connectors: Classes[Connector], faults: Faults
) -> Iterator[tuple[str, Entry, Address]]:
    """(connector, what was written, address) of each; what is wrong is added to ``faults``.

    ``own``: the sensor's connector, ``address``: its address there, whose identity holds for an address that has none.
    """
    ways = node.value if node is not None and isinstance(node.value, dict) else {}
    for name, below in ways.items():
        path = f"{entry.path}.also.{name}"
        place = (node.keys or {}).get(name, (below.line, below.column)) if node is not None else entry.place
        declared = connectors.get(name)
        if declared is None:
            faults.hide(entry.source, below)
            if name not in connectors:
                where = Node(name, *place)
                refer(entry, where, path, "connector", "connectors", name, connectors, faults)
            continue
        if name == own:
            faults.add(entry.source, place, path, f"{name} is this sensor's connector already; name another")
            continue
        mapping = below if isinstance(below.value, dict) else Node({}, *place, {})
        within = Entry(entry.source, path, place, mapping)
        said = plain(mapping)
        values = said if isinstance(said, dict) else {}
        if address is not None and "identity" not in values:
            values = values | {"identity": dict(address.identity)}
        made = validated(declared.Address, within, faults, values)
        if made is not None:
            yield name, within, made

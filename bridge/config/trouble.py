"""What stands under ``trouble``: a list of ways → settings of the type each of them names."""

from __future__ import annotations

from bridge.config.errors import did_you_mean
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.parts import hide_all_but
from bridge.trouble.settings import TYPES, TroubleSettings


def ways(entry: Entry, faults: Faults) -> tuple[TroubleSettings, ...]:
    nodes = entry.node.value
    if not isinstance(nodes, list):
        faults.hide(entry.source, entry.node)
        message = "trouble is a list of ways; write each as - {type: webhook, url: …}"
        faults.add(entry.source, entry.place, entry.path, message)
        return ()
    made = []
    for number, node in enumerate(nodes):
        each = Entry(entry.source, f"{entry.path}[{number}]", (node.line, node.column), node)
        declared = _class_of(each, faults)
        settings = None if declared is None else validated(declared, each, faults)
        if settings is not None:
            made.append(settings)
    return tuple(made)


def _class_of(entry: Entry, faults: Faults) -> type[TroubleSettings] | None:
    fields = entry.node.value
    node = fields.get("type") if isinstance(fields, dict) else None
    there = ", ".join(TYPES)
    if node is None or not isinstance(node.value, str):
        hide_all_but(entry, (), faults)
        what = "type is missing" if isinstance(fields, dict) else "this has to be a mapping"
        faults.add(entry.source, entry.place, f"{entry.path}.type", f"{what}; write one of type: {there}")
        return None
    if node.value not in TYPES:
        hide_all_but(entry, ("type",), faults)
        near = did_you_mean(node.value, tuple(TYPES)) or f"; there is {there}"
        message = f"there is no way {node.value} to tell trouble{near}"
        faults.add(entry.source, (node.line, node.column), f"{entry.path}.type", message)
        return None
    return TYPES[node.value]

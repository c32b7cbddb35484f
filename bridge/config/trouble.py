"""What stands under ``trouble``: a list of ways → settings of the type each of them names."""

from __future__ import annotations

from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.typed import class_of
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
        declared = class_of(each, TYPES, "way {} to tell trouble", faults)
        settings = None if declared is None else validated(declared, each, faults)
        if settings is not None:
            made.append(settings)
    return tuple(made)

"""An entry whose key ``type`` says which of our few settings it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bridge.config.errors import did_you_mean
from bridge.config.faults import Entry, Faults
from bridge.config.parts import hide_all_but

Settings = TypeVar("Settings")


def class_of(entry: Entry, types: Mapping[str, type[Settings]], what: str, faults: Faults) -> type[Settings] | None:
    """The settings its ``type`` names; None after saying what is wrong.

    ``what``: what there is none of, with {} for its name: ``type {} of endpoint``.
    """
    fields = entry.node.value
    node = fields.get("type") if isinstance(fields, dict) else None
    two = len(types) == 2
    there = " or ".join(types) if two else ", ".join(types)
    if node is None or not isinstance(node.value, str):
        hide_all_but(entry, (), faults)
        missing = "type is missing" if isinstance(fields, dict) else "this has to be a mapping"
        faults.add(
            entry.source, entry.place, f"{entry.path}.type", f"{missing}; write {'' if two else 'one of '}type: {there}"
        )
        return None
    if node.value not in types:
        hide_all_but(entry, ("type",), faults)
        near = did_you_mean(node.value, tuple(types)) or f"; there is {there}"
        message = f"there is no {what.format(node.value)}{near}"
        faults.add(entry.source, (node.line, node.column), f"{entry.path}.type", message)
        return None
    return types[node.value]

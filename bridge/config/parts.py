"""VMS, cameras and connectors: entries → settings of the type each of them names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import TypeAlias, TypeVar

from bridge.config import registry
from bridge.config.document import Node, locate_key
from bridge.config.errors import did_you_mean
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.site import Camera, Connector, Vms
from bridge.model import CameraId, ConnectorId, VmsId
from bridge.vms.base import CameraSettings, VmsSettings, VmsTarget
from connectors.base import Connector as ConnectorContract

Class = TypeVar("Class")


BUDGETED = ("notice", "fault")
"""The urgencies whose undelivered events may be ended to keep a VMS within its budget."""

Classes: TypeAlias = dict[str, type[Class] | None]
"""The class of each entry; None where its type is not known, which has been said."""


def connectors(
    entries: Mapping[str, Entry], timezone: str, faults: Faults
) -> tuple[dict[str, Connector], Classes[ConnectorContract]]:
    """The connectors by id, and the class of each. ``timezone``: the site's, by its name."""
    made: dict[str, Connector] = {}
    classes: Classes[ConnectorContract] = {}
    for name, entry in entries.items():
        declared = _class_of(entry, registry.CONNECTORS, registry.connector_class, faults)
        classes[name] = declared
        settings = None if declared is None else validated(declared.Settings, entry, faults)
        if settings is not None:
            made[name] = Connector(ConnectorId(name), settings.at_site(timezone))
    return made, classes


def vms(entries: Mapping[str, Entry], faults: Faults) -> tuple[dict[str, Vms], Classes[VmsTarget]]:
    """The VMS by id, and the class of each."""
    made: dict[str, Vms] = {}
    classes: Classes[VmsTarget] = {}
    for name, entry in entries.items():
        declared = _class_of(entry, registry.VMS, registry.vms_class, faults)
        classes[name] = declared
        settings = None if declared is None else validated(declared.Settings, entry, faults)
        if settings is not None and _budgets(entry, settings, faults):
            made[name] = Vms(VmsId(name), settings)
    return made, classes


def _budgets(entry: Entry, settings: VmsSettings, faults: Faults) -> bool:
    """Whether only urgencies that have a budget are given one; the others are said."""
    wrong = [key for key in settings.budget if key not in BUDGETED]
    for key in wrong:
        near = did_you_mean(key, BUDGETED) or f"; give one to {' and '.join(BUDGETED)}, alarms are never ended"
        place = locate_key(entry.node, ("budget", key))
        faults.add(entry.source, place, f"{entry.path}.budget.{key}", f"there is no budget for {key}{near}")
    return not wrong


def cameras(entries: Mapping[str, Entry], classes: Classes[VmsTarget], faults: Faults) -> dict[str, Camera]:
    """The cameras by id; each one's settings are those of its VMS's type."""
    made: dict[str, Camera] = {}
    for name, entry in entries.items():
        model = _camera_model(entry, classes, faults)
        settings = None if model is None else validated(model, entry, faults)
        if settings is not None:
            made[name] = Camera(CameraId(name), VmsId(settings.vms), settings)
    return made


def _camera_model(entry: Entry, classes: Classes[VmsTarget], faults: Faults) -> type[CameraSettings] | None:
    fields = entry.node.value
    node = fields.get("vms") if isinstance(fields, dict) else None
    example = f"vms: {next(iter(classes), 'cloud')}"
    if not isinstance(fields, dict):
        hide_all_but(entry, (), faults)
        faults.add(entry.source, entry.place, entry.path, f"this has to be a mapping that begins with {example}")
    elif node is None or not isinstance(node.value, str):
        hide_all_but(entry, (), faults)
        faults.add(entry.source, entry.place, f"{entry.path}.vms", f"vms is missing; write {example}")
    else:
        declared = classes.get(node.value)
        if declared is not None:
            return declared.Camera
        hide_all_but(entry, ("vms",), faults)
        if node.value not in classes:
            refer(entry, node, f"{entry.path}.vms", "VMS", "vms", node.value, classes, faults)
    return None


def refer(
    entry: Entry, node: Node, path: str, what: str, section: str, name: str, known: Collection[str], faults: Faults
) -> None:
    """Say that a reference leads nowhere, and what it may have meant."""
    near = faults.meant(name, known)
    if near:
        instead = f"did you mean {near}?"
    else:
        instead = f"there is {', '.join(islice(known, 10))}" if known else f"write it under {section}"
    faults.add(entry.source, (node.line, node.column), path, f"there is no {what} {name}; {instead}")


def hide_all_but(entry: Entry, shown: tuple[str, ...], faults: Faults) -> None:
    """What stands in an entry that nobody can check may be a secret."""
    fields = entry.node.value
    if isinstance(fields, dict):
        for key, node in fields.items():
            if key not in shown:
                faults.hide(entry.source, node)
    else:
        faults.hide(entry.source, entry.node)


def _class_of(entry: Entry, group: str, resolve: Callable[[str], Class], faults: Faults) -> Class | None:
    fields = entry.node.value
    if not isinstance(fields, dict):
        hide_all_but(entry, (), faults)
        faults.add(entry.source, entry.place, entry.path, _no_type("this has to be a mapping that begins with", group))
        return None
    node = fields.get("type")
    if node is None or not isinstance(node.value, str):
        hide_all_but(entry, (), faults)
        faults.add(entry.source, entry.place, f"{entry.path}.type", _no_type("type is missing; write", group))
        return None
    try:
        return resolve(node.value)
    except registry.UnknownType as unknown:
        hide_all_but(entry, ("type",), faults)
        names = registry.type_names(group)
        message = str(unknown)
        if node.value not in names:
            message += did_you_mean(node.value, names) or f"; there is {', '.join(names)}"
        faults.add(entry.source, (node.line, node.column), f"{entry.path}.type", message)
        return None


def _no_type(sentence: str, group: str) -> str:
    names = registry.type_names(group)
    return f"{sentence} type: {names[0]} (there is {', '.join(names)})"

"""Type names of connectors and VMS → their classes, imported only when a site uses them.

Ours are the table below, equal to the entry points in pyproject.toml (a test compares them), so that a checkout works
without being installed and starting does not read every installed package's metadata. Any other name is looked for in
the entry points of installed packages: a third party ships a type as a package, and cannot replace one of ours.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from bridge.vms.base import VmsTarget
from connectors.base import Connector

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

CONNECTORS = "vms_bridge.connectors"
VMS = "vms_bridge.vms"

BUILT_IN: Mapping[str, Mapping[str, str]] = {
    CONNECTORS: {
        "http": "connectors.http:HttpConnector",
        "http-poll": "connectors.http_poll:HttpPollConnector",
        "http-stream": "connectors.http_stream:HttpStreamConnector",
        "modbus": "connectors.modbus:ModbusConnector",
        "mqtt": "connectors.mqtt:MqttConnector",
        "snmp": "connectors.snmp:SnmpConnector",
        "snmp-poll": "connectors.snmp:SnmpPollConnector",
        "tcp": "connectors.tcp:TcpConnector",
        "tcp-client": "connectors.tcp_client:TcpClientConnector",
        "udp": "connectors.udp:UdpConnector",
        "websocket": "connectors.websocket:WebSocketConnector",
    },
    VMS: {
        "digifort": "bridge.vms.digifort:DigifortTarget",
        "frigate": "bridge.vms.frigate:FrigateTarget",
        "genetec": "bridge.vms.genetec:GenetecTarget",
        "milestone": "bridge.vms.milestone:MilestoneTarget",
        "nx": "bridge.vms.nx:NxTarget",
        "vxg": "bridge.vms.vxg:VxgTarget",
        "webhook": "bridge.vms.webhook:WebhookTarget",
        "zoneminder": "bridge.vms.zoneminder:ZoneMinderTarget",
    },
}


class UnknownType(LookupError):
    """No installed package declares this type, or its code cannot be loaded; the message says which."""


def connector_class(name: str) -> type[Connector]:
    """The class of a connector's ``type``. Raises UnknownType."""
    return cast("type[Connector]", _resolve(CONNECTORS, name, ("Settings", "Address")))


def vms_class(name: str) -> type[VmsTarget]:
    """The class of a VMS's ``type``. Raises UnknownType."""
    return cast("type[VmsTarget]", _resolve(VMS, name, ("Settings", "Camera")))


def type_names(group: str) -> tuple[str, ...]:
    """Every type that is installed in this group (CONNECTORS or VMS), sorted; imports none of them."""
    return tuple(sorted({*BUILT_IN[group], *_entry_points(group)}))


@functools.cache
def _resolve(group: str, name: str, parts: tuple[str, ...]) -> object:
    where = BUILT_IN[group].get(name)
    if where is None:
        found = _entry_points(group).get(name)
        if found is None:
            raise UnknownType(f"there is no type {name}")
        where = found.value
    module, _, attribute = where.partition(":")
    try:
        declared = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownType(f"the type {name} is declared but its code {where} cannot be loaded: {error}") from error
    missing = [part for part in parts if not hasattr(declared, part)]
    if missing:
        raise UnknownType(f"the type {name} is declared but {where} has no {' and no '.join(missing)}")
    return declared


def forget() -> None:
    """Resolve every name anew; for programs that install types while they run, such as tests."""
    _resolve.cache_clear()
    _entry_points.cache_clear()


@functools.cache
def _entry_points(group: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}

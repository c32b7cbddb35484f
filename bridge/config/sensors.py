"""Sensors: entries → sensors with their address, profile, cameras and rules."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bridge.config.camera_tables import CameraTables
from bridge.config.document import Node, Plain, plain
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.models import SensorSection
from bridge.config.parts import Classes, hide_all_but, refer
from bridge.config.profiles import Profiles
from bridge.config.rules import Rules
from bridge.config.site import Sensor, Supervision
from bridge.config.ways import other_ways
from bridge.config.zones import zone
from bridge.decide.cameras import CamerasBy
from bridge.model import CameraId, ConnectorId, ProfileId, SensorId
from bridge.profiles.profile import Profile
from connectors.base import Address, Connector, Supervise


class Sensors:
    """Makes sensors of entries; what they refer to is given. 10,000 of them are made in a second: mind the loop."""

    def __init__(
        self,
        connectors: Classes[Connector],
        cameras: Mapping[str, Entry],
        profiles: Profiles,
        timezone: ZoneInfo,
        faults: Faults,
        tables: CameraTables,
        supervised: Mapping[str, Supervise] | None = None,
    ) -> None:
        self._connectors = connectors
        self._cameras = cameras
        self._profiles = profiles
        self._timezone = timezone
        self._faults = faults
        self._tables = tables
        self._supervised = supervised or {}
        self._rules = Rules(faults)
        self._addresses: dict[tuple[str, str], Entry] = {}

    def make(self, entries: Mapping[str, Entry]) -> dict[SensorId, Sensor]:
        made = {}
        for name, entry in entries.items():
            sensor = self._sensor(SensorId(name), entry)
            if sensor is not None:
                made[sensor.id] = sensor
        return made

    def _sensor(self, id: SensorId, entry: Entry) -> Sensor | None:
        values = plain(entry.node)
        section = validated(SensorSection, entry, self._faults, values)
        fields = entry.node.value
        if not isinstance(fields, dict) or not isinstance(values, dict):
            return None
        # References are checked even when something else is wrong, so that all errors come at once.
        address = self._address(entry, fields, values)
        also = self._also(entry, fields, address) if "also" in fields else {}
        profile = self._profile(entry, fields)
        cameras, by = self._cameras_of(entry, fields)
        timezone = self._zone(entry, fields["timezone"]) if "timezone" in fields else self._timezone
        rules = self._rules.of(entry, section, timezone, profile) if "rules" in fields or "inhibit" in fields else ()
        if section is None or address is None or profile is None:
            return None
        return Sensor(
            id=id,
            name=section.name or id,
            kind=section.kind or profile.kind,
            profile=ProfileId(section.profile),
            connector=ConnectorId(section.connector),
            address=address,
            cameras=cameras,
            cameras_by=by,
            timezone=timezone,
            rules=rules,
            location=section.location,
            also=also,
            supervise=self._supervision(section),
        )

    def _supervision(self, section: SensorSection) -> Supervision | None:
        """What the sensor says, over what its connector says for all of its."""
        own, usual = section.supervise, self._supervised.get(section.connector)
        if own == "off" or (own is None and usual is None):
            return None
        said = {} if usual is None else usual.model_dump()
        said |= {} if own is None else own.model_dump(exclude_unset=True)
        return Supervision(**said)

    def _address(self, entry: Entry, fields: Mapping[str, Node], values: Mapping[str, Plain]) -> Address | None:
        node, below = fields.get("connector"), fields.get("address")
        if node is None or not isinstance(node.value, str):
            hide_all_but(entry, tuple(key for key in fields if key != "address"), self._faults)
            return None
        declared = self._connectors.get(node.value)
        if declared is None:
            hide_all_but(entry, tuple(key for key in fields if key != "address"), self._faults)
            if node.value not in self._connectors:
                path = f"{entry.path}.connector"
                refer(entry, node, path, "connector", "connectors", node.value, self._connectors, self._faults)
            return None
        if below is None:
            within = Entry(entry.source, f"{entry.path}.address", entry.place, Node({}, *entry.place, {}))
        elif isinstance(below.value, dict):
            within = Entry(entry.source, f"{entry.path}.address", (below.line, below.column), below)
        else:
            self._faults.hide(entry.source, below)
            return None
        address = validated(declared.Address, within, self._faults, values.get("address", {}))
        if address is not None:
            self._alone(entry, within, node.value, address)
        return address

    def _also(self, entry: Entry, fields: Mapping[str, Node], address: Address | None) -> dict[ConnectorId, Address]:
        node, connector = fields["also"], fields.get("connector")
        own = str(connector.value) if connector is not None else ""
        found = {}
        for name, within, other in other_ways(entry, node, own, address, self._connectors, self._faults):
            self._alone(entry, within, name, other)
            found[ConnectorId(name)] = other
        return found

    def _alone(self, entry: Entry, within: Entry, connector: str, address: Address) -> None:
        """Two sensors whose messages nothing tells apart are a mistake."""
        key = (connector, address.model_dump_json())
        first = self._addresses.setdefault(key, entry)
        if first is not entry:
            message = (
                f"nothing tells this sensor from {first.path} ({first.where}): both have this address on {connector}; "
                "make the address differ, or give each its identity"
            )
            self._faults.add(entry.source, within.place, within.path, message)

    def _profile(self, entry: Entry, fields: Mapping[str, Node]) -> Profile | None:
        node = fields.get("profile")
        if node is None or not isinstance(node.value, str):
            return None
        return self._profiles.named(node.value, entry, node)

    def _cameras_of(self, entry: Entry, fields: Mapping[str, Node]) -> tuple[tuple[CameraId, ...], CamerasBy | None]:
        """The cameras of every event; or those of events that the table has none for, and the table."""
        node, path, by = fields.get("cameras"), f"{entry.path}.cameras", None
        if node is not None and isinstance(node.value, dict):
            by = self._tables.of(entry, node)
            node, path = node.value.get("otherwise"), f"{path}.otherwise"
        return camera_references(entry, node, path, self._cameras, self._faults), by

    def _zone(self, entry: Entry, node: Node) -> ZoneInfo:
        if not isinstance(node.value, str):
            return self._timezone
        return zone(node.value, entry, node, f"{entry.path}.timezone", self._faults)


def camera_references(
    entry: Entry, node: Node | None, path: str, known: Mapping[str, Entry], faults: Faults
) -> tuple[CameraId, ...]:
    """The cameras a list names, each there and named once."""
    found: dict[str, None] = {}
    for index, each in enumerate(node.value if node is not None and isinstance(node.value, list) else ()):
        name = each.value
        if not isinstance(name, str):
            continue
        if name not in known:
            refer(entry, each, f"{path}[{index}]", "camera", "cameras", name, known, faults)
        elif name in found:
            message = f"{name} is named twice; each camera gets an event once"
            faults.add(entry.source, (each.line, each.column), f"{path}[{index}]", message)
        found[name] = None
    return tuple(map(CameraId, found))

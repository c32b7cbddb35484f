"""Sensors: entries → sensors with their address, profile, cameras and rules."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bridge.config.document import Document, Node, Place, Plain, plain
from bridge.config.explain import validated
from bridge.config.faults import Entry, Faults
from bridge.config.models import SensorSection
from bridge.config.parts import Classes, hide_all_but, refer
from bridge.config.profiles import Profiles
from bridge.config.site import Sensor
from bridge.config.zones import zone
from bridge.decide.rules import CollapseOff, Rule, Select
from bridge.model import CameraId, ConnectorId, ProfileId, SensorId
from bridge.profiles.expression import Expression, ExpressionError, compile_expression
from bridge.profiles.profile import Profile
from connectors.base import Address, Connector


class Sensors:
    """Makes sensors of entries; what they refer to is given. 10,000 of them are made in a second: mind the loop."""

    def __init__(
        self,
        connectors: Classes[Connector],
        cameras: Mapping[str, Entry],
        profiles: Profiles,
        timezone: ZoneInfo,
        faults: Faults,
    ) -> None:
        self._connectors = connectors
        self._cameras = cameras
        self._profiles = profiles
        self._timezone = timezone
        self._faults = faults
        self._expressions: dict[str, Expression | ExpressionError] = {}
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
        profile = self._profile(entry, fields)
        cameras = self._cameras_of(entry, fields)
        rules = self._rules(entry, fields["rules"]) if "rules" in fields else ()
        timezone = self._zone(entry, fields["timezone"]) if "timezone" in fields else self._timezone
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
            timezone=timezone,
            rules=rules,
            location=section.location,
        )

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

    def _cameras_of(self, entry: Entry, fields: Mapping[str, Node]) -> tuple[CameraId, ...]:
        node = fields.get("cameras")
        return camera_references(entry, node, f"{entry.path}.cameras", self._cameras, self._faults)

    def _zone(self, entry: Entry, node: Node) -> ZoneInfo:
        if not isinstance(node.value, str):
            return self._timezone
        return zone(node.value, entry, node, f"{entry.path}.timezone", self._faults)

    def _rules(self, entry: Entry, node: Node) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        for number, each in enumerate(node.value if isinstance(node.value, list) else (), 1):
            fields = each.value if isinstance(each.value, dict) else {}
            select, name = fields.get("select"), fields.get("name")
            if select is None:
                rules.append(CollapseOff())
            elif isinstance(select.value, str) and select.value:
                expression = self._expression(select.value)
                if isinstance(expression, ExpressionError):
                    path = f"{entry.path}.rules[{number - 1}].select"
                    self._faults.add(entry.source, *_within(entry.source, select, expression, path))
                    continue
                called = str(name.value) if name is not None and name.value else f"rule {number}"
                rules.append(Select(called, expression))
        return tuple(rules)

    def _expression(self, text: str) -> Expression | ExpressionError:
        """Compiled once for all sensors that have it; or what is wrong with it."""
        found = self._expressions.get(text)
        if found is None:
            try:
                found = compile_expression(text, {"event"})
            except ExpressionError as error:
                found = error
            self._expressions[text] = found
        return found


def _within(source: Document, node: Node, error: ExpressionError, path: str) -> tuple[Place, str, str]:
    """Where in the file an expression is wrong: exactly, when it is written on one line as it is read."""
    written = source.line(node.line)[node.column - 1 :]
    quotes = 1 if written[:1] in ("'", '"') else 0
    if error.line == 1 and written[quotes:].startswith(str(node.value)):
        return (node.line, node.column + quotes + error.column - 1), path, error.message
    return (node.line, node.column), path, str(error)


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

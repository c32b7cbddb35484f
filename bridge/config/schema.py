"""The JSON Schema (2020-12) of a site file, for editors: made of the models that check it, so both say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bridge.config import registry
from bridge.config.mapping import GroupSection
from bridge.config.models import DURATION, NAME, SIZE, JournalSection, SensorSection, SiteSection
from bridge.config.pictures import FetchSettings, PicturesSection
from bridge.config.versions import NEWEST
from bridge.endpoints.settings import TYPES
from bridge.metrics.settings import ObserveSettings
from bridge.trouble import settings as trouble

Schema: TypeAlias = dict[str, object]

_UNITS_OF_TIME = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 0.001))
_UNITS_OF_SIZE = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("kB", 1000), ("B", 1))


def site_schema(installed: bool = True) -> Schema:
    """The schema with the settings of every installed connector and VMS; without ``installed`` only of our own.

    No section is required: one file of a folder holds some of them; ``check`` says what a whole site lacks.
    Raises UnknownType when a declared type cannot be loaded.
    """
    names: Callable[[str], Iterable[str]] = registry.type_names if installed else registry.BUILT_IN.__getitem__
    connectors = {name: registry.connector_class(name) for name in names(registry.CONNECTORS)}
    vms = {name: registry.vms_class(name) for name in names(registry.VMS)}
    collected = _Collected(
        [
            SiteSection, SensorSection, GroupSection, JournalSection,
            PicturesSection, FetchSettings, ObserveSettings, *TYPES.values(), *trouble.TYPES.values(),
            *(declared.Settings for declared in connectors.values()),
            *(declared.Address for declared in connectors.values()),
            *(declared.Settings for declared in vms.values()),
            *(declared.Camera for declared in vms.values()),
        ]
    )  # fmt: skip
    definitions = collected.definitions
    _address(definitions[collected.name(SensorSection)], [collected.of(each.Address) for each in connectors.values()])
    within = _schema(definitions[collected.name(PicturesSection)]["properties"])
    within["fetch"] = {"description": _schema(within["fetch"])["description"], **collected.of(FetchSettings)}
    vms_settings = {name: collected.of(each.Settings) for name, each in vms.items()}
    connector_settings = {name: collected.of(each.Settings) for name, each in connectors.items()}
    camera = _any([collected.of(each.Camera) for each in vms.values()])
    properties: Schema = {
        "version": {"const": NEWEST, "description": "The version of this format."},
        "site": collected.of(SiteSection),
        "vms": _named("The VMS the bridge talks to.", _by_type(vms_settings, "Which VMS this is.")),
        "cameras": _named("The cameras.", camera),
        "connectors": _named("The ways in.", _by_type(connector_settings, "Which connector this is.")),
        "sensors": _sensors(collected),
        "journal": collected.of(JournalSection),
        "endpoints": _named(
            "Where other programs get events.",
            _by_type({name: collected.of(each) for name, each in TYPES.items()}, "Which endpoint this is."),
        ),
        "pictures": collected.of(PicturesSection),
        "observe": collected.of(ObserveSettings),
        "trouble": {
            "type": "array",
            "description": "Where people are told when the VMS does not take alarms.",
            "items": _by_type({name: collected.of(each) for name, each in trouble.TYPES.items()}, "Which way this is."),
        },
    }
    whole: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A site of vms-bridge",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": definitions,
    }
    return whole


class _Collected:
    """The schemas of many models with one set of definitions."""

    def __init__(self, models: Sequence[type[BaseModel]]) -> None:
        unique = list(dict.fromkeys(models))
        references, whole = models_json_schema(
            [(model, "validation") for model in unique], by_alias=True, ref_template="#/$defs/{model}"
        )
        self._references = {model: references[model, "validation"]["$ref"] for model in unique}
        self.definitions: dict[str, Schema] = {key: _readable(each) for key, each in sorted(whole["$defs"].items())}

    def of(self, model: type[BaseModel]) -> Schema:
        return {"$ref": self._references[model]}

    def name(self, model: type[BaseModel]) -> str:
        return str(self._references[model]).removeprefix("#/$defs/")


def _named(description: str, entry: Schema) -> Schema:
    return {
        "type": ["object", "null"],
        "description": f"{description} Under it names of your choice.",
        "propertyNames": {"pattern": NAME},
        "additionalProperties": entry,
    }


def _sensors(collected: _Collected) -> Schema:
    """Sensors by name, a table of them where an entry says ``from``; or one table in the place of all."""
    sensor = collected.definitions[collected.name(SensorSection)]
    own = collected.definitions[collected.name(GroupSection)]
    group: Schema = {
        "type": "object",
        "description": "A table of sensors: each row is one. What stands beside from holds for every row.",
        "additionalProperties": False,
        "required": ["from"],
        "properties": _schema(own["properties"]) | _schema(sensor["properties"]),
    }
    collected.definitions[collected.name(GroupSection)] = group
    is_table: Schema = {"required": ["from"], "properties": {"from": {"type": "string"}}}
    one: Schema = {"if": is_table, "then": collected.of(GroupSection), "else": collected.of(SensorSection)}
    named = _named("The sources of events.", one)
    return {"if": {"type": "object", **is_table}, "then": collected.of(GroupSection), "else": named}


def _by_type(types: Mapping[str, Schema], description: str) -> Schema:
    """What else may stand in an entry depends on its ``type``; as conditions, so that an editor complains of the
    one that applies and not of all."""
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": sorted(types), "description": description}},
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": schema}
            for name, schema in sorted(types.items())
        ],
    }


def _any(schemas: Sequence[Schema]) -> Schema:
    unique = list({str(schema): schema for schema in schemas}.values())
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def _address(sensor: Schema, addresses: Sequence[Schema]) -> None:
    """A sensor's address is that of any connector: which one, a schema cannot know."""
    properties = _schema(sensor["properties"])
    said = _schema(properties["address"])
    kept: Schema = {key: said[key] for key in ("description", "examples") if key in said}
    properties["address"] = kept | _any(addresses)


def _readable(schema: Schema) -> Schema:
    """Defaults of durations and sizes as one writes them, and none of pydantic's made-up titles."""
    made: Schema = {}
    for key, value in schema.items():
        if key == "title":
            continue
        if key == "properties":
            made[key] = {name: _readable(_schema(each)) for name, each in _schema(value).items()}
        elif isinstance(value, dict) and key != "default":
            made[key] = _readable(value)
        elif isinstance(value, list) and key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            made[key] = [_readable(_schema(each)) for each in value]
        else:
            made[key] = value
    if "default" in made:
        made["default"] = _written(made["default"], made)
    return made


def _written(default: object, schema: Schema) -> object:
    """``600.0`` → ``"10 min"`` where the schema asks for a quantity."""
    if isinstance(default, dict):
        inner = _schema(schema.get("additionalProperties"))
        return {key: _written(value, inner) for key, value in default.items()}
    if not isinstance(default, int | float):
        return default
    branches = schema.get("anyOf")
    asked = {_schema(each).get("pattern") for each in (schema, *(branches if isinstance(branches, list) else ()))}
    if DURATION in asked:
        return _quantity(default, _UNITS_OF_TIME)
    return _quantity(default, _UNITS_OF_SIZE) if SIZE in asked else default


def _schema(value: object) -> Schema:
    return value if isinstance(value, dict) else {}


def _quantity(value: float, units: Sequence[tuple[str, float]]) -> str:
    for unit, worth in units:
        if value >= worth and (value / worth) % 1 == 0:
            return f"{value / worth:.0f} {unit}"
    return f"{value / units[-1][1]:g} {units[-1][0]}"

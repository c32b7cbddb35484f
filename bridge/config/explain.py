"""What pydantic found wrong, said at its line and column so that people know what to write instead."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.config.document import Plain, locate, locate_key, plain
from bridge.config.errors import did_you_mean, nearest
from bridge.config.faults import Entry, Faults
from bridge.config.models import DURATION, NAME, SIZE
from bridge.units import seconds, size

Model = TypeVar("Model", bound=BaseModel)
Schema = Mapping[str, object]
Loc = tuple[int | str, ...]

_KINDS = {
    "string_type": "this has to be text; put quotes around it",
    "dict_type": "this has to be a mapping, written as {key: value} or as indented lines",
    "model_type": "this has to be a mapping, written as {key: value} or as indented lines",
    "model_attributes_type": "this has to be a mapping, written as {key: value} or as indented lines",
    "list_type": "this has to be a list, written as [one, two]",
    "tuple_type": "this has to be a list, written as [one, two]",
    "set_type": "this has to be a list, written as [one, two]",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_type": "this has to be a whole number, without quotes",
    "int_parsing": "this has to be a whole number, without quotes",
    "int_from_float": "this has to be a whole number",
    "float_type": "this has to be a number",
    "float_parsing": "this has to be a number",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "write {} or more"),
    "greater_than": ("gt", "write more than {}"),
    "less_than_equal": ("le", "write {} or less"),
    "less_than": ("lt", "write less than {}"),
    "string_too_short": ("min_length", "write at least {} characters"),
    "string_too_long": ("max_length", "write at most {} characters"),
    "too_short": ("min_length", "name at least {}"),
    "too_long": ("max_length", "name at most {}"),
    "literal_error": ("expected", "write {}"),
    "enum": ("expected", "write {}"),
}
_CHOICES = ("literal_error", "enum")
# A refused value is not shown, as it may be a secret in the wrong place; these refusals are of quantities.
_HARMLESS = ("write a number and a unit",)


_ROUNDS = 10
"""So often misspelt keys are looked behind: each time what stands one level further below, and no site goes so deep."""


def validated(model: type[Model], entry: Entry, faults: Faults, values: Plain | None = None) -> Model | None:
    """The model made of an entry's values (``values``, if they have been made plain already); None after saying why."""
    if values is None:
        values = plain(entry.node)
    _without_unit(model, entry, values, faults, {})
    try:
        return model.model_validate(values)
    except ValidationError as error:
        _everything(model, entry, faults, values, error)
        return None


def _everything(model: type[BaseModel], entry: Entry, faults: Faults, values: Plain, error: ValidationError) -> None:
    """Say what is wrong, and what shows only when each misspelt key is taken for the one it was meant for: what stands
    below it, and what is wrong with the mapping as a whole (host and serial?), at which pydantic looks last."""
    written: dict[Loc, Loc] = {}
    for _ in range(_ROUNDS):
        found = error.errors(include_url=False)
        meant = {each["loc"]: _meant(model, each["loc"]) for each in found if each["type"] == "extra_forbidden"}
        for details in found:
            if details["type"] != "missing" or details["loc"] not in meant.values():
                _explain(model, entry, faults, details, written)  # what was said before is not said twice
        values = copy.deepcopy(values)
        renamed = [_renamed(values, wrong, right, written) for wrong, right in meant.items()]
        if not any(renamed):
            return
        _without_unit(model, entry, values, faults, written)
        try:
            model.model_validate(values)
        except ValidationError as behind:
            error = behind
        else:
            return


def _renamed(values: Plain, wrong: Loc, right: Loc, written: dict[Loc, Loc]) -> bool:
    """Give what stands under a wrong key to the right one, or to none where there is no other or it has its own;
    ``written`` learns where it stands. Whether the wrong key was there."""
    for part in wrong[:-1]:  # the names of a union's branches are not in the values
        if isinstance(values, dict):
            values = values.get(str(part), values)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
    key = str(wrong[-1])
    if not isinstance(values, dict) or key not in values:
        return False
    value = values.pop(key)
    if right[-1] and right[-1] not in values:
        values[str(right[-1])] = value
        written[right] = _as_written(wrong, written)
    return True


def _as_written(loc: Loc, written: Mapping[Loc, Loc]) -> Loc:
    """Where it stands in the file: below a key that was renamed, under that key as it is written."""
    for end in range(len(loc), 0, -1):
        if loc[:end] in written:
            return (*written[loc[:end]], *loc[end:])
    return loc


def _without_unit(
    model: type[BaseModel], entry: Entry, values: Plain, faults: Faults, written: Mapping[Loc, Loc]
) -> None:
    """Say which durations and sizes are bare numbers. The models take those, for defaults of our own; in a file
    ``limit: 8`` would be eight bytes."""
    for key, quantity in _quantities(model):
        value = values.get(key) if isinstance(values, dict) else None
        for inner, each in value.items() if isinstance(value, dict) else ((None, value),):
            if isinstance(each, int | float):
                loc = _as_written((key,) if inner is None else (key, inner), written)
                node = locate(entry.node, loc)
                try:
                    quantity(each)
                except ValueError as error:
                    faults.add(entry.source, (node.line, node.column), _dotted(entry.path, loc), str(error))


@functools.cache
def _quantities(model: type[BaseModel]) -> tuple[tuple[str, Callable[[object], float]], ...]:
    """The keys of a model that hold durations or sizes, or mappings of them."""
    found = []
    for key in sorted(_keys(model, ())):
        patterns = {schema.get("pattern") for loc in ((key,), (key, "")) for schema in _schemas(model, loc)}
        for pattern, quantity in ((DURATION, seconds), (SIZE, size)):
            if pattern in patterns:
                found.append((key, quantity))
    return tuple(found)


def _meant(model: type[BaseModel], loc: Loc) -> Loc:
    """Where the key would be that an unknown key was meant for: nobody needs to hear that this one is missing too."""
    return (*loc[:-1], nearest(str(loc[-1]), _keys(model, loc[:-1])) or "")


def _explain(
    model: type[BaseModel], entry: Entry, faults: Faults, details: ErrorDetails, written: Mapping[Loc, Loc]
) -> None:
    loc, kind = details["loc"], details["type"]
    stands = _as_written(loc, written)
    node = locate(entry.node, stands)
    path = _dotted(entry.path, [part for part in stands if not str(part).startswith("[")])
    if kind == "extra_forbidden":
        key = str(loc[-1])
        known = sorted(_keys(model, loc[:-1]) - {key})
        faults.hide(entry.source, node)
        near = did_you_mean(key, known) or f"; the keys here are {', '.join(known)}"
        cannot: Mapping[str, str] = getattr(model, "CANNOT", {}) if len(loc) == 1 else {}
        near = f": {cannot[key]}" if key in cannot else near
        faults.add(entry.source, locate_key(entry.node, stands), path, f"there is no key {key} here{near}")
    elif kind == "missing":
        key = str(loc[-1])
        above = locate(entry.node, stands[:-1])
        place = entry.place if above is entry.node else (above.line, above.column)
        faults.add(entry.source, place, path, f"{key} is missing{_instead(model, loc)}")
    else:
        message = _sentence(model, loc, details)
        if not message.startswith(_HARMLESS) and kind not in _BOUNDS:
            faults.hide(entry.source, node)
        faults.add(entry.source, entry.place if node is entry.node else (node.line, node.column), path, message)


def _sentence(model: type[BaseModel], loc: Loc, details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _KINDS:
        return _KINDS[kind] + _example(model, loc)
    if kind in _BOUNDS:
        name, sentence = _BOUNDS[kind]
        bound = str(context.get(name))
        if kind == "string_too_short" and bound == "1":
            return "this is empty; write something" + _example(model, loc)
        return sentence.format(bound.replace("'", "")) + ("" if kind in _CHOICES else _example(model, loc))
    if kind == "string_pattern_mismatch":
        if context.get("pattern") == NAME:
            return naming("this")
        return f"this is not written as it has to be{_example(model, loc)}"
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", details["msg"]))
    message = details["msg"]
    return message[:1].lower() + message[1:] + _example(model, loc)


def naming(what: str) -> str:
    return f"{what} has to be of letters, digits, - _ and . alone, at most 64, beginning with a letter or digit"


def _dotted(path: str, loc: Sequence[int | str]) -> str:
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path


# ---------------------------------------------------------------------------- what the model says about itself


def _keys(model: type[BaseModel], loc: Loc) -> set[str]:
    return {key for schema in _schemas(model, loc) for key in _mapping(schema.get("properties"))}


def _instead(model: type[BaseModel], loc: Loc) -> str:
    """``"; write path: /gate"``, from the field's example, or its description."""
    for schema in _schemas(model, loc):
        examples = schema.get("examples")
        if isinstance(examples, list) and examples:
            return f"; write {loc[-1]}: {_flow(examples[0])}"
    for schema in _schemas(model, loc):
        if "description" in schema:
            return f": {schema['description']}"
    return "; write it here"


def _example(model: type[BaseModel], loc: Loc) -> str:
    for schema in _schemas(model, loc):
        examples = schema.get("examples")
        if isinstance(examples, list) and examples:
            return f", for example {_flow(examples[0])}"
    return ""


def _flow(value: object) -> str:
    """A value as one writes it in a line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


@functools.cache
def _root(model: type[BaseModel]) -> Schema:
    return model.model_json_schema()


def _schemas(model: type[BaseModel], loc: Loc) -> list[Schema]:
    """The schemas that may hold at ``loc``: several where the model has a union."""
    root = _root(model)
    here = _branches(root, root)
    for part in loc:
        if isinstance(part, str) and part.startswith("["):  # the branch of a union, tagged by the key it is known by
            here = [schema for schema in here if part[1:-1] in _mapping(schema.get("properties"))] or here
            continue
        below: list[Schema] = []
        for schema in here:
            inner = _mapping(schema.get("properties")).get(str(part)) if isinstance(part, str) else schema.get("items")
            if inner is None:
                inner = schema.get("additionalProperties")
            below += _branches(root, _mapping(inner))
        here = below or here
    return here


def _branches(root: Schema, schema: Schema) -> list[Schema]:
    found = [schema] if schema else []
    reference = schema.get("$ref")
    if isinstance(reference, str):
        found += _branches(root, _mapping(_mapping(root.get("$defs")).get(reference.rpartition("/")[2])))
    for union in ("anyOf", "oneOf", "allOf"):
        members = schema.get(union)
        for member in members if isinstance(members, list) else ():
            found += _branches(root, _mapping(member))
    return found


def _mapping(value: object) -> Schema:
    return value if isinstance(value, dict) else {}

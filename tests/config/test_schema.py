"""The JSON Schema an editor checks with says the same as the checker, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import mappings
from bridge.config.document import parse, plain
from bridge.config.schema import site_schema

from .conftest import SITE

EXAMPLES = sorted(mappings.SITES.glob("*.yaml"))
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ours() -> jsonschema.Draft202012Validator:
    schema = site_schema(installed=False)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(schema: jsonschema.Draft202012Validator, text: str) -> list[str]:
    return [error.message for error in schema.iter_errors(plain(parse(text, "site.yaml")))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid_and_tells_the_editor_its_schema(
    ours: jsonschema.Draft202012Validator, example: Path
) -> None:
    text = example.read_text("utf-8")
    assert faults(ours, text) == []
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (example.parent / first.partition("=")[2]).resolve() == mappings.SITE_SCHEMA.resolve()


HARBOUR = (mappings.SITES / "harbour-depot.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("timezone:", "time_zone:"), ("type: vxg", "type: vgx"), ("type: vxg,", ""),
        ("max_body: 8 MiB", "max_body: 8 mb"), ("type: http, ", "type: http, colour: x, "),
        ("token: secret:gate-in", "token: hunter2"), ("id: 4711", "id: first"), ("basic: secret:gate-lpr", "basik: x"),
        ("cameras: [gate-out]", "cameras: []"), ("collapse: off", "collapse: on"), ("version: 1", "version: 2"),
        ("sensors:", "sensor:"), ("  gate-lpr:", "  gate lpr:"), ("retention: 30 d", "retention: 30"),
    ],
)  # fmt: skip
def test_a_broken_site_is_not_valid(ours: jsonschema.Draft202012Validator, old: str, new: str) -> None:
    assert old in HARBOUR
    assert faults(ours, HARBOUR.replace(old, new, 1))


def test_the_schema_that_is_shipped_is_current() -> None:
    current = json.dumps(site_schema(installed=False), indent=2, ensure_ascii=False) + "\n"
    assert mappings.SITE_SCHEMA.read_text("utf-8") == current, "run: vms-bridge schema > mappings/site.schema.json"


def test_types_of_installed_packages_are_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the one whose code is missing, which is an error of that package."""
    from bridge.config import registry

    names = {registry.CONNECTORS: ["bell", "http"], registry.VMS: ["board", "vxg"]}
    monkeypatch.setattr(registry, "type_names", lambda group: tuple(names[group]))
    schema = jsonschema.Draft202012Validator(site_schema())
    assert faults(schema, SITE) == []
    assert faults(schema, SITE.replace("max_body", "maxbody"))


def test_one_file_of_a_folder_may_hold_only_some_sections(ours: jsonschema.Draft202012Validator) -> None:
    assert faults(ours, "cameras:\n  gate: {vms: cloud, id: 1, token: secret:gate}\nsensors:\n") == []


def test_every_key_is_described_and_no_default_is_in_seconds_or_bytes(ours: jsonschema.Draft202012Validator) -> None:
    silent = []
    for name, definition in ours.schema["$defs"].items():
        for key, schema in definition.get("properties", {}).items():
            if "description" not in schema and key not in ("type",):
                silent.append(f"{name}.{key}")
            pattern = schema.get("pattern", "")
            if "default" in schema and pattern:
                assert isinstance(schema["default"], str), f"{name}.{key}: {schema['default']}"
    assert silent == []

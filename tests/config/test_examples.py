"""The example sites that come with the bridge can be used as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

import mappings
from bridge.config.load import load

EXAMPLES = sorted(mappings.SITES.glob("*.yaml"))


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"harbour-depot", "webhook-only"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_without_errors_and_reaches_only_this_machine(example: Path) -> None:
    site = load(example)
    assert site.sensors
    for vms in site.vms.values():
        assert "//127.0.0.1:" in (getattr(vms.settings, "url", "") or vms.settings.place)  # type: ignore[attr-defined]
    for connector in site.connectors.values():
        where = getattr(connector.settings, "bind", "") or connector.settings.url.partition("//")[2]  # type: ignore[attr-defined]
        assert where.startswith("127.0.0.1:")


def test_the_harbour_depot_shows_each_way_in(tmp_path: Path) -> None:
    site = load(mappings.SITES / "harbour-depot.yaml")
    assert {connector.settings.type for connector in site.connectors.values()} == {"http", "tcp"}
    addresses = [sensor.address.model_dump(by_alias=True, exclude_none=True) for sensor in site.sensors.values()]
    assert [sorted(key for key, value in address.items() if value) for address in addresses] == [
        ["basic", "path"],
        ["from", "path"],
        ["identity"],
    ]

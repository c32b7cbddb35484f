"""What the connectors' pages show can be written so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from connectors.http import HttpAddress, HttpSettings
from connectors.tcp import TcpAddress, TcpSettings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "connectors"
KINDS = {"http": (HttpSettings, HttpAddress), "tcp": (TcpSettings, TcpAddress)}


def shown(page: str) -> list[dict[str, dict[str, object]]]:
    return [yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_of_the_page_is_valid(kind: str) -> None:
    settings, address = KINDS[kind]
    seen = 0
    for sample in shown(f"{kind}.md"):
        for name, said in sample.items():
            if name == "address":
                address.model_validate(said)
            elif name == "sensors":
                for sensor in said.values():
                    address.model_validate(sensor["address"])  # type: ignore[index]
            elif name == "connectors":
                for connector in said.values():
                    settings.model_validate(connector)
            else:
                settings.model_validate(said)
            seen += 1
    assert seen > 5


def test_every_key_of_an_http_address_stands_on_its_page() -> None:
    text = (DOCS / "http.md").read_text()
    for name, field in HttpAddress.model_fields.items():
        assert f"`{field.alias or name}`" in text, name


def test_every_setting_of_a_port_stands_in_the_sample_of_its_page() -> None:
    for kind, (settings, _) in KINDS.items():
        (port,) = shown(f"{kind}.md")[0]["connectors"].values()
        assert set(settings.model_fields) == set(port), kind  # type: ignore[call-overload]

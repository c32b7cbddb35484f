"""The page of the SNMP connectors: what it shows can be written so, and no setting is missing on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from connectors.snmp import SnmpAddress, SnmpPollSettings, SnmpSettings
from connectors.snmp.users import SnmpUser

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "connectors" / "snmp.md").read_text("utf-8")


def shown(number: int) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[number])
    return found


def test_the_samples_are_right_and_have_every_setting() -> None:
    hearing, asking = shown(0), shown(1)
    (port,), (device,) = hearing["connectors"].values(), asking["connectors"].values()
    SnmpSettings.model_validate(port)
    SnmpPollSettings.model_validate(device)
    SnmpPollSettings.model_validate({**device, "version": 3, "community": None, "user": port["users"][0]})
    for sensor in hearing["sensors"].values():
        SnmpAddress.model_validate(sensor["address"])
    assert set(SnmpSettings.model_fields) == set(port)
    assert set(SnmpPollSettings.model_fields) == {*device, "user"}
    assert set(SnmpUser.model_fields) == set(port["users"][0])


def test_every_key_of_an_address_stands_on_the_page() -> None:
    for name, field in SnmpAddress.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE, name


def test_every_key_of_a_document_stands_on_the_page() -> None:
    from connectors.snmp.captured import datagram, message_of

    folder = Path(__file__).resolve().parents[2] / "mappings" / "profiles"
    keys: set[str] = set()
    for file in folder.rglob("*.snmp"):
        _, kind, body = message_of(datagram(file.read_text("utf-8")), "192.0.2.1")
        assert kind == "application/json"
        keys |= set(yaml.safe_load(body))
    assert {key for key in keys - {"snmp"} if f"`{key}`" not in PAGE} == set()

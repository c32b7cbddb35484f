"""The page of the connector: its sample can be loaded, and no setting is missing on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.config.load import load
from bridge.model import SensorId
from connectors.modbus import ModbusAddress, ModbusConnector, ModbusSettings
from connectors.modbus.address import PointSettings
from connectors.modbus.levels import Thresholds

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "connectors" / "modbus.md").read_text("utf-8")
HEAD = """\
version: 1
site: {name: Documentation}
vms: {board: {type: webhook, url: "https://board.example/in"}}
cameras: {lobby: {vms: board}}
"""


def test_the_samples_are_one_site(tmp_path: Path) -> None:
    site, table = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    rows = re.findall(r"# (\S.*;.*)", table)
    (tmp_path / "points.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (tmp_path / "site.yaml").write_text(HEAD + site + table.removeprefix("sensors:\n"), "utf-8")
    loaded = load(tmp_path / "site.yaml")
    assert set(loaded.connectors) == {"plant", "cellar"}
    assert set(loaded.sensors) == {"server-room-leak", "cold-store", "rope", "det-1"}
    address = loaded.sensors[SensorId("det-1")].address
    assert address.place() == "unit 1 holding_register 0.11"


@pytest.mark.parametrize("model", [ModbusSettings, ModbusAddress, PointSettings, Thresholds])
def test_every_setting_stands_on_the_page(model: type[ModbusSettings]) -> None:
    keys = [field.alias or name for name, field in model.model_fields.items()]
    assert [key for key in keys if re.search(rf"\b{key}\b", PAGE) is None] == []


def test_a_firewall_is_told_of_a_host_and_not_of_a_serial_line() -> None:
    (line,) = ModbusConnector.reaches(ModbusSettings(host="10.0.0.40", framing="rtu"), [])
    assert (line.inbound, line.peer, line.port, line.speaks) == (False, "10.0.0.40", 502, "Modbus RTU over TCP")
    assert ModbusConnector.reaches(ModbusSettings(serial="/dev/ttyUSB0"), []) == ()

"""A way in that leads to several: each of them may be a fault of its own, while the way itself works."""

from __future__ import annotations

import logging

import pytest

from bridge.clock import SystemClock
from bridge.model import ConnectorId
from bridge.supervision import Conditions
from bridge.ways_in.link import MOST_COUNTS, ConnectorStatus, Link
from connectors.base import Connector
from connectors.modbus import ModbusConnector, ModbusSettings
from tests.connectors.conftest import Vault


def link(conditions: Conditions, of_the_site: bool) -> Link:
    connector: Connector = ModbusConnector(ConnectorId("plant"), ModbusSettings(host="10.0.0.1"), [], Vault())
    return Link(ConnectorStatus("plant", "modbus"), conditions, connector, of_the_site)


def held(conditions: Conditions) -> dict[str, str]:
    return {each.key: each.why for each in conditions.held()}


async def test_a_part_is_a_condition_beside_that_of_its_way() -> None:
    conditions = Conditions(SystemClock())
    way = link(conditions, of_the_site=True)
    way.up("answers")
    way.part("unit 3").down("does not answer")
    assert held(conditions) == {"connector plant unit 3": "does not answer"}
    assert {each.type for each in conditions.held()} == {"link.down"}
    way.part("unit 3").up()
    assert held(conditions) == {}


async def test_a_part_of_a_way_that_is_not_of_the_site_yet_waits_until_it_is() -> None:
    conditions = Conditions(SystemClock())
    way = link(conditions, of_the_site=False)
    way.up("answers")
    way.part("unit 3").down("does not answer")
    assert held(conditions) == {}
    way.belongs()
    assert held(conditions) == {"connector plant unit 3": "does not answer"}


async def test_the_same_fault_is_said_once_and_who_asks_is_told_the_reason_that_holds_now(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    conditions = Conditions(SystemClock())
    way = link(conditions, of_the_site=True)
    way.down("the connection was lost")
    way.down("it refuses our password")
    way.part("unit 3").down("does not answer")
    way.part("unit 3").down("refuses")
    assert held(conditions) == {"connector plant": "it refuses our password", "connector plant unit 3": "refuses"}
    way.part("unit 3").up()
    way.up("back after 3 s")
    said = [message.partition(" after 0.")[0] for message in caplog.messages]
    assert said == [
        "connector plant: the connection was lost",
        "connector plant unit 3: does not answer",
        "connector plant unit 3: works again",
        "connector plant: works again (back after 3 s)",
    ]


def test_however_much_a_connector_counts_only_so_many_names_are_told() -> None:
    status = ConnectorStatus("plant", "modbus")
    status.counted({"dropped by the kernel": 2, "Taken-Over": 1})
    assert status.counts == {"dropped_by_the_kernel": 2, "taken_over": 1}
    status.counted({f"from 10.0.0.{number}": 1 for number in range(200)})
    assert len(status.counts) == MOST_COUNTS + 1
    assert status.counts["others"] == 200 - MOST_COUNTS


async def test_of_a_way_that_goes_no_part_is_left() -> None:
    conditions = Conditions(SystemClock())
    way = link(conditions, of_the_site=True)
    way.part("unit 3").down("does not answer")
    way.leaves()
    assert held(conditions) == {}

"""RTU on a serial line and over TCP, against a slave of libmodbus: a line of socat between them."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.modbus import polling
from tests.connectors.conftest import Bookshelf
from tests.connectors.modbus_devices import Slave, libmodbus, modbus, serial_pair, serial_server
from tests.connectors.outgoing import at_work

pytestmark = pytest.mark.needs("socat")

WANTED = (
    {"coil": 3, "unit": 3},
    {"discrete_input": 4, "unit": 3},
    {"holding_register": 5, "unit": 3, "as": "float32", "change": 0.1},
    {"input_register": 6, "unit": 3, "bit": 15},
)


@pytest.fixture
def library() -> ctypes.CDLL:
    found = libmodbus()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("needs libmodbus: not installed, and in CI no test is left out", pytrace=False)
        pytest.skip("needs libmodbus")
    return found


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    async with serial_pair(tmp_path) as ends:
        yield ends


@pytest.fixture
async def slave(library: ctypes.CDLL, line: tuple[str, str]) -> AsyncIterator[Slave]:
    made = Slave(library, line[1], unit=3)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.stop)


def change_everything(slave: Slave) -> None:
    slave.tables.tab_bits[3] = 1
    slave.tables.tab_input_bits[4] = 1
    slave.tables.tab_registers[5], slave.tables.tab_registers[6] = 0x4048, 0xF5C3
    slave.tables.tab_input_registers[6] = 0x8000


def after_start(inbox: Bookshelf) -> dict[object, object]:
    said = [json.loads(message.body) for message in inbox.kept]
    return {each["point"]: each["value"] for each in said if "start" not in each}


async def told_everything(inbox: Bookshelf, slave: Slave) -> None:
    await inbox.hold(4)
    change_everything(slave)
    await inbox.hold(8)
    found = after_start(inbox)
    assert found.pop("holding_register 5") == pytest.approx(3.14)
    assert found == {"coil 3": True, "discrete_input 4": True, "input_register 6.15": True}


@pytest.mark.shows("connector:modbus", "peer", peer="libmodbus")
async def test_all_four_tables_are_read_on_a_serial_line(slave: Slave, line: tuple[str, str]) -> None:
    inbox = Bookshelf()
    async with at_work(modbus(*WANTED, serial=line[0], parity="none"), inbox) as (link, _):
        await told_everything(inbox, slave)
    assert [each.partition(" ")[0] for each in link.said] == ["up:"]


@pytest.mark.shows("connector:modbus", "peer", peer="libmodbus")
async def test_all_four_tables_are_read_over_tcp_in_the_framing_of_the_line(
    slave: Slave, line: tuple[str, str]
) -> None:
    inbox = Bookshelf()
    async with serial_server(line[0]) as port, at_work(modbus(*WANTED, port=port, framing="rtu"), inbox) as (link, _):
        await told_everything(inbox, slave)
    assert [each.partition(" ")[0] for each in link.said] == ["up:"]


async def test_a_unit_that_is_not_on_the_line_is_a_fault_and_the_others_are_read(
    slave: Slave, line: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "LONGEST_BACKOFF", 2.0)
    inbox = Bookshelf()
    both = ({"coil": 3, "unit": 3}, {"coil": 3, "unit": 4})
    async with at_work(modbus(*both, serial=line[0], parity="none", timeout="100 ms"), inbox) as (link, _):
        await link.hear("unit 4 down: does not answer within 0.1 s")
        slave.tables.tab_bits[3] = 1
        await inbox.hold(2)
    assert after_start(inbox) == {"coil 3": True}


async def test_an_address_that_the_slave_has_not_is_said_by_its_exception(slave: Slave, line: tuple[str, str]) -> None:
    async with at_work(
        modbus({"coil": 99, "unit": 3}, {"coil": 500, "unit": 3}, serial=line[0], parity="none"), Bookshelf()
    ) as (
        link,
        _,
    ):
        assert "coil 500: illegal data address (exception 2)" in await link.hear("unit 3 points down")


async def test_a_line_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with at_work(modbus({"coil": 0}, serial=str(tmp_path / "none")), Bookshelf()) as (link, _):
        assert "none cannot be opened" in await link.hear("down")


async def test_a_line_that_another_connector_has_is_said_and_nothing_is_mixed_up(
    slave: Slave, line: tuple[str, str]
) -> None:
    one, other = Bookshelf(), Bookshelf()
    wanted = {"coil": 3, "unit": 3}
    async with at_work(modbus(wanted, serial=line[0], parity="none"), one):
        await one.hold(1)
        async with at_work(modbus(wanted, serial=line[0], parity="none"), other) as (link, _):
            await link.hear("cannot be opened")
        slave.tables.tab_bits[3] = 1
        await one.hold(2)
    assert other.messages == []


@pytest.mark.shows("connector:modbus", "reconnects", "peer", peer="libmodbus")
async def test_a_line_that_is_unplugged_is_said_and_is_opened_again_when_it_is_back(
    library: ctypes.CDLL, tmp_path: Path
) -> None:
    inbox = Bookshelf()
    async with contextlib.AsyncExitStack() as stack:
        async with serial_pair(tmp_path) as (ours, theirs):
            slave = Slave(library, theirs, unit=3)
            wanted = modbus({"coil": 3, "unit": 3}, serial=ours, parity="none", timeout="1 s")
            link, _ = await stack.enter_async_context(at_work(wanted, inbox))
            await inbox.hold(1)
            await asyncio.to_thread(slave.stop)
        await link.hear("down")
        async with serial_pair(tmp_path) as (_, theirs):
            slave = Slave(library, theirs, unit=3)
            slave.tables.tab_bits[3] = 1
            await inbox.hold(2)
            await link.hear("up", 2)
            await asyncio.to_thread(slave.stop)
    assert after_start(inbox) == {"coil 3": True}

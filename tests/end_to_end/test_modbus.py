"""Points of real devices through the real bridge, which is killed while they change: each change is told once.

A point changes again only when the receiver was told its last change: so what is lost stops the test, and what is told
twice is one event too many.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.webhook import SimulatedWebhook
from tests.connectors.modbus_devices import Panel, Slave, black_hole, libmodbus, panel, serial_pair
from tests.end_to_end.bridge_process import WITHIN, Bridge, command, running, until

KILLS, POINTS = 3, 12
SITE = """\
version: 1
site: {{name: Pump house, faults: {{cameras: [wide]}}}}
vms:
  alarms: {{type: webhook, url: "{url}/alarms"}}
cameras:
  wide: {{vms: alarms}}
connectors:
  plant: {{type: modbus, host: 127.0.0.1, port: {port}, poll: 40 ms, timeout: 500 ms}}
{more}
sensors:
{sensors}
"""


@pytest.fixture
def device() -> Iterator[Panel]:
    with panel() as made:
        yield made


def point(number: int) -> str:
    """Every third is an alarm; no rule of its own keeps any of them back."""
    of = "leak" if number % 3 == 0 else "door"
    address = f"{{discrete_input: {number}, unit: 3, of: {of}}}"
    rules = "[chatter: 'off']"
    return (
        f"  point-{number}: {{profile: contact, connector: plant, address: {address}, cameras: [wide], rules: {rules}}}"
    )


def write_site(folder: Path, url: str, port: int, sensors: list[str], more: str = "") -> None:
    text = SITE.format(url=url, port=port, sensors="\n".join(sensors), more=more)
    (folder / "site.yaml").write_text(text)


class Books:
    """What the receiver was told: by sensor, its events by their ids, in the order they came first."""

    def __init__(self, hooks: SimulatedWebhook) -> None:
        self._hooks = hooks
        self._read = 0
        self.events: dict[str, dict[str, dict[str, Any]]] = {}

    def of(self, sensor: str) -> list[dict[str, Any]]:
        for hook in self._hooks.record[self._read :]:
            told = json.loads(hook.body)
            self.events.setdefault(told["sensor"]["id"], {}).setdefault(told["event"]["id"], told["event"])
            self._read += 1
        return list(self.events.get(sensor, {}).values())


@pytest.mark.shows("profile:contact", "peer", peer="pyModbusTCP")
@pytest.mark.shows("connector:modbus", "kill", "peer", peer="pyModbusTCP")
async def test_killed_while_points_change_each_change_is_told_once(tmp_path: Path, device: Panel) -> None:
    chance = random.Random(7)
    stopping = asyncio.Event()
    changes = dict.fromkeys(range(POINTS + 1), 0)
    while_down = POINTS
    """The point that changes only then."""
    async with SimulatedWebhook() as hooks:
        books = Books(hooks)
        write_site(tmp_path, hooks.base_url, device.port, [point(number) for number in changes])

        def change(number: int) -> None:
            device.inputs(changes[number] % 2 == 0, at=number)
            changes[number] += 1

        def told(number: int) -> bool:
            return len(books.of(f"point-{number}")) >= changes[number]

        async def go_on_changing(number: int) -> None:
            while not stopping.is_set():
                change(number)
                await until(lambda: told(number), lambda: f"change {changes[number]} of point {number} was never told")
                await asyncio.sleep(chance.uniform(0.0, 0.3))

        async def all_are_told() -> None:
            await until(lambda: all(map(told, changes)), lambda: f"not all was told: {changes}")

        async with running(tmp_path):
            await until(lambda: len(device.asked) > 3, lambda: "the device is not asked")
        async with asyncio.TaskGroup() as group:
            for number in range(POINTS):
                group.create_task(go_on_changing(number))
            for _ in range(KILLS):
                async with running(tmp_path) as bridge:
                    await asyncio.sleep(chance.uniform(0.1, 0.8))
                    bridge.signal(signal.SIGKILL)
                    await bridge.ends()
                if told(while_down):
                    change(while_down)
                await asyncio.sleep(chance.uniform(0.0, 0.3))
            async with running(tmp_path) as bridge:
                await until(lambda: sum(changes.values()) > KILLS * POINTS, lambda: f"too little changes: {changes}")
                stopping.set()
                await all_are_told()
                for number in changes:  # what would be told twice is told before that
                    change(number)
                await all_are_told()
                await bridge.stop()
        for number, times in changes.items():
            states = [each["state"] for each in books.of(f"point-{number}")]
            assert states == ["active", "restored"] * (times // 2) + ["active"] * (times % 2), f"point {number}"
    assert changes[while_down] > 1
    assert device.at_once == 1


async def test_a_change_while_the_bridge_was_down_is_told_and_says_so(tmp_path: Path, device: Panel) -> None:
    async with SimulatedWebhook() as hooks:
        books = Books(hooks)
        write_site(tmp_path, hooks.base_url, device.port, [point(0), point(1)])
        device.inputs(False, True)
        async with running(tmp_path) as bridge:
            await until(lambda: len(device.asked) > 3, lambda: "the device is not asked")
            await bridge.stop()
        assert hooks.record == [], "the state at the start was told as an event"
        device.inputs(True, True)
        async with running(tmp_path) as bridge:
            await until(lambda: books.of("point-0"), lambda: "it is never told")
            await bridge.stop()
        (event,) = books.of("point-0")
        assert (event["type"], event["urgency"], event["state"]) == ("leak.detected", "alarm", "active")
        assert event["fields"]["unwatched"] == "since the bridge was started"
        assert books.of("point-1") == []


async def test_a_unit_that_refuses_and_a_device_that_is_not_there_are_faults_on_the_faults_cameras(
    tmp_path: Path, device: Panel
) -> None:
    device.refuses = {3: 4}
    with black_hole() as port:
        more = f"  away: {{type: modbus, host: 127.0.0.1, port: {port}, timeout: 200 ms}}"
        other = "  lobby: {profile: contact, connector: away, address: {coil: 0}, cameras: [wide]}"
        address = "{coil: 7, unit: 4, at_start: event}"
        fine = f"  yard: {{profile: contact, connector: plant, address: {address}, cameras: [wide]}}"
        device.coils(True, at=7)
        async with SimulatedWebhook() as hooks:
            books = Books(hooks)
            write_site(tmp_path, hooks.base_url, device.port, [point(0), other, fine], more)
            async with running(tmp_path) as bridge:
                await until(lambda: books.of("yard"), lambda: "what works is not told")
                await until(lambda: len(books.of("bridge")) >= 2, lambda: f"not two faults: {hooks.record}")
                titles = sorted(each["title"] for each in books.of("bridge"))
                status = await bridge.status()
                await bridge.stop()
    assert titles == [
        f"Connector away is down: 127.0.0.1:{port} cannot be connected to within 0.2 s",
        "Connector plant unit 3 points is down: discrete_input 0: server device failure (exception 4)",
    ]
    assert {each["name"]: each["up"] for each in status["connectors"]} == {"plant": True, "away": False}


@pytest.mark.needs("socat")
async def test_a_serial_line_is_read_on_the_loop_the_bridge_really_runs_on(tmp_path: Path) -> None:
    library = libmodbus()
    if library is None:
        pytest.skip("needs libmodbus")
    async with serial_pair(tmp_path) as (ours, theirs), SimulatedWebhook() as hooks:
        slave = Slave(library, theirs, unit=3)
        books = Books(hooks)
        more = f"  cellar: {{type: modbus, serial: {ours}, parity: none, poll: 50 ms}}"
        rope = "  rope: {profile: contact, connector: cellar, cameras: [wide], address: {coil: 3, unit: 3, of: leak}}"
        write_site(tmp_path, hooks.base_url, 1, [rope], more)
        async with running(tmp_path) as bridge:
            await until_up(bridge, "cellar")
            slave.tables.tab_bits[3] = 1
            await until(lambda: books.of("rope"), lambda: "it is never told")
            await bridge.stop()
        await asyncio.to_thread(slave.stop)
    (event,) = books.of("rope")
    assert (event["type"], event["title"]) == ("leak.detected", "Leak")


async def until_up(bridge: Bridge, connector: str) -> None:
    """Until the bridge says that the connector's way in works."""
    async with asyncio.timeout(WITHIN):
        while not any(each["up"] for each in (await bridge.status())["connectors"] if each["name"] == connector):
            await asyncio.sleep(0.02)


async def test_check_and_ports_know_it(tmp_path: Path, device: Panel) -> None:
    write_site(tmp_path, "http://127.0.0.1:9", device.port, [point(0)])
    code, said = await command("check", str(tmp_path / "site.yaml"))
    assert code == 0, said
    code, said = await command("ports", str(tmp_path / "site.yaml"))
    assert code == 0
    assert b"Modbus TCP" in said
    assert str(device.port).encode() in said

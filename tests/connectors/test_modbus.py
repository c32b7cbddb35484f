"""The Modbus connector against pyModbusTCP's server: what it tells, once, and what it asks for."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator

import pytest

from bridge.model import Message, Receipt, ReceiptKind
from connectors.base import Mode
from tests.connectors.conftest import ACCEPTED, LATER, Bookshelf
from tests.connectors.modbus_devices import Panel, modbus, panel, points, settled
from tests.connectors.outgoing import at_work, until

LEAK = {"discrete_input": 12, "unit": 3, "of": "leak"}


@pytest.fixture(scope="module")
def server() -> Iterator[Panel]:
    with panel() as made:
        yield made


@pytest.fixture
def device(server: Panel) -> Panel:
    server.as_new()
    return server


def told(inbox: Bookshelf) -> list[dict[str, object]]:
    return [json.loads(message.body) for message in inbox.kept]


def events(inbox: Bookshelf) -> list[tuple[object, object]]:
    """(point, on) of what was told after the start."""
    return [(each["point"], each["on"]) for each in told(inbox) if "start" not in each]


@pytest.mark.shows("connector:modbus", "peer", peer="pyModbusTCP")
async def test_the_state_at_the_start_is_a_state_and_each_change_is_told_once(device: Panel) -> None:
    inbox = Bookshelf()
    async with at_work(modbus(LEAK, port=device.port), inbox):
        await inbox.hold(1)
        device.inputs(True, at=12)
        await inbox.hold(2)
        await settled(device)
        device.inputs(False, at=12)
        await inbox.hold(3)
        await settled(device)
    first, *more = told(inbox)
    assert first == {
        "point": "discrete_input 12", "unit": 3, "table": "discrete_input", "register": 12, "of": "leak",
        "about": "contact", "value": False, "on": False, "normally": "open", "start": True, "tell": False,
    }  # fmt: skip
    assert [(each["on"], each["value"]) for each in more] == [(True, True), (False, False)]
    assert all("start" not in each and "unwatched" not in each for each in more)


async def test_a_message_says_whose_it_is_and_where_it_stood(device: Panel) -> None:
    inbox = Bookshelf()
    address = points(LEAK)[0]
    async with at_work(modbus(LEAK, port=device.port), inbox):
        await inbox.hold(1)
    (message,) = inbox.messages
    assert message.origin.peer == "127.0.0.1"
    assert message.origin.place == address.place() == "unit 3 discrete_input 12"
    assert address.matches(message.origin)
    assert not points({**LEAK, "normally": "closed"})[0].matches(message.origin)
    assert message.position is not None
    assert message.position.name == "modbus plant unit 3 discrete_input 12"


async def test_a_contact_that_is_normally_closed_is_on_while_it_reads_0(device: Panel) -> None:
    inbox = Bookshelf()
    device.inputs(True, at=12)
    async with at_work(modbus({**LEAK, "normally": "closed"}, port=device.port), inbox):
        await inbox.hold(1)
        device.inputs(False, at=12)
        await inbox.hold(2)
    assert [(each["on"], each["value"]) for each in told(inbox)] == [(False, True), (True, False)]


async def test_what_was_on_before_we_came_is_over_without_an_event_unless_its_start_was_one(device: Panel) -> None:
    device.inputs(True, True)
    quiet, loud = {"discrete_input": 0}, {"discrete_input": 1, "at_start": "event"}
    inbox = Bookshelf()
    async with at_work(modbus(quiet, loud, port=device.port), inbox):
        await inbox.hold(2)
        device.inputs(False, False)
        await inbox.hold(4)
    by_point = {(each["point"], each["on"]): each for each in told(inbox)}
    assert by_point["discrete_input 0", True]["tell"] is False
    assert by_point["discrete_input 0", False]["untold"] is True
    assert by_point["discrete_input 1", True]["tell"] is True
    assert "untold" not in by_point["discrete_input 1", False]


async def test_what_changed_while_nobody_asked_is_told_once_and_says_so(device: Panel) -> None:
    before = Bookshelf()
    async with at_work(modbus(LEAK, port=device.port), before):
        await before.hold(1)
    device.inputs(True, at=12)
    again = Bookshelf(before.positions)
    async with at_work(modbus(LEAK, port=device.port), again):
        await again.hold(1)
        await settled(device)
    (change,) = told(again)
    assert (change["on"], change["unwatched"]) == (True, "since the bridge was started")
    third = Bookshelf(again.positions)
    async with at_work(modbus(LEAK, port=device.port), third):
        await settled(device)
    assert third.messages == []


async def test_a_change_is_told_only_when_the_one_before_it_is_kept(device: Panel) -> None:
    """The intake says later: what is on disk never runs ahead of what was told, and nothing is left out."""
    inbox = Bookshelf()
    async with at_work(modbus({"coil": 0}, port=device.port), inbox):
        await inbox.hold(1)
        inbox.open.clear()
        device.coils(True)
        await inbox.hold(2)
        device.coils(False)
        await settled(device)
        device.coils(True)
        await settled(device)
        assert len(inbox.messages) == 2
        inbox.receipts = [LATER, ACCEPTED]
        inbox.open.set()
        await until(lambda: len(inbox.kept) == 4)
    assert events(inbox) == [("coil 0", True), ("coil 0", False), ("coil 0", True)]


async def test_a_change_that_is_refused_is_submitted_until_it_is_kept(device: Panel) -> None:
    inbox = Bookshelf()
    async with at_work(modbus({"coil": 0}, port=device.port), inbox):
        await inbox.hold(1)
        inbox.receipts = [LATER, LATER]
        device.coils(True)
        await until(lambda: len(inbox.kept) == 2)
        assert len(inbox.messages) == 4
        await settled(device)
    assert events(inbox) == [("coil 0", True)]


async def test_one_point_whose_message_waits_does_not_keep_others_waiting(device: Panel) -> None:
    class Picky(Bookshelf):
        async def submit(self, message: Message) -> Receipt:
            if b'"coil 0"' in message.body and b"start" not in message.body:
                self.messages.append(message)
                return Receipt(ReceiptKind.LATER, "full", after=5.0)
            return await super().submit(message)

    inbox = Picky()
    async with at_work(modbus({"coil": 0}, {"coil": 1}, port=device.port), inbox):
        await inbox.hold(2)
        device.coils(True, False)
        await until(lambda: len(inbox.messages) == 3)
        device.coils(True, True)
        await until(lambda: events(inbox) == [("coil 1", True)])


async def test_a_first_start_with_many_points_is_no_flood(device: Panel) -> None:
    inbox = Bookshelf()
    async with at_work(modbus(*({"coil": number} for number in range(300)), port=device.port), inbox):
        inbox.open.clear()
        await inbox.hold(64)
        await settled(device)
        assert len(inbox.messages) == 64
        inbox.open.set()
        await inbox.hold(300)
    assert len({message.origin.place for message in inbox.kept}) == 300


@pytest.mark.shows("connector:modbus", "peer", peer="pyModbusTCP")
async def test_neighbours_are_asked_for_together_and_one_at_a_time(device: Panel) -> None:
    inbox = Bookshelf()
    wanted = [{"input_register": number, "unit": unit} for unit in (1, 2) for number in (0, 1, 5, 40)]
    async with at_work(modbus(*wanted, {"coil": 3}, {"coil": 90}, port=device.port), inbox):
        await inbox.hold(10)
        await settled(device, 12)
    assert set(device.asked) == {
        ("input_register", 0, 6, 1), ("input_register", 40, 1, 1), ("coil", 3, 88, 1),
        ("input_register", 0, 6, 2), ("input_register", 40, 1, 2),
    }  # fmt: skip
    assert device.at_once == 1


async def test_a_device_that_refuses_to_read_gaps_is_asked_without_them_from_then_on(device: Panel) -> None:
    device.holes = {2, 3}
    inbox = Bookshelf()
    wanted = [{"holding_register": number} for number in (0, 1, 4, 5)]
    async with at_work(modbus(*wanted, port=device.port), inbox) as (link, _):
        await inbox.hold(4)
        await settled(device, 8)
        assert [each for each in link.said if "unit" in each] == []
    assert device.counted()["holding_register", 0, 6, 1] == 1
    assert device.counted()["holding_register", 0, 2, 1] > 2
    assert device.counted()["holding_register", 4, 2, 1] > 2


async def test_two_connectors_of_one_device_take_turns(device: Panel) -> None:
    inbox = Bookshelf()
    device.takes = 0.005
    ways = [modbus({"coil": number}, port=device.port, poll="10 ms") for number in range(4)]
    async with contextlib.AsyncExitStack() as stack:
        for each in ways:
            await stack.enter_async_context(at_work(each, inbox))
        await settled(device, 60)
    assert device.at_once == 1


async def test_what_is_asked_when_a_connector_ends_is_answered_before_another_asks(device: Panel) -> None:
    device.takes = 0.05
    inbox = Bookshelf()
    for _ in range(3):
        async with at_work(modbus({"coil": 0}, port=device.port), inbox):
            await settled(device, 1)  # and is being answered now
    assert device.at_once == 1


async def test_points_are_added_and_taken_away_without_a_restart(device: Panel) -> None:
    inbox = Bookshelf()
    connector = modbus({"coil": 0}, {"coil": 1}, port=device.port)
    async with at_work(connector, inbox):
        await inbox.hold(2)
        connector.readdress(points({"coil": 1}, {"coil": 2}))
        await inbox.hold(3)
        device.coils(True, True, True)
        await inbox.hold(5)
        await settled(device)
    assert sorted(events(inbox)) == [("coil 1", True), ("coil 2", True)]


async def test_a_connector_without_a_point_says_that_there_is_nothing_to_ask(device: Panel) -> None:
    inbox = Bookshelf()
    connector = modbus(port=device.port)
    async with at_work(connector, inbox) as (link, _):
        await link.hear("nothing on")
        connector.readdress(points({"coil": 1}))
        await inbox.hold(1)
        connector.readdress([])
        await link.hear("nothing on", 2)


async def test_values_are_told_with_the_point_they_belong_to(device: Panel) -> None:
    """RLE SeaHawk LD2100: zone bits and distance, of one sensor."""
    rope = {
        "points": {
            "leak": {"input_register": 30012, "bit": 0, "of": "leak"},
            "break": {"input_register": 30012, "bit": 1, "of": "cable"},
        },
        "values": {"distance": {"input_register": 30002, "scale": 0.3048}},
    }
    inbox = Bookshelf()
    async with at_work(modbus(rope, port=device.port, addressing="modicon", gap=16), inbox):
        await inbox.hold(2)
        device.registers(40, at=1)
        device.registers(1, at=11)
        await inbox.hold(3)
    said = told(inbox)[-1]
    assert (said["point"], said["on"], said["values"]) == ("leak", True, {"distance": 12.192})
    assert set(device.asked) == {("input_register", 1, 11, 1)}


async def test_a_value_crosses_its_thresholds_with_hysteresis(device: Panel) -> None:
    store = {
        "input_register": 0, "as": "int16", "scale": 0.1, "of": "temperature", "measure": "°C",
        "thresholds": {"high": -15, "high_high": -10, "low": -25, "hysteresis": 0.5},
    }  # fmt: skip
    inbox = Bookshelf()
    device.registers(-200 & 0xFFFF)
    async with at_work(modbus(store, port=device.port), inbox):
        await inbox.hold(1)
        for tenths in (-149, -154, -99, -104, -106, -156, -149, -260):
            device.registers(tenths & 0xFFFF)
            await settled(device)
        await inbox.hold(8)
        await settled(device)
    assert [(each["level"], each["value"]) for each in told(inbox)] == [
        ("normal", -20.0), ("high", -14.9), ("high_high", -9.9), ("high", -10.6), ("normal", -15.6), ("high", -14.9),
        ("normal", -26.0), ("low", -26.0),
    ]  # fmt: skip


async def test_no_value_is_a_fault_and_nothing_is_made_up_when_it_is_back(device: Panel) -> None:
    probe = {"input_register": 0, "as": "int16", "absent": [-32768], "thresholds": {"high": 30}}
    inbox = Bookshelf()
    async with at_work(modbus(probe, port=device.port), inbox):
        await inbox.hold(1)
        device.registers(0x8000)
        await inbox.hold(2)
        device.registers(20)
        await inbox.hold(3)
        device.registers(0x8000)
        await inbox.hold(4)
        device.registers(31)
        await inbox.hold(6)
        await settled(device)
    assert [(each["about"], each.get("lost"), each.get("level")) for each in told(inbox)] == [
        ("level", None, "normal"),
        ("reading", True, None),
        ("reading", False, None),
        ("reading", True, None),
        ("reading", False, None),
        ("level", None, "high"),
    ]


async def test_a_counter_tells_each_step_that_is_large_enough(device: Panel) -> None:
    inbox = Bookshelf()
    async with at_work(modbus({"input_register": 0, "change": 2}, port=device.port), inbox):
        await inbox.hold(1)
        for value in (1, 2, 3, 9):
            device.registers(value)
            await settled(device)
        await inbox.hold(3)
    assert [(each["value"], each.get("before")) for each in told(inbox)] == [(0, None), (2, 0), (9, 2)]


async def test_a_dry_run_reads_and_one_that_shall_wait_asks_nothing(device: Panel) -> None:
    inbox = Bookshelf()
    async with at_work(modbus(LEAK, port=device.port), inbox, Mode.OBSERVE) as (link, _):
        await link.hear("only read")
        await inbox.hold(1)
    asked = len(device.asked)
    async with at_work(modbus(LEAK, port=device.port, observe="wait"), inbox, Mode.OBSERVE) as (link, _):
        await link.hear("does not ask")
    assert len(device.asked) == asked


async def test_to_stop_waits_for_what_was_submitted(device: Panel) -> None:
    inbox = Bookshelf()
    async with at_work(modbus({"coil": 0}, port=device.port), inbox) as (_, stop):
        await inbox.hold(1)
        inbox.open.clear()
        device.coils(True)
        await inbox.hold(2)
        stop()
        for _ in range(10):  # turns of the loop, in which it would end if it did not wait
            await asyncio.sleep(0)
        inbox.open.set()
    assert events(inbox) == [("coil 0", True)]
    assert '"on"' in inbox.positions["modbus plant unit 1 coil 0"]


async def test_a_state_is_told_again_where_that_is_wanted_and_says_that_nothing_changed(device: Panel) -> None:
    inbox = Bookshelf()
    async with at_work(modbus({"coil": 0}, port=device.port, repeat="60 ms"), inbox):
        await inbox.hold(2)
        device.coils(True)
        await until(lambda: sum(each.get("again", False) and each["on"] for each in told(inbox)) >= 2)
    for each in told(inbox)[1:]:
        assert each.get("again", False) == (each.get("tell") is not None)
        assert each.get("tell") in (None, each["on"])
    assert events(inbox).count(("coil 0", True)) == 1 + sum(
        each.get("again", False) and each["on"] for each in told(inbox)
    )


async def test_a_probe_reads_everything_once_and_says_what_is_wrong_with_which_address(device: Panel) -> None:
    device.holes = {17}
    (fine,) = await modbus(LEAK, {"coil": 9}, port=device.port, poll="1 min").probe()
    assert fine.ok
    assert "2 points, a round takes" in fine.what
    (refused,) = await modbus({"holding_register": 17}, port=device.port, poll="1 min").probe()
    assert (refused.ok, refused.what) == (
        False, "unit 1 holding_register 17: illegal data address (exception 2)"
    )  # fmt: skip
    (none,) = await modbus({"holding_register": 12}, port=device.port, addressing="modicon").probe()
    assert (none.ok, "the first is 40001" in none.what) == (False, True)
    (slow,) = [
        each
        for each in await modbus(LEAK, {"coil": 9}, port=device.port, poll="10 ms", pause="20 ms").probe()
        if not each.ok
    ]
    assert "longer than" in slow.what

"""Acknowledged on any way in means synced: the whole bridge under the recorder, between peers that are not ours.

Everything it writes, syncs and says on its sockets is recorded in order. For one sync after the other the disk is
rebuilt as a power cut just before would leave it, and what the world was told until then must be there: a plate that
was answered with 2xx, a message of a broker with its PUBACK, an inform with its response, an event that was sent to the
VMS. A change of a Modbus point is there with what was told of the point last, or neither is; and a bridge that starts
on what the cut left reports each change once. By TCP nothing is acknowledged.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from bridge.clock import SystemClock
from bridge.journal.contract import DeliveryRecord, EventRecord, MessageRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.schema import DATABASE
from tests.end_to_end.bridge_process import running
from tests.faults.books import EVERYTHING, SITE
from tests.faults.disk import Disk, Step
from tests.faults.test_unsynced_writes import recorder, under
from tests.faults.told import Thing, Told
from tests.faults.ways.points import POINTS, UNIT, Turned
from tests.faults.ways.way import WITHIN
from tests.faults.yard import LEAST, Yard, yard_in

__all__ = ["recorder"]
pytestmark = pytest.mark.needs("gcc", "mosquitto", "mosquitto_pub", "snmpinform")

CUTS, RESTARTS = 30, 3


class Left:
    """What a journal has: events by id with their number, and the points' state as it was told last."""

    def __init__(self) -> None:
        self.events: dict[str, Thing] = {}
        self.half: list[str] = []
        self.on: dict[int, bool] = {}

    def of_point(self, point: int) -> list[int]:
        """The numbers of its changes that are events."""
        return sorted(number for sensor, number in self.events.values() if sensor == f"point-{point}")


async def left(folder: Path, yard: Yard) -> Left:
    found = Left()
    way_of = {sensor: way for way in yard.ways for sensor in way.sensors}
    journal = await SqliteJournal.open(folder, site=SITE, node="after", clock=SystemClock())
    try:
        messages, delivered = set(), set()
        async for record in journal.read(Query(what="messages", limit=EVERYTHING)):
            assert isinstance(record, MessageRecord)
            messages.add(record.id)
        async for record in journal.read(Query(what="deliveries", limit=EVERYTHING)):
            assert isinstance(record, DeliveryRecord)
            delivered.add(record.event)
        async for record in journal.read(Query(what="events", limit=EVERYTHING)):
            assert isinstance(record, EventRecord)
            event = record.event
            if event.sensor not in way_of:
                continue  # the bridge's own, of a connector that is away
            thing = way_of[event.sensor].thing(event.sensor, {name: str(is_) for name, is_ in event.fields.items()})
            assert thing is not None, event
            found.events[event.id] = (thing[0], thing[2])
            if event.message not in messages or event.id not in delivered:
                found.half.append(f"{event.id} has no message or no delivery")
        for point in range(POINTS):
            position = await journal.position(f"modbus {Turned.name} unit {UNIT} holding_register {2 * point}")
            if position is not None:
                found.on[point] = msgspec.json.decode(position.value)["state"] == "on"
    finally:
        await journal.close()
    return found


async def wrong_with(folder: Path, told: Told, yard: Yard) -> dict[str, list[str]]:
    """By way, or ``half``: what is lost, or there by half."""
    wrong: defaultdict[str, list[str]] = defaultdict(list)
    there = Left()
    if (folder / "journal" / DATABASE).exists():
        there = await left(folder / "journal", yard)
    elif told.shown or any(told.acknowledged.values()):
        wrong["half"].append("the journal is gone")
    things = set(there.events.values())
    for way, acknowledged in told.acknowledged.items():
        wrong[way] += [f"{thing} was acknowledged and is not there" for thing in sorted(acknowledged - things)]
    wrong["shown"] += [f"{event} was sent to the VMS and is not there" for event in told.shown - there.events.keys()]
    wrong["half"] += there.half
    for point in range(POINTS):
        last = there.of_point(point)[-1:]
        if there.on.get(point, False) != (bool(last) and last[0] % 2 == 1):
            wrong["half"].append(f"of point {point} was told last {there.on.get(point)}, its last event is {last}")
    return {way: what for way, what in wrong.items() if what}


async def cut(yard: Yard, taken: Sequence[Step], every: int) -> AsyncIterator[tuple[int, Path, Told]]:
    """Just before each so-manieth sync, and at the end: its number, what is left then, and what the world was told."""
    disk, told, syncs = Disk(str(yard.folder / "disk")), yard.told(), 0
    for step in (*taken, Step("end", "", 0, b"")):
        if step.kind in ("S", "D", "end"):
            syncs += 1
            if syncs % every == 0 or step.kind == "end":
                place = yard.folder / f"cut-{syncs}"
                place.mkdir()
                disk.rebuild(place)
                yield syncs, place, told
                shutil.rmtree(place)
        if step.kind in ("N", "I"):
            told.take(step)
        elif step.kind not in ("A", "end"):
            disk.take(step)


def syncs_in(taken: Sequence[Step]) -> int:
    return sum(step.kind in ("S", "D") for step in taken)


@pytest.mark.shows("connector:http", "kill")
@pytest.mark.shows("connector:mqtt", "kill", "peer", peer="mosquitto")
@pytest.mark.shows("connector:snmp", "kill", "peer", peer="net-snmp")
@pytest.mark.shows("connector:modbus", "kill", "peer", peer="pyModbusTCP")
async def test_what_was_acknowledged_on_any_way_survives_a_power_cut(recorder: Path, tmp_path: Path) -> None:
    async with yard_in(tmp_path) as yard:
        taken = await yard.record(under(recorder, tmp_path) | {"TRACE_NETWORK": "1"})
        every = max(syncs_in(taken) // CUTS, 1)
        looked = 0
        kept: list[Path] = []
        async for syncs, place, told in cut(yard, taken, every):
            wrong = await wrong_with(place, told, yard)
            assert not wrong, f"cut before sync {syncs}: {wrong}"
            looked += 1
            if looked % (CUTS // (RESTARTS + 1)) == 0 and len(kept) < RESTARTS:
                kept.append(tmp_path / f"kept-{syncs}")
                shutil.copytree(place, kept[-1])
        assert looked >= min(CUTS, syncs_in(taken)) // 2
        assert len(told.shown) >= LEAST
        assert {way: len(things) >= LEAST for way, things in told.acknowledged.items()} == dict.fromkeys(
            ("lpr", "broker", "traps"), True
        )
        assert len(kept) == RESTARTS
        for place in kept:
            await starts_again(place, yard)


async def starts_again(place: Path, yard: Yard) -> None:
    """A bridge on what a cut left: each change of a point that it then knows is told once, none is missing."""
    before = await left(place / "journal", yard)
    words = ("--journal", str(place / "journal"), "--control", str(yard.folder / "control"))  # a socket's path is short
    async with running(yard.folder, *words) as bridge:
        async with asyncio.timeout(WITHIN):
            asked = len(yard.turned.device.asked)
            while len(yard.turned.device.asked) < asked + 3:  # one at a time: what the first read was told of by now
                await asyncio.sleep(0.02)
        assert await bridge.stop() == 0, bridge.said()
    after = await left(place / "journal", yard)
    assert before.events.items() <= after.events.items()
    for point in range(POINTS):
        numbers, stands = after.of_point(point), yard.turned.stands(point)
        assert [number % 2 for number in numbers] == [(1 + place) % 2 for place in range(len(numbers))], numbers
        assert (numbers[-1] if numbers else 0) % 2 == stands % 2, f"point {point} stands at {stands}: {numbers}"
        assert set(numbers) - set(before.of_point(point)) <= {stands}, f"point {point} stands at {stands}: {numbers}"


@pytest.mark.parametrize("left_out", ["wal", "parent"])
async def test_and_it_does_not_on_any_way_when_a_sync_is_left_out(
    recorder: Path, tmp_path: Path, left_out: str
) -> None:
    async with yard_in(tmp_path) as yard:
        taken = await yard.record(under(recorder, tmp_path, ignore=left_out) | {"TRACE_NETWORK": "1"})
        wrong: set[str] = set()
        async for _, place, told in cut(yard, taken, max(syncs_in(taken) // 3, 1)):
            wrong |= (await wrong_with(place, told, yard)).keys()
        assert {"lpr", "broker", "traps", "shown"} <= wrong

"""A storm of traps: what was received is kept, what was not is counted and said, and one sender's storm is its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.model import Instant
from connectors.datagrams.waiting import Datagram, Waiting
from tests.connectors.conftest import ACCEPTED, LATER
from tests.connectors.snmp_peer import Box, Port, hearing, snmp
from tests.connectors.snmp_sender import datagram, text

LONG = 120.0
"""Seconds that 20,000 messages may take on a busy machine."""

ROOT = Path(__file__).resolve().parents[2]


def storm(port: Port, count: int, pause: float) -> None:
    """Send so many from another process; the event loop of this one stands still meanwhile, that of ``port``."""
    number = port.bound.rpartition(":")[2]
    words = [sys.executable, "-m", "tests.connectors.snmp_sender", number, str(count), str(pause)]
    subprocess.run(words, cwd=ROOT, check=True, timeout=LONG)


def drained(number: int) -> bool:
    """Whether the kernel holds nothing for this port any more: all of it was read."""
    lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    (waiting,) = [line[4].partition(":")[2] for line in lines if int(line[1].partition(":")[2], 16) == number]
    return int(waiting, 16) == 0


async def lost_or_received(port: Port, count: int) -> int:
    """Wait until each of so many datagrams is either received or said to be lost; how many were lost."""
    counts = port.connector.counts
    async with asyncio.timeout(LONG):
        while counts["received"] + counts["dropped by the kernel"] + counts["no room"] < count:
            await asyncio.sleep(0.05)
    assert counts["received"] + counts["dropped by the kernel"] + counts["no room"] == count
    return counts["dropped by the kernel"] + counts["no room"]


async def test_twenty_thousand_at_once_are_kept_or_said_to_be_lost(tmp_path: Path) -> None:
    count = 20_000
    async with hearing(tmp_path, snmp(users=[])) as port:
        storm(port, count, 0)
        lost = await lost_or_received(port, count)
        await port.counted("messages", count - lost, LONG)
    assert len(port.inbox.kept) == count - lost
    told = [document["values"]["1.3.6.1.4.1.8072.2.3.2.2"] for document in port.inbox.documents]
    assert len(set(told)) == count - lost
    assert told == sorted(told, key=lambda each: int(each[2:])), "in the order they were sent"
    assert lost == 0 or port.connector.counts["no room"] == 0


async def test_the_socket_is_read_while_the_loop_stands_still(tmp_path: Path) -> None:
    """With a buffer of 200 kB, which holds some 250 of them."""
    async with hearing(tmp_path, snmp(users=[], buffer="200 kB")) as port:
        number = int(port.bound.rpartition(":")[2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", number))
            until = time.monotonic() + LONG
            for each in range(3_000):  # without an await
                sender.send(datagram(each))
                while each % 50 == 49 and not drained(number):
                    assert time.monotonic() < until, "it is not read"
                    time.sleep(0.001)
        assert await lost_or_received(port, 3_000) == 0


async def test_what_the_kernel_had_no_room_for_is_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hearing(tmp_path, snmp(users=[], buffer="8 kB")) as port:
        storm(port, 20_000, 0)
        lost = await lost_or_received(port, 20_000)
        await port.counted("messages", 20_000 - lost, LONG)
    assert lost > 0
    assert "traps were lost, dropped by the kernel" in caplog.text
    assert [said for said in port.link.parts["storm"].said if said.startswith("down: traps are lost")]


async def test_when_nobody_can_keep_them_the_queue_is_bounded_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = Box(receipts=[LATER] * 5 + [ACCEPTED])
    box.open.clear()
    async with hearing(tmp_path, snmp(users=[], waiting="1 MiB"), box) as port:
        storm(port, 5_000, 0.001)
        await port.counted("no room")
        box.open.set()
        lost = await lost_or_received(port, 5_000)
        await port.counted("messages", 5_000 - lost, LONG)
    assert "traps were lost, no room" in caplog.text
    assert len(box.kept) == 5_000 - lost
    assert text(0) == port.inbox.documents[0]["values"]["1.3.6.1.4.1.8072.2.3.2.2"]


def said(peer: str, number: int) -> Datagram:
    return Datagram(b"%d" % number, (peer, 162), Instant(datetime(2026, 1, 5, tzinfo=UTC), 0.0))


def everything(waiting: Waiting) -> list[list[tuple[str, bytes]]]:
    turns = []
    while taken := waiting.take(lambda peer: 100):
        turns.append([(each.source[0], each.data) for each in taken])
    return turns


def test_one_sender_after_the_other_has_its_turn() -> None:
    waiting = Waiting(10**6)
    waiting.put([said("storm", number) for number in range(1000)])
    waiting.put([said("fire", 1)])
    turns = everything(waiting)
    assert [peer for turn in turns[:3] for peer in {peer for peer, _ in turn}] == ["storm", "fire", "storm"]
    assert [data for turn in turns for peer, data in turn if peer == "storm"] == [b"%d" % n for n in range(1000)]


@pytest.mark.shows("connector:snmp", "isolation")
def test_a_storm_leaves_room_for_the_others() -> None:
    waiting = Waiting(100_000)
    waiting.put([said("storm", number) for number in range(1000)])
    assert waiting.dropped == 1000 - len(waiting)
    before = waiting.dropped
    waiting.put([said("fire", 1)])
    assert waiting.dropped == before
    assert len(waiting) > 100


def test_who_may_not_speak_now_keeps_its_place_and_nobody_waits_for_it() -> None:
    waiting = Waiting(10**6)
    waiting.put([said("slow", 1), said("slow", 2), said("fire", 1)])
    assert [each.source[0] for each in waiting.take(lambda peer: 0 if peer == "slow" else 9)] == ["fire"]
    assert waiting.take(lambda peer: 0) == []
    assert [each.data for each in waiting.take(lambda peer: 1)] == [b"1"]
    assert [each.data for each in waiting.take(lambda peer: 9)] == [b"2"]


async def test_it_can_be_stopped_in_a_storm_that_goes_on(tmp_path: Path) -> None:
    connector = snmp(users=[])
    words = [sys.executable, "-m", "tests.connectors.snmp_sender"]
    async with hearing(tmp_path, connector) as port:
        number = port.bound.rpartition(":")[2]
        with subprocess.Popen([*words, number, "0", "0"], cwd=ROOT, stderr=subprocess.DEVNULL) as sender:
            try:
                await port.inbox.hold(1)
                await port.stop()
                assert sender.poll() is None, "it went on"
            finally:
                sender.kill()

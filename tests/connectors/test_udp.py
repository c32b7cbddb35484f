"""What devices send as datagrams is kept, each sender's in its order, and what is lost is counted and said."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.model import ConnectorId, Origin
from connectors.base import Mode
from connectors.datagrams.receiving import kernel_drops
from connectors.datagrams.trouble import Trouble
from connectors.udp import UdpAddress, UdpConnector, UdpSettings
from tests.connectors.conftest import BOUND, LATER, Inbox, Vault
from tests.connectors.outgoing import Told, at_work, until
from tests.connectors.socat import send_datagram


def udp(more: dict[str, object] | None = None, /, bind: str = "127.0.0.1:0", **settings: object) -> UdpConnector:
    made = UdpSettings.model_validate({"bind": bind, **settings, **(more or {})})
    return UdpConnector(ConnectorId("panels"), made, [], Vault())


@asynccontextmanager
async def hearing(
    connector: UdpConnector, inbox: Inbox, mode: Mode = Mode.TAKE
) -> AsyncIterator[tuple[int, Told, socket.socket]]:
    """The port, the connector's words, and a socket that sends there."""
    async with at_work(connector, inbox, mode) as (link, _):
        await link.hear("up: hearing on")
        port = int(connector.bound.rpartition(":")[2])
        family = socket.AF_INET6 if connector.bound.startswith("[") else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
            yield port, link, sender


async def test_each_datagram_is_a_message_as_it_came(inbox: Inbox) -> None:
    bodies = [b"T=4.2\r\n", b'{"a":1}{"b":2}', bytes(range(256)), b"x" * 60_000]
    async with hearing(udp(), inbox) as (_, _, sender):
        for body in bodies:
            sender.send(body)
        await inbox.hold(4)
        assert inbox.bodies == bodies
        assert inbox.messages[0].origin == Origin("127.0.0.1")


@pytest.mark.shows("connector:udp", "peer", peer="socat")
@pytest.mark.needs("socat")
async def test_a_sender_that_is_not_ours_is_heard(inbox: Inbox) -> None:
    async with hearing(udp(), inbox) as (port, _, _):
        await send_datagram(port, b"<134>panel: zone 4 open")
        await send_datagram(port, b"x" * 30_000)
        await inbox.hold(2)
        assert inbox.bodies == [b"<134>panel: zone 4 open", b"x" * 30_000]


async def test_both_families_are_heard_on_one_port(inbox: Inbox) -> None:
    connector = udp(bind="[::]:0")
    async with hearing(connector, inbox) as (port, _, six):
        six.send(b"six")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four:
            four.sendto(b"four", ("127.0.0.1", port))
        await inbox.hold(2)
        assert {(message.origin.peer, message.body) for message in inbox.messages} == {
            ("::1", b"six"), ("127.0.0.1", b"four"),
        }  # fmt: skip


async def test_who_is_not_heard_is_counted_and_said_once(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    settings: dict[str, object] = {"from": ["10.0.0.0/24", "127.0.0.2"]}
    connector = udp(settings)
    async with hearing(connector, inbox) as (port, _, stranger):
        for _ in range(5):
            stranger.send(b"let me in")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as friend:
            friend.bind(("127.0.0.2", 0))
            friend.sendto(b"friend", ("127.0.0.1", port))
        await inbox.hold(1)
        await until(lambda: connector.counts["refused"] == 5)
        assert inbox.bodies == [b"friend"]
        assert caplog.text.count("it is none of those that are heard") == 1


async def test_what_is_too_long_or_empty_is_counted_and_the_next_is_taken(inbox: Inbox) -> None:
    connector = udp(max_message="1 kB")
    async with hearing(connector, inbox) as (_, _, sender):
        for body in (b"x" * 1001, b"", b"y" * 1000):
            sender.send(body)
        await inbox.hold(1)
        assert inbox.bodies == [b"y" * 1000]
        assert (connector.counts["oversize"], connector.counts["empty"]) == (1, 1)


async def test_a_later_is_waited_for_and_the_order_of_a_sender_stays(inbox: Inbox) -> None:
    inbox.receipts = [LATER, LATER, LATER]
    async with hearing(udp(), inbox) as (_, _, sender):
        for number in range(200):
            sender.send(b"%d" % number)
        await until(lambda: len(inbox.kept) == 200)
        assert sorted(int(message.body) for message in inbox.kept) == list(range(200))


async def test_a_storm_waits_while_nothing_can_be_kept_and_what_finds_no_room_is_said(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.open.clear()
    connector = udp(waiting="1 MiB")
    async with hearing(connector, inbox) as (_, link, sender):
        for number in range(3000):
            sender.send(b"%d" % number)
            if number % 100 == 0:
                await asyncio.sleep(0)
        async with asyncio.timeout(BOUND):
            while "datagrams were lost, no room" not in caplog.text:
                await asyncio.sleep(0.02)
        inbox.open.set()
        lost = ("no room", "dropped by the kernel")
        await until(lambda: len(inbox.kept) + sum(connector.counts[each] for each in lost) == 3000)
        numbers = [int(message.body) for message in inbox.kept]
        assert numbers == sorted(numbers)
        assert len(numbers) > 1000
        assert inbox.most_at_once == 64
        assert link.said[1].startswith("storm down: datagrams are lost")


async def test_what_the_kernel_had_no_room_for_is_counted_and_said(
    inbox: Inbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        if kernel_drops(trial) is None:
            pytest.skip("this system does not tell")
    from connectors.datagrams import receiving

    slow = receiving._many

    def nobody_reads(port: socket.socket) -> object:
        read = slow(port)
        return lambda: read() if inbox.open.is_set() else []

    monkeypatch.setattr(receiving, "_many", nobody_reads)
    inbox.open.clear()
    connector = udp(buffer="64 KiB")
    async with hearing(connector, inbox) as (_, _, sender):
        for _ in range(2000):
            sender.send(b"x" * 500)
        async with asyncio.timeout(BOUND):
            while "datagrams were lost, dropped by the kernel" not in caplog.text:
                await asyncio.sleep(0.02)
        inbox.open.set()
        await until(lambda: len(inbox.kept) + connector.counts["dropped by the kernel"] == 2000)


async def test_what_was_received_is_kept_when_it_is_stopped() -> None:
    """Also by the kernel alone, before anybody read it."""
    for _ in range(10):
        inbox = Inbox()
        async with hearing(udp(), inbox) as (_, _, sender):
            for number in range(100):
                sender.send(b"%d" % number)
        assert len(inbox.kept) == 100


async def test_a_dry_run_counts_what_it_took(inbox: Inbox) -> None:
    connector = udp()
    async with hearing(connector, inbox, Mode.OBSERVE) as (_, _, sender):
        sender.send(b"1")
        await inbox.hold(1)
        await until(lambda: connector.taken == 1)


async def test_a_port_that_is_taken_is_said(inbox: Inbox) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        connector = udp(bind=f"127.0.0.1:{other.getsockname()[1]}")
        (found,) = await connector.probe()
        assert not found.ok
        with pytest.raises(OSError, match="cannot hear on"):
            await connector.run(inbox, Told(), Mode.TAKE)
    (found,) = await connector.probe()
    assert found.ok


def test_a_firewall_needs_the_senders_that_are_named() -> None:
    named = [UdpAddress.model_validate({"from": "10.0.0.71"}), UdpAddress.model_validate({"from": "10.0.0.72"})]
    settings = UdpSettings.model_validate({"bind": "0.0.0.0:5140"})
    found = udp().reaches(settings, named)
    assert [(each.peer, each.port, each.protocol, each.inbound) for each in found] == [
        ("10.0.0.71", 5140, "udp", True), ("10.0.0.72", 5140, "udp", True),
    ]  # fmt: skip
    settings = UdpSettings.model_validate({"bind": "0.0.0.0:5140", "from": "10.0.0.0/24"})
    assert [each.peer for each in udp().reaches(settings, [UdpAddress()])] == ["10.0.0.0/24"]


def test_a_sensor_hears_whom_its_address_names() -> None:
    address = UdpAddress.model_validate({"from": "10.0.0.0/24"})
    assert address.matches(Origin("10.0.0.9"))
    assert not address.matches(Origin("10.0.1.9"))
    assert UdpAddress().matches(Origin("10.0.1.9"))


def test_what_is_lost_after_a_port_was_opened_anew_is_added_and_said(caplog: pytest.LogCaptureFixture) -> None:
    counts: Counter[str] = Counter()
    assert Trouble(ConnectorId("yard"), counts).lost("no room", 5)
    anew = Trouble(ConnectorId("yard"), counts)
    assert anew.lost("no room", 3)
    assert not anew.lost("no room", 3)
    assert counts == {"no room": 8}
    assert "3 datagrams were lost, no room; 8 so far" in caplog.text

"""Names and ways: what resolves, what can be connected to, and that nothing takes longer than it may."""

from __future__ import annotations

import asyncio
import socket

import pytest

from bridge.proving import routes
from bridge.proving.destinations import Destination
from bridge.proving.lines import Grade, Line, Topic
from tests.proving.conftest import black_hole, closed_port, one, web


def to(host: str, port: int, udp: bool = False) -> Destination:
    return Destination(part="vms.cloud", where="site.yaml:4: vms.cloud.url", host=host, port=port, udp=udp)


async def test_a_name_is_resolved_and_an_address_needs_no_line() -> None:
    lines, addresses = await routes.resolved(to("localhost", 80))
    assert "localhost is" in one(lines, Topic.NAMES, Grade.OK).what
    assert "127.0.0.1" in addresses
    assert await routes.resolved(to("10.0.0.7", 80)) == ([], ["10.0.0.7"])


async def test_a_name_that_nobody_knows_is_wrong_and_stands_where_it_was_written() -> None:
    lines, addresses = await routes.resolved(to("no-such-host.invalid", 443))
    line = one(lines, Topic.NAMES, Grade.WRONG)
    assert not addresses
    assert line.where == "site.yaml:4: vms.cloud.url"
    assert line.remedy


async def test_a_name_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hang = asyncio.Event()

    async def never(*_: object, **__: object) -> object:
        return await hang.wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    monkeypatch.setattr(routes, "RESOLVE", 0.1)
    lines, _ = await routes.resolved(to("slow.example", 443))
    assert "not resolved within 0.1 s" in one(lines, Topic.NAMES, Grade.WRONG).what


async def way(port: int, *addresses: str) -> routes.Way:
    return await routes.way_to(to("127.0.0.1", port), addresses or ["127.0.0.1"])


def said(found: routes.Way, grade: Grade) -> Line:
    return one(found.lines, Topic.ROUTES, grade)


async def test_a_connection_tells_over_which_interface_it_goes() -> None:
    async with web() as port:
        found = await way(port)
    assert found.address == "127.0.0.1"
    assert "over lo (127.0.0.1)" in said(found, Grade.OK).what


async def test_a_closed_port_is_told_from_a_machine_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = await way(closed_port())
    assert "nothing listens on this port" in said(refused, Grade.WRONG).what
    monkeypatch.setattr(routes, "CONNECT", 0.2)
    with black_hole() as port:
        swallowed = await way(port)
    assert swallowed.address is None
    assert "a firewall may swallow it" in said(swallowed, Grade.WRONG).what


async def test_the_second_address_is_taken_when_the_first_does_not_answer() -> None:
    async with web() as port:
        found = await way(port, "127.0.0.99", "127.0.0.1")
    assert found.address == "127.0.0.1"
    assert "127.0.0.99" in said(found, Grade.WARN).what
    assert said(found, Grade.OK)


async def test_a_way_for_datagrams_is_looked_up_and_nothing_is_sent() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        found = await routes.way_to(to("127.0.0.1", receiver.getsockname()[1], udp=True), ["127.0.0.1"])
        with pytest.raises(BlockingIOError):
            receiver.recv(1)
    assert "UDP does not tell" in said(found, Grade.OK).what

"""A port that cannot be had is said by name, and looking takes nothing."""

from __future__ import annotations

import socket

import pytest

from connectors.base import Mode
from connectors.listening import bound_to, open_listener, parse_bind
from connectors.sources import Sources, plain
from tests.connectors.conftest import Inbox, Vault, Words, http, running, tcp


@pytest.mark.parametrize(
    ("text", "meant"),
    [("0.0.0.0:8080", ("0.0.0.0", 8080)), ("[::]:0", ("::", 0)), ("[::1]:65535", ("::1", 65535))],
)
def test_a_bind_is_an_address_and_a_port(text: str, meant: tuple[str, int]) -> None:
    assert parse_bind(text) == meant


@pytest.mark.parametrize(
    "text", ["8080", ":8080", "localhost:8080", "::1:80", "0.0.0.0:65536", "300.0.0.1:80", "[zz]:1", ""]
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"0\.0\.0\.0:8080"):
        parse_bind(text)


@pytest.mark.parametrize("make", [http, tcp])
async def test_a_port_in_use_is_said_by_the_probe_and_by_running(make) -> None:  # type: ignore[no-untyped-def]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        connector = make(bind=bind)
        (finding,) = await connector.probe()
        assert not finding.ok
        assert bind in finding.what
        with pytest.raises(OSError, match="cannot listen on") as raised:
            await connector.run(Inbox(), Words(), Mode.TAKE)
        assert bind in (raised.value.strerror or "")
    (finding,) = await connector.probe()
    assert finding.ok


@pytest.mark.parametrize("make", [http, tcp])
async def test_a_connector_can_run_again_on_its_port_after_it_was_stopped(make) -> None:  # type: ignore[no-untyped-def]
    async with running(make()) as way:
        bound = way.connector.bound
    assert way.connector.bound == ""
    async with running(make(bind=bound)) as again:
        assert again.connector.bound == bound
        assert again.link.said == [f"up: listening on {bound}"]


async def test_the_probe_names_a_secret_that_nobody_has() -> None:
    addresses = {"path": "/a", "basic": "secret:north"}, {"path": "/b", "basic": "secret:south"}
    findings = await http(*addresses, vault=Vault(north="cam:one")).probe()
    assert [finding.ok for finding in findings] == [True, False]
    assert "south" in findings[1].what
    assert "cam:one" not in repr(findings)


async def test_the_probe_says_which_certificate_cannot_be_read() -> None:
    findings = await http(tls={"certificate": "/none/a.pem", "key": "/none/b.pem"}).probe()
    assert "/none/a.pem" in findings[1].what


def test_answers_are_not_held_back_by_the_kernel() -> None:
    with open_listener("127.0.0.1:0") as listener:
        assert listener.proto == socket.IPPROTO_TCP  # asyncio switches delays off only then
        assert bound_to(listener) == f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_peer_is_one_text_however_it_came() -> None:
    assert plain("::ffff:10.0.0.1") == "10.0.0.1"
    assert plain("fe80::1%eth0") == "fe80::1"
    assert plain("FD00:0::7") == "fd00::7"
    assert plain("not an address") == "not an address"


def test_sources_are_hosts_and_networks_of_both_families() -> None:
    sources = Sources.parse(["10.0.0.21", "10.1.0.0/16", "fd00::/8", "::ffff:10.9.9.9"])
    inside = ("10.0.0.21", "10.1.255.1", "fd12::1", "10.9.9.9")
    assert all(sources.cover(peer) for peer in inside)
    assert not any(sources.cover(peer) for peer in ("10.0.0.22", "10.2.0.1", "fe80::1", "", "nobody"))

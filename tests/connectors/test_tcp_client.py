"""The TCP client against devices that wait to be connected to, and that do not behave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.model import Origin
from connectors.base import Mode
from connectors.tcp_client import TcpClientSettings
from tests.connectors.conftest import BOUND, LATER, Inbox, Vault
from tests.connectors.outgoing import at_rest, at_work, forward, tcp_client, until
from tests.connectors.socat import device_that_says
from tests.free_port import free_port

CERTIFICATE = Path(__file__).with_name("certificate") / "certificate.pem"
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def device(play: Play, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[int]:
    """The port of a device that does this with each connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await play(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks), timeout=BOUND)


def saying(*pieces: bytes) -> Play:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        await reader.read()

    return play


async def test_what_the_device_says_is_framed_and_kept_in_order(inbox: Inbox) -> None:
    play = saying(b"+ 1250", b" kg\r\n+ 1", b"251 kg\r\n\r\n")
    async with device(play) as port, at_work(tcp_client(port, framing="lines"), inbox) as (link, _):
        await inbox.hold(2)
        assert inbox.bodies == [b"+ 1250 kg", b"+ 1251 kg"]
        assert inbox.messages[0].origin == Origin("127.0.0.1")
        assert link.said == [f"up: connected to 127.0.0.1:{port}"]


@pytest.mark.shows("connector:tcp-client", "peer", peer="socat")
@pytest.mark.needs("socat")
async def test_a_device_that_is_not_ours_is_greeted_and_heard_again_after_it_was_away(
    inbox: Inbox, tmp_path: Path
) -> None:
    said, heard = tmp_path / "said", tmp_path / "heard"
    said.write_bytes(b"\x02T1=4.2\x03\x02T2=-18\x03")
    heard.touch()
    port = free_port()
    connector = tcp_client(
        port, Vault(scale="open sesame"), framing={"start": "\\x02", "end": "\\x03"},
        greeting=["LOGIN ", "secret:scale", "\\r\\n", "hex:0505"],
    )  # fmt: skip
    async with at_work(connector, inbox) as (link, _):
        assert "cannot be reached" in await link.hear("down")
        async with device_that_says(said, heard, port):
            await inbox.hold(2)
            assert inbox.bodies == [b"T1=4.2", b"T2=-18"]
            await until(lambda: heard.read_bytes() == b"LOGIN open sesame\r\n\x05\x05")
        await link.hear("up")
        async with device_that_says(said, heard, port):
            await inbox.hold(4)
        assert "open sesame" not in f"{link.said} {connector._settings!r}"


async def test_every_connection_is_greeted_anew_with_the_secret_as_it_is_now(inbox: Inbox) -> None:
    greetings: list[bytes] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greetings.append(await reader.readline())
        writer.write(b"%d\n" % len(greetings))

    vault = Vault(scale="old")
    async with device(play) as port:
        connector = tcp_client(port, vault, framing="lines", greeting=["secret:scale", "\\n"])
        async with at_work(connector, inbox):
            await inbox.hold(1)
            vault.texts["scale"] = "new"
            await until(lambda: b"new\n" in greetings)
    assert greetings[0] == b"old\n"


async def test_a_message_cut_off_by_the_end_is_kept_as_the_framing_says(inbox: Inbox) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"a":1}{"b":')
        await writer.drain()
        await until(lambda: len(inbox.messages) >= 1)
        writer.transport.abort()

    async with device(play) as port, at_work(tcp_client(port), inbox) as (link, _):
        await inbox.hold(2)
        assert inbox.bodies[:2] == [b'{"a":1}', b'{"b":']  # the second is garbage, and goes to quarantine
        await link.hear("down")


async def test_silence_ends_a_connection_where_the_device_has_a_heartbeat(inbox: Inbox) -> None:
    connections = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()

    async with device(play) as port:
        async with at_work(tcp_client(port, framing="lines", silence="30 ms"), inbox) as (link, _):
            await until(lambda: connections >= 4)
        assert [word.partition(" ")[0] for word in link.said] == ["up:", "down:"]
        assert "nothing came for" in link.said[1]


async def test_a_device_may_be_silent_for_ever_where_it_has_none(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    a_day_later = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"1\n")
        await a_day_later.wait()
        writer.write(b"2\n")
        await reader.read()

    async with device(play) as port:
        connector = tcp_client(port, framing="lines")
        assert connector._settings.silence == "off"
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(1)
            forward(monkeypatch, 86_400.0)
            await asyncio.sleep(0)  # whatever waited for that has its turn
            a_day_later.set()
            await inbox.hold(2)
            assert link.said == [f"up: connected to 127.0.0.1:{port}"]


async def test_a_device_that_hangs_up_at_once_is_not_said_to_be_back_each_time(inbox: Inbox) -> None:
    connections = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1

    async with device(play) as port, at_work(tcp_client(port), inbox) as (link, _):
        await until(lambda: connections >= 5)
        assert link.said == [f"up: connected to 127.0.0.1:{port}", "down: the device ended it"]


async def test_after_a_gap_it_says_what_is_lost(inbox: Inbox) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"1\n")

    async with device(play) as port:
        connector = tcp_client(port, framing="lines")
        async with at_work(connector, inbox) as (link, _):
            assert "what was sent meanwhile is not repeated over TCP" in await link.hear("up: back")
        assert connector.counts["gaps"] >= 1
        assert connector.away > 0


async def test_while_nothing_can_be_kept_nothing_more_is_read(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [b"%06d" % number * 2000 for number in range(2000)]
    said = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal said
        writer.transport.set_write_buffer_limits(4096)
        for body in bodies:
            writer.write(body + b"\n")
            await writer.drain()
            said += 1
        await reader.read()

    inbox.open.clear()
    async with device(play) as port, at_work(tcp_client(port, framing="lines", silence="30 s"), inbox) as (link, _):
        await inbox.hold(64)
        await at_rest(lambda: said)
        forward(monkeypatch, 60.0)  # longer than the silence: what waits for us is none of the device
        assert said < len(bodies)
        assert len(link.said) == 1
        inbox.open.set()
        await inbox.hold(2000)
        assert inbox.bodies == bodies


async def test_what_was_read_is_kept_when_it_is_stopped(inbox: Inbox) -> None:
    inbox.receipts = [LATER] * 3
    async with device(saying(b"1\n2\n3\n")) as port, at_work(tcp_client(port, framing="lines"), inbox) as (_, stop):
        await inbox.hold(3)
        stop()
    assert sorted({message.body for message in inbox.kept}) == [b"1", b"2", b"3"]


async def test_over_tls_the_device_has_to_be_who_it_should(inbox: Inbox) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("key.pem"))
    greeted: list[bytes] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(await reader.readline())
        writer.write(b"1\n")
        await reader.read()

    settings = {"framing": "lines", "greeting": ["secret:scale", "\\n"]}
    async with device(play, tls) as port:
        vault = Vault(scale="x")
        async with at_work(tcp_client(port, vault, tls={}, **settings), inbox) as (link, _):
            assert "cannot be reached" in await link.hear("down")
        assert greeted == [], "nothing is said to a device that is another"
        own = tcp_client(port, vault, host="localhost", tls={"ca_file": str(CERTIFICATE)}, **settings)
        async with at_work(own, inbox):
            await inbox.hold(1)
    assert greeted == [b"x\n"]


async def test_a_dry_run_and_a_probe_connect_only_where_they_may(inbox: Inbox) -> None:
    connections = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(b"1\n")
        await reader.read()

    async with device(play) as port:
        async with at_work(tcp_client(port, framing="lines"), inbox, Mode.OBSERVE) as (link, _):
            await link.hear("a dry run does not connect")
        (found,) = await tcp_client(port).probe()
        assert "is not tried" in found.what
        assert connections == 0
        (found,) = await tcp_client(port, observe="connect").probe()
        assert found.ok
        connector = tcp_client(port, framing="lines", observe="connect")
        async with at_work(connector, inbox, Mode.OBSERVE):
            await inbox.hold(1)
            await until(lambda: connector.taken == 1)
    (found,) = await tcp_client(port, observe="connect").probe()
    assert not found.ok
    assert "cannot be reached" in found.what


async def test_a_greeting_without_its_secret_is_said(inbox: Inbox) -> None:
    async with device(saying()) as port:
        connector = tcp_client(port, greeting=["secret:nobody"])
        (found,) = await connector.probe()
        assert not found.ok
        async with at_work(connector, inbox) as (link, _):
            assert "no store has nobody" in await link.hear("down")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "tcp://10.0.0.60"}, "write a name or an address alone"),
        ({"greeting": ["\\q"]}, "is no escape"),
        ({"silence": "0 s"}, "write how long"),
        ({"port": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TcpClientSettings.model_validate({"host": "10.0.0.60", "port": 4001, **settings})


def test_a_firewall_needs_the_device() -> None:
    settings = TcpClientSettings.model_validate({"host": "10.0.0.60", "port": 4001})
    (found,) = tcp_client(1).reaches(settings, [])
    assert (found.peer, found.port, found.inbound, found.protocol) == ("10.0.0.60", 4001, False, "tcp")

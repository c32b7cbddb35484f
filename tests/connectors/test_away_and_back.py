"""What a running bridge says of a peer that goes and comes back: one line when it is away, one when it is back, for
every connector that connects out, through the link and the conditions that the service gives it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SystemClock
from bridge.supervision import Conditions
from bridge.ways_in.link import ConnectorStatus, Link
from connectors.base import Mode
from connectors.modbus import polling
from tests.connectors.conftest import BOUND, Bookshelf, Vault
from tests.connectors.modbus_devices import modbus, panel
from tests.connectors.mosquitto import OPEN, mosquitto, mqtt
from tests.connectors.node import NodeDevice, node_device
from tests.connectors.outgoing import http_poll, http_stream, tcp_client, until, websocket
from tests.connectors.snmpd import snmpd
from tests.connectors.test_snmp_poll_agent import poller

Act = Callable[[], Awaitable[object]]


@dataclass
class Peer:
    """A connector, and the peer it connects to. ``wrong``, ``right``: give it a wrong password, and the right one
    again."""

    connector: Any
    kill: Act
    start: Act
    wrong: Callable[[], object] = lambda: None
    right: Callable[[], object] = lambda: None


@asynccontextmanager
async def broker(folder: Path, password: str = "") -> AsyncIterator[Peer]:
    lines = OPEN
    if password:
        (folder / "users").write_text(f"bridge:{password}\n")
        made = await asyncio.create_subprocess_exec("mosquitto_passwd", "-U", str(folder / "users"))
        assert await made.wait() == 0
        lines = ("allow_anonymous false", f"password_file {folder}/users")
    vault = Vault(own=password)
    settings: dict[str, Any] = {"user": "bridge", "password": "secret:own"} if password else {}
    async with mosquitto(folder, *lines) as made_broker:
        connector = mqtt(made_broker.url, "plant/leak", vault=vault, **settings)
        yield Peer(connector, made_broker.kill, made_broker.start, *passwords(vault, password))


def passwords(vault: Vault, right: str, name: str = "own") -> tuple[Callable[[], object], Callable[[], object]]:
    return lambda: vault.texts.update({name: "not-this-one"}), lambda: vault.texts.update({name: right})


@asynccontextmanager
async def device(folder: Path, password: str = "") -> AsyncIterator[Peer]:
    with panel() as made:
        made.inputs(False)
        connector = modbus({"discrete_input": 0}, port=made.port, timeout="2 s")
        yield Peer(connector, lambda: asyncio.to_thread(made.stop), lambda: asyncio.to_thread(made.start))


@asynccontextmanager
async def agent(folder: Path, password: str = "") -> AsyncIterator[Peer]:
    vault = Vault(auth=password or "authenticates", priv="encrypts it")
    async with snmpd(folder) as made:
        connector = poller(made.port, "3", vault, timeout="400 ms", retries=1)
        yield Peer(connector, made.kill, made.start, *passwords(vault, "authenticates", "auth"))


def node(make: Callable[[NodeDevice, Vault], Any]) -> Callable[..., AbstractAsyncContextManager[Peer]]:
    @asynccontextmanager
    async def of(folder: Path, password: str = "") -> AsyncIterator[Peer]:
        vault = Vault(own=f"bridge:{password}", greeting=password)
        async with node_device(password) as made:
            wrong, right = passwords(vault, f"bridge:{password}")
            wrong_greeting, right_greeting = passwords(vault, password, "greeting")
            yield Peer(
                make(made, vault), made.kill, made.start,
                lambda: (wrong(), wrong_greeting()), lambda: (right(), right_greeting()),
            )  # fmt: skip

    return of


def stream(device: NodeDevice, vault: Vault) -> Any:
    basic = {"basic": "secret:own"} if device.password else {}
    return http_stream(f"http://127.0.0.1:{device.http}/events", vault, **basic)


def poll(device: NodeDevice, vault: Vault) -> Any:
    basic = {"basic": "secret:own"} if device.password else {}
    return http_poll(f"http://127.0.0.1:{device.http}/state", vault, **basic)


def socket(device: NodeDevice, vault: Vault) -> Any:
    basic = {"basic": "secret:own"} if device.password else {}
    return websocket(f"ws://127.0.0.1:{device.http}/events", vault, **basic)


def scale(device: NodeDevice, vault: Vault) -> Any:
    greeting = {"greeting": ["LOGIN ", "secret:greeting", "\\n"]} if device.password else {}
    return tcp_client(device.tcp, vault, framing="lines", **greeting)


def case(
    quality: str, name: str, peer: Callable[..., AbstractAsyncContextManager[Peer]], other: str, *programs: str
) -> Any:
    marks = [
        pytest.mark.shows(f"connector:{name}", quality),
        pytest.mark.shows(f"connector:{name}", "peer", peer=other),
        *([pytest.mark.needs(*programs)] if programs else []),
    ]
    return pytest.param(peer, id=name, marks=marks)


CASES = (
    ("mqtt", broker, "mosquitto", "mosquitto", "mosquitto_pub", "mosquitto_passwd"),
    ("http-stream", node(stream), "Node.js", "node"),
    ("http-poll", node(poll), "Node.js", "node"),
    ("websocket", node(socket), "Node.js", "node"),
    ("tcp-client", node(scale), "Node.js", "node"),
)
SNMP_POLL = ("snmp-poll", agent, "net-snmp", "snmpd", "snmpset")
"""An answer that is late looks like an agent that is away: that it is said once has a test of its own."""
MODBUS = ("modbus", device, "pyModbusTCP")
"""It knows no passwords."""


@asynccontextmanager
async def at_work(peer: Peer) -> AsyncIterator[tuple[ConnectorStatus, Conditions]]:
    """As the service runs it, but for its intake."""
    connector, conditions = peer.connector, Conditions(SystemClock())
    status = ConnectorStatus("way", "any")
    link = Link(status, conditions, connector, of_the_site=True)
    task = asyncio.create_task(connector.run(Bookshelf(), link, Mode.TAKE))
    try:
        yield status, conditions
    finally:
        task.cancel()
        async with asyncio.timeout(BOUND):
            await asyncio.wait({task})
        if not task.cancelled():
            task.result()


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the log was told of connections, but for the library's own."""
    return [each for each in caplog.records if each.name.startswith(("bridge", "connectors"))]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LONGEST_BACKOFF", 0.05)


@pytest.mark.parametrize("peer", [case("reconnects", *each) for each in (*CASES, MODBUS)])
async def test_a_peer_that_is_killed_is_one_line_in_the_log_and_one_when_it_is_back(
    peer: Callable[..., AbstractAsyncContextManager[Peer]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with peer(tmp_path) as other:
        counts = other.connector.counts
        async with at_work(other) as (status, conditions):
            await until(lambda: status.up)
            caplog.clear()
            await other.kill()
            await until(lambda: counts["failed"] >= 3)  # it is tried again and again
            assert not status.up
            (away,) = conditions.held()
            assert (away.key, away.why, away.type) == ("connector way", status.why, "link.down")
            (said,) = lines(caplog)
            assert (said.levelno, said.getMessage().startswith("connector way: ")) == (logging.WARNING, True)
            await other.start()
            await until(lambda: status.up)
            assert not conditions.held()
            back = lines(caplog)[1:]
            assert [each.getMessage().startswith("connector way: works again") for each in back] == [True]


@pytest.mark.parametrize("peer", [case("credentials", *each) for each in (*CASES, SNMP_POLL)])
async def test_a_refused_password_is_a_fault_that_shows_it_not_and_the_right_one_ends_it(
    peer: Callable[..., AbstractAsyncContextManager[Peer]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with peer(tmp_path, password="authenticates") as other:
        counts = other.connector.counts
        other.wrong()
        async with at_work(other) as (status, conditions):
            await until(lambda: bool(conditions.held()))
            tried = counts["failed"] + counts["connections"]
            await until(lambda: counts["failed"] + counts["connections"] >= tried + 2)
            (fault,) = conditions.held()
            assert fault.type == "link.down"
            assert "not-this-one" not in f"{fault} {caplog.text} {status}"
            other.right()
            await until(lambda: status.up and not conditions.held())
            said = [each.getMessage().partition(" (")[0] for each in lines(caplog)]
            assert len([each for each in said if "works again" in each]) == 1
            assert "authenticates" not in caplog.text

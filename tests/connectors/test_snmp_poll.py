"""Asking devices: what they say becomes a document when it has changed, and what goes wrong is said once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.model import ConnectorId
from connectors.base import Mode
from connectors.snmp import SnmpPollConnector, SnmpPollSettings
from tests.connectors.conftest import BOUND, LATER, Vault, Words
from tests.connectors.snmp_agent import ALARMS, OUTPUT_SOURCE, answering, number, oid, ticks
from tests.connectors.snmp_peer import USER, Box, document

FAN = "1.3.6.1.2.1.33.1.6.3.16"
WELL = {OUTPUT_SOURCE: number(3), "1.3.6.1.2.1.1.3.0": ticks(100)}
ALARMED = {f"{ALARMS}.2.7": oid(FAN), f"{ALARMS}.3.7": ticks(5), f"{ALARMS}.2.9": oid(FAN), f"{ALARMS}.3.9": ticks(6)}


def poller(port: int, vault: Vault | None = None, **settings: object) -> SnmpPollConnector:
    known: dict[str, object] = {
        "host": "127.0.0.1", "port": port, "community": "secret:traps", "get": [OUTPUT_SOURCE], "walk": [ALARMS],
        "every": "50 ms", "timeout": "10 s", "retries": 0,
    }  # fmt: skip
    if settings.get("version") == "3":
        known |= {"community": None, "user": USER}
    read = SnmpPollSettings.model_validate({**known, **settings})
    secrets = vault or Vault(traps="public-not", auth="authenticates", priv="encrypts it")
    return SnmpPollConnector(ConnectorId("ups"), read, [], secrets)


@asynccontextmanager
async def asking(connector: SnmpPollConnector, inbox: Box | None = None) -> AsyncIterator[tuple[Box, Words]]:
    box, link = inbox or Box(), Words()
    task = asyncio.create_task(connector.run(box, link, Mode.TAKE))
    try:
        yield box, link
    finally:
        task.cancel()
        async with asyncio.timeout(BOUND):
            await asyncio.wait({task})
    if not task.cancelled():
        task.result()


async def until(holds: Any) -> None:
    async with asyncio.timeout(BOUND):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.mark.shows("connector:snmp-poll", "samples")
@pytest.mark.parametrize("version", ["1", "2c", "3"])
async def test_values_and_tables_are_told_in_every_version(version: str) -> None:
    async with answering({**WELL, **ALARMED}) as agent, asking(poller(agent.port, version=version)) as (box, link):
        await box.hold(1)
        (message,) = box.messages
        told = document(message)
    assert message.origin.peer == "127.0.0.1"
    assert (told["kind"], told["snmp"], told["source"]) == ("poll", f"v{version}", "127.0.0.1")
    assert told["values"]["1.3.6.1.2.1.33.1.4.1"] == 3
    assert told["tables"] == {ALARMS: 2}
    assert told["rows"] == [
        {"table": "", "index": "", "columns": {}},
        {"table": ALARMS, "index": "7", "columns": {"2": FAN, "3": 5}},
        {"table": ALARMS, "index": "9", "columns": {"2": FAN, "3": 6}},
    ]
    assert link.said == ["up: 127.0.0.1 answers, asked every 0.05 s"]


async def test_only_what_has_changed_is_told_again() -> None:
    connector_counts: Any
    async with answering(dict(WELL)) as agent:
        connector = poller(agent.port, get=[OUTPUT_SOURCE, "1.3.6.1.2.1.1.3.0"])
        connector_counts = connector.counts
        async with asking(connector) as (box, _):
            await box.hold(1)
            agent.tell("1.3.6.1.2.1.1.3.0", ticks(200))  # time goes on: nothing has changed
            await until(lambda: connector_counts["same"] >= 3)
            assert len(box.messages) == 1
            agent.tell(OUTPUT_SOURCE, number(5))
            await box.hold(2)
            agent.values.update(ALARMED)
            await box.hold(3)
            for name in ALARMED:
                del agent.values[name]
            await box.hold(4)
    assert [len(told["rows"]) for told in box.documents] == [1, 1, 3, 1]
    assert [told["values"]["1.3.6.1.2.1.33.1.4.1"] for told in box.documents] == [3, 5, 5, 5]


async def test_what_stays_the_same_is_told_now_and_then() -> None:
    async with answering(dict(WELL)) as agent, asking(poller(agent.port, unchanged="60 ms")) as (box, _):
        await box.hold(3)
    assert box.bodies[0] == box.bodies[1] == box.bodies[2]


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_what_the_device_has_not_is_none(version: str) -> None:
    wanted = [OUTPUT_SOURCE, "1.3.6.1.2.1.33.1.2.1.0"]
    async with answering(dict(WELL)) as agent, asking(poller(agent.port, version=version, get=wanted)) as (box, _):
        await box.hold(1)
    (told,) = box.documents
    assert told["values"]["1.3.6.1.2.1.33.1.4.1"] == 3
    assert told["values"]["1.3.6.1.2.1.33.1.2.1"] is None


@pytest.mark.parametrize("garbage", [None, b"", b"\x30\x03\x02\x01\x01", b"HTTP/1.1 400"], ids=repr)
async def test_a_device_that_is_silent_or_answers_garbage_is_said_once_and_comes_back(garbage: bytes | None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.setblocking(False)
        connector = poller(deaf.getsockname()[1], timeout="100 ms")
        connector.backoff.longest = 0.05

        async def answers() -> None:
            while True:
                _, source = await asyncio.get_running_loop().sock_recvfrom(deaf, 4096)
                if garbage is not None:
                    deaf.sendto(garbage, source)

        answering_badly = asyncio.create_task(answers())
        async with asking(connector) as (box, link):
            await until(lambda: connector.counts["failed"] >= 3)
        answering_badly.cancel()
    said = [each for each in link.said if each.startswith("down")]
    assert 1 <= len(said) == len(set(said)) <= 2, "each reason once"
    assert not box.messages


@pytest.mark.shows("connector:snmp-poll", "credentials")
async def test_wrong_credentials_are_a_fault_and_right_ones_end_it() -> None:
    vault = Vault(traps="x", auth="not this one", priv="encrypts it")
    async with answering(dict(WELL)) as agent:
        connector = poller(agent.port, vault, version="3")
        connector.backoff.longest = 0.05
        async with asking(connector) as (box, link):
            await until(lambda: link.said)
            assert link.said[0].startswith("down: 127.0.0.1: ")
            assert "not this one" not in str(link.said)
            vault.texts["auth"] = "authenticates"
            await box.hold(1)
    assert link.said[-1].startswith("up")


async def test_a_table_without_end_is_bounded() -> None:
    many = {f"{ALARMS}.2.{index}": oid(FAN) for index in range(1, 40)}
    async with answering({**WELL, **many}) as agent, asking(poller(agent.port, most_rows=30)) as (_, link):
        await until(lambda: link.said)
    assert "has more than 30 rows" in link.said[0]


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_device_that_goes_round_in_circles_is_no_answer(version: str) -> None:
    async with answering({f"{ALARMS}.2.7": oid(FAN)}) as agent:
        agent.circles = True
        async with asking(poller(agent.port, version=version, get=["1.3.6.1.2.1.1.3.0"])) as (box, link):
            await until(lambda: link.said)
    assert "goes round in circles" in link.said[0]
    assert not box.messages


async def test_an_answer_that_could_not_be_kept_is_kept_later() -> None:
    box = Box(receipts=[LATER, LATER])
    async with answering(dict(WELL)) as agent, asking(poller(agent.port), box):
        await until(lambda: box.kept)
    assert len(box.messages) == 3


async def test_a_probe_asks_and_keeps_nothing() -> None:
    async with answering({**WELL, **ALARMED}) as agent:
        (found,) = await poller(agent.port).probe()
        assert found.ok
        assert found.what == "127.0.0.1 answers: 1 values, 2 rows of tables"
        (refused,) = await poller(agent.port, Vault(traps="another"), timeout="100 ms").probe()
        assert not refused.ok


async def test_of_a_device_that_is_mute_there_is_nothing_to_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin anew costs 70 ms of everybody's, and a hundred devices may be away for days."""
    from pysnmp.hlapi.v3arch.asyncio import SnmpEngine

    made: list[object] = []

    def counted(*of: Any) -> Any:
        made.append(of)
        return SnmpEngine(*of)

    monkeypatch.setattr("connectors.snmp.asking.SnmpEngine", counted)
    monkeypatch.setattr("connectors.snmp.asking.FORGET_EVERY", 0.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        connector = poller(mute.getsockname()[1], version="3", timeout="50 ms")
        async with asking(connector):
            await until(lambda: connector.counts["failed"] >= 3)
    assert len(made) == 1

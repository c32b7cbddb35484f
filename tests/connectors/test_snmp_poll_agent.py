"""Asking a device that is not ours: net-snmp's agent, in every version, with a wrong password, restarted, replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.model import ConnectorId
from connectors.backoff import Backoff
from connectors.snmp import SnmpPollConnector, SnmpPollSettings
from tests.connectors.conftest import Vault
from tests.connectors.outgoing import at_work, until
from tests.connectors.snmp_agent import ALARMS, OUTPUT_SOURCE
from tests.connectors.snmp_peer import USER, Box
from tests.connectors.snmpd import AUTH, FAN, NAME, PRIV, snmpd

pytestmark = [
    pytest.mark.needs("snmpd", "snmpset"),
    pytest.mark.shows("connector:snmp-poll", "peer", peer="net-snmp"),
]

SOURCE = OUTPUT_SOURCE.removesuffix(".0")
VERSIONS = pytest.mark.parametrize("version", ["1", "2c", "3"])


def poller(port: int, version: str, vault: Vault | None = None, **settings: object) -> SnmpPollConnector:
    """That asks often, and waits long enough for a busy machine: three times a second for one answer."""
    shows = {"user": USER} if version == "3" else {"community": "secret:traps"}
    known: dict[str, object] = {
        "host": "127.0.0.1", "port": port, "version": version, "get": [OUTPUT_SOURCE, NAME], "walk": [ALARMS],
        "every": "50 ms", "timeout": "1 s", "retries": 2, **shows,
    }  # fmt: skip
    made = SnmpPollConnector(
        ConnectorId("ups"),
        SnmpPollSettings.model_validate({**known, **settings}),
        [],
        vault or Vault(traps="public-not", auth=AUTH, priv=PRIV),
    )
    made.backoff = Backoff(0.01, 0.05)
    return made


@VERSIONS
async def test_values_and_tables_of_an_agent_that_is_not_ours_are_read(tmp_path: Path, version: str) -> None:
    box = Box()
    async with snmpd(tmp_path) as agent:
        async with at_work(poller(agent.port, version), box) as (link, _):
            await box.hold(1)
            await agent.tell(f"{ALARMS}.3.9", "i", "8")
            await box.hold(2)
        assert [said[:3] for said in link.said] == ["up:"]
    first, second = box.documents[:2]
    assert (first["kind"], first["snmp"], first["source"]) == ("poll", f"v{version}", "127.0.0.1")
    assert first["values"] == {SOURCE: 3, NAME.removesuffix(".0"): "rack-7", "sysName": "rack-7"}
    assert first["tables"] == {ALARMS: 2}
    assert [row["columns"] for row in first["rows"][1:]] == [{"2": FAN, "3": 5}, {"2": FAN, "3": 6}]
    assert [row["columns"] for row in second["rows"][1:]] == [{"2": FAN, "3": 5}, {"2": FAN, "3": 8}]


@VERSIONS
async def test_what_the_agent_has_not_is_none_and_the_rest_is_read(tmp_path: Path, version: str) -> None:
    box, absent = Box(), "1.3.6.1.2.1.33.1.2.1.0"
    async with snmpd(tmp_path) as agent, at_work(poller(agent.port, version, get=[absent, OUTPUT_SOURCE]), box):
        await box.hold(1)
    assert box.documents[0]["values"] == {absent.removesuffix(".0"): None, SOURCE: 3}


@pytest.mark.shows("connector:snmp-poll", "reconnects")
@pytest.mark.parametrize(
    ("version", "replaced"), [("2c", False), ("3", False), ("3", True)], ids=["2c", "3", "3-replaced"]
)
async def test_an_agent_that_is_restarted_or_replaced_is_said_once_when_away_and_once_when_back(
    tmp_path: Path, version: str, replaced: bool
) -> None:
    """Replaced: another engine id, and its starts are counted from the beginning."""
    box = Box()
    async with snmpd(tmp_path) as agent:
        connector = poller(agent.port, version, timeout="400 ms", retries=0)
        async with at_work(connector, box) as (link, _):
            await box.hold(1)
            await until(lambda: link.said[-1].startswith("up: "))
            before = len(link.said)
            await agent.kill()
            failed = connector.counts["failed"]
            await until(lambda: connector.counts["failed"] >= failed + 3)
            assert [said.partition(":")[0] for said in link.said[before:]] == ["down"]
            if replaced:
                await agent.forget()
            await agent.start()
            await agent.tell(OUTPUT_SOURCE, "i", "5")
            await until(lambda: box.documents[-1]["values"][SOURCE] == 5)
            assert link.said[before + 1].startswith("up: ")


@pytest.mark.shows("connector:snmp-poll", "credentials")
@pytest.mark.parametrize(
    ("version", "secret", "why"),
    [
        ("1", "traps", "No SNMP response"),
        ("2c", "traps", "No SNMP response"),
        ("3", "auth", "igest"),
        ("3", "priv", ""),
    ],
)
async def test_a_wrong_password_is_a_fault_that_shows_it_not_and_the_right_one_ends_it(
    tmp_path: Path, version: str, secret: str, why: str
) -> None:
    vault, box = Vault(traps="public-not", auth=AUTH, priv=PRIV), Box()
    right, vault.texts[secret] = vault.texts[secret], "not the right one"
    async with snmpd(tmp_path) as agent:
        connector = poller(agent.port, version, vault, timeout="500 ms", retries=0)
        async with at_work(connector, box) as (link, _):
            said = await link.hear("down: 127.0.0.1: ")
            assert why in said
            assert "not the right one" not in said
            assert not box.messages
            vault.texts[secret] = right
            await link.hear("up: ")
            await box.hold(1)

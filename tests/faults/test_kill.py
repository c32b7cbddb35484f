"""The bridge is killed at random under load by every way in, with a VMS on a bad day: nothing is lost, doubled or out
of order.

Plate readers by HTTP and TCP, meters behind mosquitto, SNMP informs, points of a Modbus device; one ledger. SIGKILL
proves no fsync, since the kernel writes on: ``test_unsynced_writes`` and ``test_unsynced_ways`` do. ``KILLS``: how
often; 20 unless given, in rounds of at most a hundred, each with a journal of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.simulator import journal_ledger, ledger
from bridge.simulator.faults import Kind
from tests.faults.books import MULTIPLIED, REASONS
from tests.faults.killing import FRESH, KillRun
from tests.faults.looking import LOOKED
from tests.faults.ways.points import TURNS

KILLS = int(os.environ.get("KILLS", "20"))
ROUND = 100
ROUNDS = [min(ROUND, KILLS - begun) for begun in range(0, KILLS, ROUND)]
SEED = int(os.environ.get("SEED", "1"))

PROPERTIES = {
    ledger.ARRIVES, ledger.ISSUED, ledger.EQUAL, ledger.ORDER, ledger.ONCE, ledger.ENOUGH, FRESH,
    journal_ledger.KEPT, journal_ledger.ENDED, journal_ledger.SAME, journal_ledger.FATE, journal_ledger.PICTURE,
    MULTIPLIED, REASONS, TURNS, LOOKED,
}  # fmt: skip
NOTICING = {"lpr": 1 / 2, "cable": 1 / 2, "traps": 1.0, "plant": 1 / 2}
"""How often, for each kill, the senders of a way must have noticed it."""


@pytest.mark.needs("mosquitto", "mosquitto_pub", "snmpinform")
@pytest.mark.shows("connector:http", "kill")
@pytest.mark.shows("connector:tcp", "kill")
@pytest.mark.shows("connector:mqtt", "kill", "peer", peer="mosquitto")
@pytest.mark.shows("connector:snmp", "kill", "peer", peer="net-snmp")
@pytest.mark.shows("connector:modbus", "kill", "peer", peer="pyModbusTCP")
@pytest.mark.parametrize(("turn", "kills"), list(enumerate(ROUNDS)))
async def test_killed_at_random_the_ledger_closes(tmp_path: Path, turn: int, kills: int) -> None:
    run = KillRun(tmp_path, kills, SEED * 1000 + turn)
    report = await run.run()
    print(f"killed {dict(run.killed)}, faults { ({kind.value: times for kind, times in run.hits.items()}) }")
    print(f"{run.looking.searches} searches for what was in doubt")
    for way in run.ways:
        sure = sum(each.sure for each in way.log.issued)
        print(f"  {way.name}: {len(way.log.issued):,} said, {sure:,} sure, noticed {way.noticed:,} times")
    print(f"came again: {dict(run.again)}")
    print(report.text())
    assert report.closes, report.text()
    assert {each.name for each in report.properties} == PROPERTIES
    assert all(each.checked for each in report.properties), report.text()
    assert run.killed.total() == kills
    assert set(run.hits) == set(Kind), f"not every fault came up: {run.hits}"
    assert run.looking.searches >= kills, "hardly anything was in doubt"
    for way in run.ways:
        assert len(way.log.issued) >= way.least * kills, f"hardly anything was said on {way.name}"
        assert way.noticed >= kills * NOTICING.get(way.name, 0), f"{way.name} hardly noticed that the bridge was killed"
    assert run.again["broker"] >= kills // 4, "the broker hardly ever had to send again"

"""The bridge is killed at random under load, with a VMS on a bad day: nothing is lost, doubled or out of order.

SIGKILL proves no fsync, since the kernel writes on: ``test_unsynced_writes`` does. ``KILLS``: how often; 20 unless
given, in rounds of at most a hundred, each with a journal of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.simulator import journal_ledger, ledger
from bridge.simulator.vxg.faults import Kind
from tests.faults.killing import FRESH, MULTIPLIED, KillRun

KILLS = int(os.environ.get("KILLS", "20"))
ROUND = 100
ROUNDS = [min(ROUND, KILLS - begun) for begun in range(0, KILLS, ROUND)]
SEED = int(os.environ.get("SEED", "1"))

PROPERTIES = {
    ledger.ARRIVES, ledger.ISSUED, ledger.EQUAL, ledger.ORDER, ledger.ONCE, ledger.ENOUGH, FRESH,
    journal_ledger.KEPT, journal_ledger.ENDED, journal_ledger.SAME, journal_ledger.FATE, journal_ledger.PICTURE,
    MULTIPLIED,
}  # fmt: skip


@pytest.mark.parametrize(("turn", "kills"), list(enumerate(ROUNDS)))
async def test_killed_at_random_the_ledger_closes(tmp_path: Path, turn: int, kills: int) -> None:
    run = KillRun(tmp_path, kills, SEED * 1000 + turn)
    report = await run.run()
    print(f"killed {dict(run.killed)}, faults { ({kind.value: times for kind, times in run.hits.items()}) }")
    print(f"{len(run.log.issued)} messages, {run.log.cut} cut, {run.searches} searches for what was in doubt")
    print(report.text())
    assert report.closes, report.text()
    assert {each.name for each in report.properties} == PROPERTIES
    assert all(each.checked for each in report.properties), report.text()
    assert run.killed.total() == kills
    assert set(run.hits) == set(Kind), f"not every fault came up: {run.hits}"
    assert run.searches >= kills, "hardly anything was in doubt"
    assert run.log.cut >= kills // 2, "the senders hardly noticed that the bridge was killed"

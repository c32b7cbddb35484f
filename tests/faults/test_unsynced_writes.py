"""Accepted means synced. SIGKILL proves nothing about that (the kernel writes on); dropping what was not synced does.

A journal works under a recorder. For each sync in turn, the disk is rebuilt as a power cut just before the next sync
would leave it, and a journal opened on it must have everything that was acknowledged until then, and nothing half.
With any one kind of sync left out this must fail: else the proof would prove nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.journal.contract import DeliveryRecord, EventRecord, MessageRecord, Query, Totals
from bridge.journal.sqlite import SqliteJournal
from bridge.journal.sqlite.schema import DATABASE
from bridge.model import Decision, DeliveryState, SensorId, StateKey
from tests.faults.disk import Disk, Step, steps
from tests.faults.workload import CAMERAS, decisions
from tests.journal.making import SITE

pytestmark = pytest.mark.needs("gcc")

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("wal", "database", "media", "day-folder", "media-folder", "folder", "parent")
EVERYTHING = 10_000


class Lost(AssertionError):
    """Something acknowledged is not there, or something is there by half."""


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("recorder") / "trace_writes.so"
    source = Path(__file__).with_name("trace_writes.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def under(recorder: Path, folder: Path, ignore: str | None = None) -> dict[str, str]:
    """The environment in which a program's writes below ``folder/disk`` are recorded in ``folder/record``."""
    (folder / "disk").mkdir()
    environment = {
        **os.environ,
        "LD_PRELOAD": str(recorder),
        "TRACE_ROOT": str(folder / "disk"),
        "TRACE_FILE": str(folder / "record"),
        "PYTHONPATH": str(ROOT),
    }
    return environment if ignore is None else {**environment, "TRACE_IGNORE": ignore}


def record(recorder: Path, folder: Path, ignore: str | None = None) -> tuple[str, list[Step]]:
    """Let the workload run; returns the folder it worked in and what it did to the disk."""
    disk = folder / "disk"
    command = [sys.executable, "-m", "tests.faults.workload", str(disk)]
    subprocess.run(command, env=under(recorder, folder, ignore), check=True, timeout=60, cwd=ROOT)
    return str(disk), list(steps(folder / "record"))


class Acknowledged:
    """What the world was told until the cut."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.begun: set[tuple[str, str]] = set()
        self.settled: set[tuple[str, str]] = set()

    def take(self, line: str) -> None:
        match line.split():
            case ["kept", message]:
                self.kept.add(message)
            case ["begun", event, camera]:
                self.begun.add((event, camera))
            case ["settled", event, camera]:
                self.settled.add((event, camera))


@cache
def expected() -> dict[str, Decision]:
    return {each.message.id: each for each in decisions() if each.message is not None}


async def check(folder: Path, told: Acknowledged) -> None:
    """Raises Lost, or whatever opening a broken journal raises."""
    if told.kept and not (folder / "journal" / DATABASE).exists():
        raise Lost("the journal is gone")
    journal = await SqliteJournal.open(folder / "journal", site=SITE, node="after", clock=SystemClock())
    try:
        await _check(journal, told)
    finally:
        await journal.close()
    connection = sqlite3.connect(folder / "journal" / DATABASE)
    try:
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()
    if sound != "ok":
        raise Lost(sound)


async def _check(journal: SqliteJournal, told: Acknowledged) -> None:
    messages: dict[str, MessageRecord] = {}
    events = {}
    deliveries: dict[tuple[str, str], DeliveryState] = {}
    for what in ("messages", "events", "deliveries"):
        async for found in journal.read(Query(what=what, limit=EVERYTHING)):
            match found:
                case MessageRecord():
                    messages[found.id] = found
                case EventRecord():
                    events[found.event.message] = found.event
                case DeliveryRecord():
                    deliveries[found.event, found.camera] = found.state
    if not told.kept <= messages.keys():
        raise Lost(f"acknowledged and not there: {sorted(told.kept - messages.keys())}")
    facts: dict[StateKey, bytes] = {}
    for id in sorted(messages):
        made, found = expected()[id], messages[id]
        assert made.message is not None
        if (found.message, found.verdicts, events.get(found.id)) != (
            made.message.message,
            made.verdicts,
            made.events[0],
        ):
            raise Lost(f"{id} is there by half")
        if not all((made.events[0].id, camera) in deliveries for camera in CAMERAS):
            raise Lost(f"{id} has lost a delivery")
        for kept in made.message.media:
            if await journal.media(kept.media.id) != kept.data:
                raise Lost(f"picture {kept.media.id} is not what was sent")
        facts.update({change.key: change.value or b"" for change in made.changes})
    if len(events) != len(messages) or len(deliveries) != len(messages) * len(CAMERAS):
        raise Lost("events or deliveries without their message")
    state = await journal.state([SensorId(f"sensor-{number}") for number in range(4)])
    if {key: row.value for key, row in state.items()} != facts:
        raise Lost("the facts are not those of the messages")
    bookmark, last = await journal.position("log"), expected()[max(messages)].message if messages else None
    if bookmark != (last.message.position if last is not None else None):
        raise Lost("the poller's bookmark is not that of the last message: what it read would be lost, or told twice")
    _check_deliveries(told, deliveries, await journal.totals(), len(messages))


def _check_deliveries(
    told: Acknowledged, deliveries: dict[tuple[str, str], DeliveryState], totals: Totals, messages: int
) -> None:
    for place in told.settled:
        if deliveries[place] is not DeliveryState.DELIVERED:
            raise Lost(f"{place} was settled and is {deliveries[place].value}: it would be sent twice")
    for place in told.begun:
        if deliveries[place] is DeliveryState.PENDING:
            raise Lost(f"{place} was begun and is pending: it would be sent again without a search")
    states = list(deliveries.values())
    if (totals.messages, totals.events) != (messages, messages) or any(
        totals.deliveries[state.value] != states.count(state) for state in DeliveryState
    ):
        raise Lost("the sums do not add up")


def never() -> bool:
    return False


def cuts(
    root: str, taken: Sequence[Step], folder: Path, chosen: Callable[[int], bool], survives: Callable[[], bool] = never
) -> int:
    """Cut before each chosen sync, and at the end; how many cuts were looked at."""
    disk, told, looked = Disk(root), Acknowledged(), 0
    syncs = 0
    for step in (*taken, Step("end", "", 0, b"")):
        if step.kind in ("S", "D", "end"):
            syncs += 1
            if chosen(syncs) or step.kind == "end":
                looked += 1
                place = folder / f"cut-{syncs}"
                place.mkdir()
                disk.rebuild(place, survives)
                asyncio.run(check(place, told))
                shutil.rmtree(place)
        if step.kind == "A":
            for line in step.data.decode().splitlines():
                told.take(line)
        elif step.kind != "end":
            disk.take(step)
    assert len(told.kept) == len(expected()), "the workload did not finish"
    assert told.settled
    return looked


def test_what_was_acknowledged_survives_a_power_cut_at_any_sync(recorder: Path, tmp_path: Path) -> None:
    root, taken = record(recorder, tmp_path)
    kinds = {Path(step.path).name.rpartition("-")[2] for step in taken if step.kind == "S"}
    assert {"wal", "journal.db"} <= kinds, "the workload must reach the log and, by a checkpoint, the tables"
    assert cuts(root, taken, tmp_path, lambda number: number % 5 == 0) > 15


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_power_cut_at_every_sync(recorder: Path, tmp_path: Path) -> None:
    root, taken = record(recorder, tmp_path)
    assert cuts(root, taken, tmp_path, lambda number: True) > 80


def test_it_survives_when_some_of_what_was_not_synced_reached_the_disk_all_the_same(
    recorder: Path, tmp_path: Path
) -> None:
    root, taken = record(recorder, tmp_path)
    chance = random.Random(2026)
    assert cuts(root, taken, tmp_path, lambda number: number % 7 == 0, lambda: chance.random() < 0.5) > 10


@pytest.mark.parametrize("left_out", KINDS)
def test_the_proof_goes_red_when_one_kind_of_sync_is_left_out(recorder: Path, tmp_path: Path, left_out: str) -> None:
    root, taken = record(recorder, tmp_path, ignore=left_out)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Lost, or a journal too broken to be opened or read
        cuts(root, taken, tmp_path, lambda number: number % 4 == 0)
    assert "did not finish" not in str(caught.value)


def machine(recorder: Path, folder: Path, examples: int, ignore: str | None = None) -> subprocess.CompletedProcess[str]:
    """The state machine of decide and journal, each kill of which drops what was not synced."""
    command = [sys.executable, "-m", "tests.faults.unsynced_machine", str(examples), "20"]
    environment = under(recorder, folder, ignore)
    return subprocess.run(command, env=environment, timeout=600, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_ledger_closes_whatever_happens_when_kills_drop_unsynced_writes(recorder: Path, tmp_path: Path) -> None:
    ran = machine(recorder, tmp_path, 12)
    assert ran.returncode == 0, ran.stderr[-4000:] + ran.stdout[-4000:]
    assert int(ran.stdout.split("kills ")[1]) >= 5


def test_and_it_does_not_when_the_log_is_not_synced(recorder: Path, tmp_path: Path) -> None:
    ran = machine(recorder, tmp_path, 12, ignore="wal")
    assert ran.returncode != 0
    assert "was acknowledged and is not there" in ran.stdout + ran.stderr

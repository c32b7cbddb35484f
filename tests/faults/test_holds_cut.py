"""A power cut between "it has been held long enough" and "its event is kept" gives exactly one event.

Cars are held, doors have to last, leaks end by themselves. The power is cut at each sync in turn, what was not synced
is lost, and the bridge starts again when everything is overdue: each thing that was acknowledged is then one event.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from bridge.model import Fate, State
from tests.faults.disk import Disk, Step, steps
from tests.faults.holds import CAMERAS, ROUNDS, SENSOR, opened
from tests.faults.test_unsynced_writes import ROOT, recorder, under
from tests.intake.conftest import HandClock
from tests.ledger import Books, books_of, problems

__all__ = ["recorder"]
pytestmark = pytest.mark.needs("gcc")

LATER = 10_000.0
"""Seconds after the cut: whatever waited is overdue."""


async def after_a_cut(folder: Path) -> Books:
    """The books once the bridge has started on what a cut left, and every timer has fired."""
    clock = HandClock()
    clock.seconds = LATER
    journal, intake = await opened(folder, clock)
    running = asyncio.ensure_future(intake.run())
    try:
        async with asyncio.timeout(20):
            while any(row.remaining is not None for row in (await journal.state([SENSOR])).values()):
                await asyncio.sleep(0.001)
            return await books_of(journal, [SENSOR])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await journal.close()


def wrong_with(books: Books, acknowledged: set[str]) -> list[str]:
    found = problems(books, acknowledged, CAMERAS)  # type: ignore[arg-type]
    found += [f"{event} is still held" for event in books.held]
    began: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for event in books.events.values():
        said = msgspec.json.decode(event.detail)
        began[str(said.get("thing") or event.condition)] += event.state is not State.RESTORED
        ended[str(event.condition)] += event.id.endswith("-end")
    found += [f"{thing} is {times} events" for thing, times in began.items() if times > 1]
    found += [f"{leak} ended {times} times" for leak, times in ended.items() if times > 1]
    for record in books.messages.values():
        said = msgspec.json.decode(record.message.body)
        thing = str(said.get("thing") or f"door|{said['door']}")
        if not began[thing] and record.verdicts[0].fate is not Fate.FILTERED:
            found.append(f"{thing} was kept and is no event")
        if "leak" in thing and not ended[thing]:
            found.append(f"{thing} did not end")
    return found


def cut_everywhere(root: str, taken: list[Step], folder: Path, every: int) -> tuple[int, set[str]]:
    """How many cuts were looked at, and what was acknowledged in the end."""
    disk, acknowledged, syncs, looked = Disk(root), set[str](), 0, 0
    for step in (*taken, Step("end", "", 0, b"")):
        if step.kind in ("S", "D", "end"):
            syncs += 1
            if acknowledged and (syncs % every == 0 or step.kind == "end"):
                looked += 1
                place = folder / f"cut-{syncs}"
                place.mkdir()
                disk.rebuild(place, lambda: False)
                found = wrong_with(asyncio.run(after_a_cut(place)), acknowledged)
                assert not found, f"cut before sync {syncs}: {found}"
                shutil.rmtree(place)
        if step.kind == "A":
            acknowledged |= {line.partition(" ")[2] for line in step.data.decode().splitlines()}
        elif step.kind != "end":
            disk.take(step)
    return looked, acknowledged


def recorded(recorder: Path, folder: Path, ignore: str | None = None) -> tuple[str, list[Step]]:
    disk = folder / "disk"
    command = [sys.executable, "-m", "tests.faults.holds", str(disk)]
    subprocess.run(command, env=under(recorder, folder, ignore), check=True, timeout=60, cwd=ROOT)
    return str(disk), list(steps(folder / "record"))


def test_what_was_held_is_one_event_wherever_the_power_is_cut(recorder: Path, tmp_path: Path) -> None:
    root, taken = recorded(recorder, tmp_path)
    looked, acknowledged = cut_everywhere(root, taken, tmp_path, every=1)
    assert looked > 40
    assert len(acknowledged) == ROUNDS * 5 + 3


def test_and_it_is_not_when_the_log_is_not_synced(recorder: Path, tmp_path: Path) -> None:
    root, taken = recorded(recorder, tmp_path, ignore="wal")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what is wrong, or a journal too broken to be opened
        cut_everywhere(root, taken, tmp_path, every=1)
    assert "acknowledged" in str(caught.value) or "journal" in str(caught.value)

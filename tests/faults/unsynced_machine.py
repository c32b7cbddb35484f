"""The ledger machine on a disk that loses what was not synced: run as a program under the recorder.

``python -m tests.faults.unsynced_machine EXAMPLES STEPS`` with the environment of ``test_unsynced_writes.record``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.disk import Disk, steps
from tests.intake.test_ledger_machine import LedgerMachine

ROOT = Path(os.environ["TRACE_ROOT"])
RECORD = Path(os.environ["TRACE_FILE"])
DEPTH = len(ROOT.parts) + 1


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copied(source: str, target: str) -> None:
    """By plain writes, which the recorder sees; shutil would let the kernel copy."""
    Path(target).write_bytes(Path(source).read_bytes())


class Recorded:
    """The disk as the record tells it, read on from where it was read last."""

    def __init__(self) -> None:
        self.disk = Disk(str(ROOT))
        self.read = 0
        self.gone: set[str] = set()

    def forget(self, folder: Path) -> None:
        """Its journal is closed or killed; what it still writes is nobody's."""
        self.gone.add(str(folder))
        self.disk.forget(str(folder))

    def catch_up(self) -> Disk:
        with RECORD.open("rb") as record, tempfile.NamedTemporaryFile() as piece:
            record.seek(self.read)
            data = record.read()
            self.read += len(data)
            piece.write(data)
            piece.flush()
            for step in steps(Path(piece.name)):
                if "/".join(step.path.split("/")[:DEPTH]) not in self.gone:
                    self.disk.take(step)
        return self.disk


RECORDED = Recorded()
KILLS = [0]


class UnsyncedMachine(LedgerMachine):
    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "folder"):
            RECORDED.forget(self.folder)

    def new_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(dir=ROOT))
        sync(ROOT)
        return folder

    def left_by_a_kill(self) -> Path:
        KILLS[0] += 1
        folder = self.new_folder()
        with tempfile.TemporaryDirectory() as rebuilt:
            RECORDED.catch_up().rebuild(Path(rebuilt))
            RECORDED.forget(self.folder)
            left = Path(rebuilt) / self.folder.name / "journal"
            if left.exists():
                shutil.copytree(left, folder / "journal", copy_function=copied)
        for path in [*folder.rglob("*"), folder]:
            sync(path)
        return folder


if __name__ == "__main__":
    examples, steps_each = map(int, sys.argv[1:])
    run_state_machine_as_test(
        UnsyncedMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps_each,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # a counterexample that is not made small is enough here
        ),
    )
    print(f"kills {KILLS[0]}")

"""A measured child process: started on a core of its own, read through /proc."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
_LIBC = ctypes.CDLL(None)


def _begin(core: int | None) -> None:
    """In the child: it ends with the benchmark, however that is ended (prctl(2), PR_SET_PDEATHSIG)."""
    _LIBC.prctl(1, signal.SIGKILL)
    if core is not None:
        os.sched_setaffinity(0, {core})


class Child:
    """``spawned``: monotonic seconds at which it was started."""

    def __init__(self, process: asyncio.subprocess.Process, spawned: float) -> None:
        self.process = process
        self.spawned = spawned

    @classmethod
    async def start(cls, *arguments: str, core: int | None, ready: bytes, log: Path) -> Child:
        """Run ``python -m arguments`` on ``core``; returns once its output has a line holding ``ready``."""
        spawned = time.monotonic()
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *arguments,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                preexec_fn=partial(_begin, core),
            )
        child = cls(process, spawned)
        assert process.stdout is not None
        async with asyncio.timeout(60):
            async for line in process.stdout:
                if ready in line:
                    child.ready_line = line.decode()
                    return child
        raise RuntimeError(f"{arguments} ended before it was ready: {log.read_text()[-2000:]}")

    ready_line = ""

    def cpu(self) -> float:
        """Seconds of processor time, user and system, of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> tuple[float, float]:
        """Resident and proportional set size in MiB."""
        rss = pss = 0
        for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                rss = int(line.split()[1])
            elif line.startswith("Pss:"):
                pss = int(line.split()[1])
        return rss / 1024, pss / 1024

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            try:
                async with asyncio.timeout(20):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()

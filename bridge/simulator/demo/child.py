"""The bridge as a child process: started, killed, started again, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

READY_WITHIN = 30.0
"""Seconds a bridge may take to say that it is ready."""


class ChildFailed(Exception):
    """The bridge did not start, or ended by itself; the text has the end of its log."""


class Child:
    """``words``: the command's arguments after ``vms-bridge``. Its log goes to the file ``log``."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self._words = words
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> str:
        """Returns the line that says it is ready. Raises ChildFailed."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bridge.cli.main",
                *self._words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends it in order
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        self.starts += 1
        stdout = self._process.stdout
        assert stdout is not None
        try:
            async with asyncio.timeout(READY_WITHIN):
                while line := await stdout.readline():
                    if b"ready" in line:
                        self._listening = asyncio.create_task(_read_on(stdout))
                        return line.decode("utf-8", "replace").strip()
        except TimeoutError:
            await self.kill()
            raise ChildFailed(f"the bridge was not ready within {READY_WITHIN:.0f} s\n{self.tail()}") from None
        await self.kill()
        raise ChildFailed(f"the bridge ended before it was ready\n{self.tail()}")

    async def kill(self) -> None:
        """SIGKILL, as a power cut takes it."""
        if self.alive and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._gone(5.0)

    async def stop(self, within: float = 15.0) -> int | None:
        """SIGTERM, and SIGKILL when that does not help; its exit code."""
        if self.alive and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            if not await self._gone(within):
                await self.kill()
        return self._process.returncode if self._process is not None else None

    async def _gone(self, within: float) -> bool:
        if self._process is not None:
            try:
                async with asyncio.timeout(within):
                    await self._process.wait()
            except TimeoutError:
                return False
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None
        return True

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        text = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


async def _read_on(stdout: asyncio.StreamReader) -> None:
    """Nobody reads what else it prints, and a full pipe must not stop it."""
    while await stdout.read(65536):
        pass


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    """PR_SET_PDEATHSIG: the kernel ends the bridge when the demo is gone, however it went (prctl(2))."""
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGKILL)

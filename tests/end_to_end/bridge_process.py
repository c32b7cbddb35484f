"""``vms-bridge run`` as its own process on the loop it really runs on, and what a test asks of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.simulator.http_client import HttpClient, Reply

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ("-m", "bridge.cli.main")
WITHIN = 30.0
"""Seconds until anything that must happen is taken for not happening."""


class Bridge:
    """A service that has said it is ready. ``told``: the JSON lines it has printed."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.told: list[dict[str, Any]] = []
        self._more = asyncio.Event()
        self._ended = False

    async def read_on(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.told.append(json.loads(line))
            self._more.set()
        self._ended = True
        self._more.set()

    async def line(self, what: str) -> dict[str, Any]:
        """The first line about this, once it was printed."""
        async with asyncio.timeout(WITHIN):
            while True:
                self._more.clear()
                for told in self.told:
                    if told["what"] == what:
                        return told
                assert not self._ended, f"it ended without {what}: {self.said()}"
                await self._more.wait()

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text()

    async def says(self, words: str) -> None:
        """Wait until the log has these words."""
        await until(lambda: words in self.said(), lambda: f"the log never says {words!r}: {self.said()}")

    def bound(self, connector: str) -> tuple[str, int]:
        ready = next(told for told in self.told if told["what"] == "ready")
        way = next(each for each in ready["connectors"] if each["name"] == connector)
        host, _, port = way["bound"].rpartition(":")
        return host, int(port)

    @property
    def control(self) -> Path:
        return Path(next(told for told in self.told if told["what"] == "ready")["control"])

    async def post(self, request: bytes, connector: str = "lpr") -> Reply:
        """Send one request on a connection of its own."""
        client = HttpClient(*self.bound(connector))
        try:
            return await client.send(request)
        finally:
            client.close()

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """What the control socket answers, head and body."""
        reader, writer = await asyncio.open_unix_connection(str(self.control))
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        try:
            async with asyncio.timeout(WITHIN):
                return await reader.read()
        finally:
            writer.close()

    async def status(self) -> dict[str, Any]:
        answer = await self.ask("GET", "/status")
        found: dict[str, Any] = json.loads(_body(answer))
        return found

    def memory(self) -> int:
        """Bytes resident now."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ends(self) -> int:
        async with asyncio.timeout(WITHIN):
            return await self.process.wait()

    async def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return await self.ends()


def _body(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return whole


async def until(holds: Any, why: Any) -> None:
    """Look every so often whether something holds. Fails with ``why()`` after ``WITHIN`` seconds."""
    try:
        async with asyncio.timeout(WITHIN):
            while not holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(why()) from None


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    *words: str,
    program: Sequence[str] = COMMAND,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Bridge]:
    """The site in ``folder/site.yaml`` with its secrets beside it; ``words`` besides."""
    log = folder / "bridge.log"
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, "run", str(folder / "site.yaml"), "--json", *words,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=2**24,
        )  # fmt: skip
    bridge = Bridge(process, log)
    reading = asyncio.create_task(bridge.read_on())
    try:
        await bridge.line("ready")
        yield bridge
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        reading.cancel()
        await asyncio.wait([reading])


async def command(*words: str, within: float = WITHIN) -> tuple[int, bytes]:
    """Another command of ours to its end: (exit code, all it printed)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND, *words,
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(within):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, printed

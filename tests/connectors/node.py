"""Node.js as the other side: a device that is connected to and asked, and a sender."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.connectors.conftest import BOUND

_DEVICE = Path(__file__).with_name("node_device.js")
_SENDER = Path(__file__).with_name("node_sender.js")


@dataclass
class NodeDevice:
    """What ``node_device.js`` plays; its ports stay when it is killed and started again."""

    password: str = ""
    http: int = 0
    tcp: int = 0
    _process: asyncio.subprocess.Process | None = field(default=None)

    async def start(self) -> None:
        """Returns once it listens."""
        words = [str(_DEVICE), str(self.http), str(self.tcp), *([self.password] if self.password else [])]
        self._process = await asyncio.create_subprocess_exec(
            "node", *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(BOUND):
            ports = json.loads(await self._process.stdout.readline())
        self.http, self.tcp = ports["http"], ports["tcp"]

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def node_device(password: str = "") -> AsyncIterator[NodeDevice]:
    device = NodeDevice(password)
    await device.start()
    try:
        yield device
    finally:
        await device.kill()


async def node_sends(what: str, port: int) -> object:
    """What ``node_sender.js`` says of what it sent in this way."""
    process = await asyncio.create_subprocess_exec(
        "node", str(_SENDER), what, str(port), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(BOUND):
        out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"node ended with {process.returncode}: {err.decode(errors='replace')}")
    return json.loads(out)

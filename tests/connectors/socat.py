"""socat as a device: a program that knows nothing of us, connected to by TCP or sending datagrams."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.connectors.conftest import BOUND


@asynccontextmanager
async def device_that_says(file: Path, heard: Path, port: int) -> AsyncIterator[None]:
    """A TCP server that says a file to whoever connects, one after the other, and writes down what it hears."""
    program = await asyncio.create_subprocess_exec(
        "socat", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", f"SYSTEM:cat {file}; cat >> {heard}",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGTERM)  # those too that speak with somebody
        async with asyncio.timeout(BOUND):
            await program.wait()


async def send_datagram(port: int, data: bytes) -> None:
    program = await asyncio.create_subprocess_exec(
        "socat", "-u", "-b", "65507", "STDIN", f"UDP-SENDTO:127.0.0.1:{port}", stdin=subprocess.PIPE
    )
    async with asyncio.timeout(BOUND):
        await program.communicate(data)

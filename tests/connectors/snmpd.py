"""A device that can be asked and is not ours: net-snmp's agent on a port of its own, started and killed at will."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.connectors.snmp_agent import ALARMS, OUTPUT_SOURCE
from tests.free_port import free_port

HOST = "127.0.0.1"
FAN = "1.3.6.1.2.1.33.1.6.3.16"
NAME = "1.3.6.1.2.1.1.5.0"
AUTH, PRIV = "authenticates", "encrypts it"

STARTS_WITHIN = 30.0
_CONFIGURATION = f"""
rwcommunity public-not {HOST}
rouser bridge authpriv
sysName rack-7
override -rw .{OUTPUT_SOURCE} integer 3
override -rw .{ALARMS}.2.7 object_id .{FAN}
override -rw .{ALARMS}.3.7 integer 5
override -rw .{ALARMS}.2.9 object_id .{FAN}
override -rw .{ALARMS}.3.9 integer 6
"""
"""A UPS on mains with two alarms; whatever it has may be set by ``tell``."""


def program(name: str) -> str:
    """Its path; Debian has the agent where not everybody looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or name


@dataclass
class Snmpd:
    """``folder``: its configuration, and what it remembers: its engine id, its starts, and the keys of its users."""

    folder: Path
    port: int = 0
    auth_key: str = AUTH
    _process: asyncio.subprocess.Process | None = field(default=None)

    @property
    def _remembers(self) -> Path:
        return self.folder / "remembers"

    async def start(self) -> None:
        """Returns once it can be asked."""
        if not self.port:
            self.port = free_port()
        self._remembers.mkdir(exist_ok=True)
        user = f'createUser bridge SHA-256 "{self.auth_key}" AES "{PRIV}"\n'
        (self.folder / "snmpd.conf").write_text(_CONFIGURATION + user)
        self._process = await asyncio.create_subprocess_exec(
            program("snmpd"), "-f", "-Lo", f"udp:{HOST}:{self.port}",
            env=self._surroundings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = b""
        assert self._process.stdout is not None
        async with asyncio.timeout(STARTS_WITHIN):
            while b"NET-SNMP version" not in said:  # it says this once it listens
                line = await self._process.stdout.readline()
                said += line
                if not line:
                    raise RuntimeError(f"snmpd ended: {said.decode(errors='replace')}")

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def forget(self) -> None:
        """While it does not run: whatever it remembers, as a device that was replaced."""
        shutil.rmtree(self._remembers)

    async def tell(self, oid: str, kind: str, value: str) -> None:
        """Set by ``snmpset``; ``kind``: i for a number, o for an object identifier, s for a text."""
        process = await asyncio.create_subprocess_exec(
            "snmpset", "-v", "2c", "-c", "public-not", "-t", "2", "-r", "5", f"{HOST}:{self.port}", oid, kind, value,
            env=self._surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(STARTS_WITHIN):
            said, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"snmpset ended with {process.returncode}: {said.decode(errors='replace')}")

    @property
    def _surroundings(self) -> dict[str, str]:
        """Nothing that the machine's own SNMP has set up is read or changed."""
        own = {"SNMP_PERSISTENT_DIR": str(self._remembers), "SNMPCONFPATH": str(self.folder), "MIBS": ""}
        return {**os.environ, **own}


@asynccontextmanager
async def snmpd(folder: Path) -> AsyncIterator[Snmpd]:
    agent = Snmpd(folder)
    await agent.start()
    try:
        yield agent
    finally:
        with contextlib.suppress(ProcessLookupError):
            await agent.kill()

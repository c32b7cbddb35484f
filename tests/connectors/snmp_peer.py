"""net-snmp's own programs as the other side, and the connector they speak to."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.model import ConnectorId, Message, Position
from connectors.base import Mode
from connectors.snmp import SnmpConnector, SnmpSettings
from tests.connectors.conftest import BOUND, Inbox, Vault, Words

AUTH, PRIV = "authenticates", "encrypts it"
USER: Mapping[str, object] = {"name": "bridge", "auth_key": "secret:auth", "priv_key": "secret:priv"}
LINK_DOWN, IF_INDEX = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1"
KEYS = ("-u", "bridge", "-a", "SHA-256", "-A", AUTH, "-x", "AES", "-X", PRIV, "-l", "authPriv")


class Box(Inbox):
    """An inbox that remembers positions."""

    positions: dict[str, str]

    async def position(self, name: str) -> Position | None:
        kept = getattr(self, "positions", {}).get(name)
        return None if kept is None else Position(name, kept)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [document(message) for message in self.messages]


def document(message: Message) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(message.body)
    return read


class Port:
    """A connector at work. ``folder``: where net-snmp keeps what it remembers of its own engine."""

    def __init__(self, connector: SnmpConnector, inbox: Box, link: Words, task: asyncio.Task[None], folder: Path):
        self.connector = connector
        self.inbox = inbox
        self.link = link
        self.task = task
        self._folder = folder

    @property
    def bound(self) -> str:
        return self.connector.bound

    async def run(self, *words: str, told: tuple[str, ...] = ("42", LINK_DOWN, f"{IF_INDEX}.3", "i", "3")) -> int:
        """``snmptrap`` or ``snmpinform`` with these options, telling this, to its end; its exit code."""
        process = await self.begin(*words, told=told)
        async with asyncio.timeout(BOUND):
            await process.communicate()
        assert process.returncode is not None
        return process.returncode

    async def begin(
        self, *words: str, told: tuple[str, ...] = ("42", LINK_DOWN, f"{IF_INDEX}.3", "i", "3")
    ) -> asyncio.subprocess.Process:
        quiet = {"SNMP_PERSISTENT_DIR": str(self._folder), "SNMPCONFPATH": str(self._folder), "MIBS": ""}
        return await asyncio.create_subprocess_exec(
            *words, self.bound, *told,
            env={**os.environ, **quiet}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def counted(self, name: str, count: int = 1, seconds: float = BOUND) -> None:
        """Wait until the connector has counted so many of these."""
        async with asyncio.timeout(seconds):
            while self.connector.counts[name] < count:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.task.cancel()
        async with asyncio.timeout(BOUND):
            await self.task


def snmp(vault: Vault | None = None, **settings: object) -> SnmpConnector:
    """On a free port; with community ``public-not`` and the user ``bridge`` unless said otherwise."""
    known: dict[str, object] = {"bind": "127.0.0.1:0", "communities": ["secret:traps"], "users": [USER]}
    secrets = vault or Vault(traps="public-not", auth=AUTH, priv=PRIV)
    return SnmpConnector(ConnectorId("traps"), SnmpSettings.model_validate({**known, **settings}), [], secrets)


@asynccontextmanager
async def hearing(
    folder: Path, connector: SnmpConnector | None = None, inbox: Box | None = None, mode: Mode = Mode.TAKE
) -> AsyncIterator[Port]:
    box, link, connector = inbox or Box(), Words(), connector or snmp()
    task = asyncio.create_task(connector.run(box, link, mode))
    try:
        async with asyncio.timeout(BOUND):
            waiting = asyncio.create_task(link.is_up.wait())
            await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        if task.done():
            task.result()
        yield Port(connector, box, link, task, folder)
    finally:
        box.open.set()
        task.cancel()
        async with asyncio.timeout(BOUND):
            await asyncio.wait({task})

"""Connectors run against real sockets; the intake behind them is the seam: it records, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import pytest

from bridge.model import ConnectorId, Message, Position, Receipt, ReceiptKind
from bridge.secret import Secret, SecretMissing, SecretRef
from connectors.base import Address, Connector, Mode
from connectors.http import HttpAddress, HttpConnector, HttpSettings
from connectors.tcp import TcpAddress, TcpConnector, TcpSettings

BOUND = 30.0
"""Seconds any wait of a test may take before it is a failure."""

ACCEPTED = Receipt(ReceiptKind.ACCEPTED)
LATER = Receipt(ReceiptKind.LATER, "full", after=0.01)

AConnector = TypeVar("AConnector", bound="Listening")


@dataclass
class Inbox:
    """An intake that keeps what it is given. ``receipts``: the next answers, then ACCEPTED. While ``open`` is clear
    no submission returns. ``messages``: what was submitted; ``kept``: what a receipt said is durable."""

    receipts: list[Receipt] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    kept: list[Message] = field(default_factory=list)
    most_at_once: int = 0
    positions: dict[str, Position] = field(default_factory=dict)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    _at_once: int = 0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.open.set()

    async def submit(self, message: Message) -> Receipt:
        self.messages.append(message)
        receipt = self.receipts.pop(0) if self.receipts else ACCEPTED
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        async with self._news:
            self._news.notify_all()
        await self.open.wait()
        self._at_once -= 1
        if receipt.kept:
            self.kept.append(message)
        return receipt

    async def position(self, name: str) -> Position | None:
        return self.positions.get(name)

    async def hold(self, count: int) -> None:
        """Wait until so many messages were submitted."""
        async with asyncio.timeout(BOUND), self._news:
            await self._news.wait_for(lambda: len(self.messages) >= count)

    @property
    def bodies(self) -> list[bytes]:
        return [message.body for message in self.messages]


class Bookshelf(Inbox):
    """An inbox that keeps positions with the messages, as the journal does."""

    positions: dict[str, str]

    def __init__(self, positions: dict[str, str] | None = None) -> None:
        super().__init__()
        self.positions = {} if positions is None else positions

    async def submit(self, message: Message) -> Receipt:
        receipt = await super().submit(message)
        if receipt.kept and message.position is not None:
            self.positions[message.position.name] = message.position.value
        return receipt

    async def position(self, name: str) -> Position | None:
        return Position(name, self.positions[name]) if name in self.positions else None


class Words:
    """A link that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.is_up = asyncio.Event()
        self.parts: dict[str, Words] = {}

    def up(self, what: str = "") -> None:
        self.said.append(f"up: {what}")
        self.is_up.set()

    def down(self, why: str) -> None:
        self.said.append(f"down: {why}")

    def part(self, name: str) -> Words:
        """What is said of one of several."""
        return self.parts.setdefault(name, Words())


class Vault:
    """Secrets in memory; ``texts`` may be changed."""

    def __init__(self, **texts: str) -> None:
        self.texts = {name.replace("_", "-"): text for name, text in texts.items()}
        self.fresh = 0

    def get(self, ref: SecretRef, fresh: bool = False) -> Secret:
        self.fresh += fresh
        if ref not in self.texts:
            raise SecretMissing(f"no store has {ref}")
        return Secret(self.texts[ref], f"v{hash(self.texts[ref])}")


class Listening(Connector, Protocol):
    """A connector with a port. ``bound``: the address it really has, "" before."""

    bound: str
    counts: Counter[str]


@dataclass
class Way(Generic[AConnector]):
    """A running connector."""

    connector: AConnector
    inbox: Inbox
    link: Words
    task: asyncio.Task[None]

    @property
    def port(self) -> int:
        return int(self.connector.bound.rpartition(":")[2])

    async def stop(self) -> None:
        self.task.cancel()
        async with asyncio.timeout(BOUND):
            await self.task


@asynccontextmanager
async def running(
    connector: AConnector, inbox: Inbox | None = None, mode: Mode = Mode.TAKE
) -> AsyncIterator[Way[AConnector]]:
    way_inbox, link = inbox or Inbox(), Words()
    task = asyncio.create_task(connector.run(way_inbox, link, mode))
    try:
        async with asyncio.timeout(BOUND):
            waiting = asyncio.create_task(link.is_up.wait())
            await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        if task.done():
            task.result()
        yield Way(connector, way_inbox, link, task)
    finally:
        way_inbox.open.set()
        task.cancel()
        async with asyncio.timeout(BOUND):
            await asyncio.wait({task})


def http(
    *addresses: dict[str, object], vault: Vault | None = None, bind: str = "127.0.0.1:0", **settings: object
) -> HttpConnector:
    return HttpConnector(
        ConnectorId("lpr"),
        HttpSettings.model_validate({"bind": bind, **settings}),
        http_addresses(*addresses),
        vault or Vault(),
    )


def http_addresses(*addresses: dict[str, object]) -> Sequence[Address]:
    return [HttpAddress.model_validate(address) for address in addresses]


def tcp(*addresses: dict[str, object], bind: str = "127.0.0.1:0", **settings: object) -> TcpConnector:
    return TcpConnector(
        ConnectorId("yard"),
        TcpSettings.model_validate({"bind": bind, **settings}),
        [TcpAddress.model_validate(address) for address in addresses],
        Vault(),
    )


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()

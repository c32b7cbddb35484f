"""Connectors that connect out, run in a test: with short pauses, and words that can be waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bridge.model import ConnectorId
from bridge.secret import Secrets
from connectors.backoff import Backoff
from connectors.base import Connector, Intake, Mode
from connectors.http_poll import HttpPollConnector, HttpPollSettings
from connectors.http_stream import HttpStreamConnector, HttpStreamSettings
from connectors.tcp_client import TcpClientConnector, TcpClientSettings
from connectors.websocket import WebSocketConnector, WebSocketSettings
from tests.connectors.conftest import BOUND, Vault


@dataclass
class Told:
    """A link whose words can be waited for."""

    said: list[str] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def up(self, what: str = "") -> None:
        self._say(f"up: {what}")

    def down(self, why: str) -> None:
        self._say(f"down: {why}")

    def part(self, name: str) -> Part:
        return Part(self, name)

    def _say(self, text: str) -> None:
        self.said.append(text)
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def hear(self, words: str, times: int = 1) -> str:
        """Wait until something with these words was said so often; the last of it."""

        def heard() -> list[str]:
            return [each for each in self.said if words in each]

        async with asyncio.timeout(BOUND), self._news:
            await self._news.wait_for(lambda: len(heard()) >= times)
        return heard()[-1]


@dataclass
class Part:
    """A part of a link, whose words are those of the link with its name before them."""

    whole: Told
    name: str

    def up(self, what: str = "") -> None:
        self.whole._say(f"{self.name} up: {what}")

    def down(self, why: str) -> None:
        self.whole._say(f"{self.name} down: {why}")

    def part(self, name: str) -> Part:
        return Part(self.whole, f"{self.name} {name}")


def websocket(url: str, vault: Secrets | None = None, **settings: object) -> WebSocketConnector:
    made = WebSocketConnector(
        ConnectorId("omni"), WebSocketSettings.model_validate({"url": url, **settings}), [], vault or Vault()
    )
    made.backoff = Backoff(0.01, 0.05)
    made.refused_pause = 0.02
    return made


def http_poll(url: str, vault: Secrets | None = None, **settings: object) -> HttpPollConnector:
    made = HttpPollConnector(
        ConnectorId("memory"),
        HttpPollSettings.model_validate({"url": url, "every": "20 ms", **settings}),
        [],
        vault or Vault(),
    )
    made.backoff = Backoff(0.01, 0.05)
    made.refused_pause = 0.02
    return made


def http_stream(url: str, vault: Secrets | None = None, **settings: object) -> HttpStreamConnector:
    made = HttpStreamConnector(
        ConnectorId("gate"), HttpStreamSettings.model_validate({"url": url, **settings}), [], vault or Vault()
    )
    made.backoff = Backoff(0.01, 0.05)
    made.refused_pause = 0.02
    return made


def tcp_client(port: int, vault: Secrets | None = None, **settings: object) -> TcpClientConnector:
    made = TcpClientConnector(
        ConnectorId("scale"),
        TcpClientSettings.model_validate({"host": "127.0.0.1", "port": port, **settings}),
        [],
        vault or Vault(),
    )
    made.backoff = Backoff(0.01, 0.05)
    return made


@asynccontextmanager
async def at_work(
    connector: Connector, intake: Intake, mode: Mode = Mode.TAKE
) -> AsyncIterator[tuple[Told, Callable[[], object]]]:
    """The connector's words, and a function that tells it to stop. Ends it in order, and fails if that takes long."""
    link = Told()
    task = asyncio.create_task(connector.run(intake, link, mode))
    try:
        yield link, task.cancel
    finally:
        if not task.done():
            task.cancel()
        async with asyncio.timeout(BOUND):
            await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]


async def until(condition: Callable[[], bool], seconds: float = BOUND) -> None:
    """Look again and again, bounded, for what has no event to wait for."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def at_rest(count: Callable[[], object]) -> None:
    """Wait until it stays the same for fifty turns of the loop: where both sides are on this loop, neither moves."""
    before, turns = count(), 0
    async with asyncio.timeout(BOUND):
        while turns < 50:
            await asyncio.sleep(0.002)
            now = count()
            turns = turns + 1 if now == before else 0
            before = now


def forward(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Put the monotonic clock forward, the loop's with it: whoever has waited since before has waited so much longer.
    Not uvloop's."""
    before = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: before() + seconds)

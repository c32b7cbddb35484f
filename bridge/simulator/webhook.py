"""A simulated receiver of webhooks: keeps what it was sent, answers 200, misbehaves like the simulated VMS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from bridge.simulator.http_server import Answer, Asked, Connection
from bridge.simulator.simulated import Simulated


class Hook(msgspec.Struct, frozen=True):
    """One request as it came. ``order``: place among all, from 0; ``headers``: names in lower case."""

    order: int
    arrived: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    head: bytes = b""


class SimulatedWebhook(Simulated):
    """``async with SimulatedWebhook() as hooks: … hooks.base_url, hooks.record``."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, seed: int = 1, status: int = 200, record_bytes: bool = False
    ) -> None:
        super().__init__(host, port, seed, record_bytes=record_bytes)
        self.record: list[Hook] = []
        self.status = status
        self.on_hook: Callable[[Hook], None] | None = None
        """Told of each hook as it is kept."""

    async def away(self, seconds: float) -> None:
        """Refuse connections for so long."""
        await self.server.go_away()
        try:
            await asyncio.sleep(seconds)
        finally:
            await self.server.come_back()

    @property
    def hooks(self) -> Sequence[Hook]:
        return self.record

    def _respond(self, asked: Asked, connection: Connection) -> None:
        """Kept once alone, as ``record``: a test of hours sends millions."""
        self._day.respond(asked, connection, lambda: self._answer(asked))

    def _answer(self, asked: Asked) -> Answer:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in asked.headers.items()}
        place = asked.path + ("?" + asked.query if asked.query else "")
        hook = Hook(len(self.record), time.time(), asked.method, place, headers, asked.body, asked.head)
        self.record.append(hook)
        if self.on_hook is not None:
            self.on_hook(hook)
        return Answer(self.status, b"ok", "text/plain")

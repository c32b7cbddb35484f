"""A simulated receiver of webhooks: keeps what it was sent, answers 200, misbehaves like the simulated VMS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import msgspec

from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.vxg.faults import Faults, Kind


class Hook(msgspec.Struct, frozen=True):
    """One request as it came. ``order``: place among all, from 0; ``headers``: names in lower case."""

    order: int
    arrived: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    head: bytes = b""


class SimulatedWebhook:
    """``async with SimulatedWebhook() as hooks: … hooks.base_url, hooks.record``."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, seed: int = 1, status: int = 200, record_bytes: bool = False
    ) -> None:
        self.record: list[Hook] = []
        self.faults = Faults(seed)
        self.status = status
        self.server = HttpServer(self._respond, host=host, port=port, keep_heads=record_bytes)
        self._later: set[asyncio.TimerHandle] = set()
        self.on_hook: Callable[[Hook], None] | None = None
        """Told of each hook as it is kept."""

    async def __aenter__(self) -> SimulatedWebhook:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._later:
            handle.cancel()
        await self.server.stop()

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

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
        fault = self.faults.pick(asked.method, asked.path)
        if fault is None:
            self._keep(asked, connection)
            return
        match fault.kind:
            case Kind.CUT_BEFORE:
                connection.cut()
            case Kind.CUT_AFTER:
                self._keep(asked, None)
                connection.cut()
            case Kind.SLOW | Kind.LATE_COMMIT:
                self._after(fault.seconds, lambda: self._keep(asked, connection))
            case Kind.LATE_ANSWER:
                self._keep(asked, None)
                self._after(fault.seconds, lambda: connection.answer(Answer(self.status, b"ok", "text/plain")))
            case Kind.UNAUTHORIZED:
                connection.answer(Answer(401))
            case Kind.THROTTLED:
                connection.answer(Answer(429, headers=(("Retry-After", str(round(fault.seconds))),)))
            case Kind.SERVER_ERROR:
                connection.answer(Answer(500))
            case Kind.UNAVAILABLE:
                connection.answer(Answer(503, headers=(("Retry-After", str(round(fault.seconds))),)))
            case Kind.BAD_GATEWAY:
                connection.answer(Answer(502, b"<html><body>502 Bad Gateway</body></html>", "text/html"))

    def _keep(self, asked: Asked, connection: Connection | None) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in asked.headers.items()}
        place = asked.path + ("?" + asked.query if asked.query else "")
        hook = Hook(len(self.record), time.time(), asked.method, place, headers, asked.body, asked.head)
        self.record.append(hook)
        if self.on_hook is not None:
            self.on_hook(hook)
        if connection is not None:
            connection.answer(Answer(self.status, b"ok", "text/plain"))

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)

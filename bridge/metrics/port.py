"""The TCP port of ``observe``: metrics and health, for a monitoring system that cannot reach the control socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import msgspec

from bridge.asgi import Limits, Server
from bridge.clock import Clock
from bridge.metrics.exposition import CONTENT_TYPE
from bridge.metrics.health import Health
from bridge.metrics.settings import ObserveSettings
from bridge.supervision import Conditions
from connectors.listening import bound_to, open_listener

log = logging.getLogger("bridge.metrics")

CONDITION = "observe"
AGAIN = 10.0
"""Seconds until a port that could not be had is tried again."""
LEAVE = 1.0

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Observed(Protocol):
    """What is shown."""

    async def metrics(self) -> bytes: ...

    def live(self) -> Health: ...

    def ready(self) -> Health: ...


class ObservePort:
    """``bound``: the address it really listens on, "" while it does not."""

    def __init__(self, observed: Observed, settings: ObserveSettings | None, clock: Clock, held: Conditions) -> None:
        self.bound = ""
        self._observed = observed
        self._settings = settings
        self._clock = clock
        self._conditions = held
        self._changed = asyncio.Event()

    def replace(self, settings: ObserveSettings | None) -> None:
        """Listen elsewhere, or nowhere; the same address is left as it is."""
        before, self._settings = self._settings, settings
        if (before and before.bind) != (settings and settings.bind):
            self._changed.set()

    async def run(self) -> None:
        """Until cancelled. A port that cannot be had is a condition, and tried again; nothing else notices."""
        while True:
            self._changed.clear()
            settings = self._settings
            try:
                if settings is not None:
                    await self._serve(settings.bind)
                else:
                    await self._changed.wait()
            except OSError as error:
                self._conditions.begin(CONDITION, error.strerror or str(error))
                await self._clock.sleep(AGAIN)
            finally:
                self.bound = ""
            if self._settings is None:
                self._conditions.end(CONDITION, "no longer asked for")

    async def _serve(self, bind: str) -> None:
        listener = open_listener(bind)
        server = Server(self._answer, Limits(connections=32, head=16 * 1024, slow=5.0, idle=60.0, unread=30.0))
        try:
            await server.start(listener)
            self.bound = bound_to(listener)
            self._conditions.end(CONDITION)
            log.info("metrics and health on http://%s", self.bound)
            await self._changed.wait()
        finally:
            await server.finish(LEAVE)
            listener.close()

    async def _answer(self, scope: MutableMapping[str, Any], receive: object, send: Send) -> None:
        status, kind, body = 404, "text/plain; charset=utf-8", b"here are /metrics, /health/live and /health/ready\n"
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            status, body = 405, b"only GET\n"
        elif path == "/metrics":
            status, kind, body = 200, CONTENT_TYPE, await self._observed.metrics()
        elif path in ("/health/live", "/health/ready"):
            health = self._observed.live() if path == "/health/live" else self._observed.ready()
            status, kind, body = 200 if health.ok else 503, "application/json", msgspec.json.encode(health)
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

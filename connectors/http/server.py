"""uvicorn's HTTP/1.1 protocol, run inside the loop that is running: no signal handler, no log of its own, bounded.

uvicorn has no time-out for a connection that never sends a whole request head, no bound on connections that does not
log each refusal, and polls to stop; those three are here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server, ServerState

from connectors.http import answers
from connectors.http.app import App
from connectors.http.settings import HttpSettings

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

_WATCH_EVERY = 1.0
_CROWDED = answers.on_the_wire(answers.CROWDED)


def _quiet() -> logging.Logger:
    """Faults of ours are logged; what a sender does wrong is counted."""
    log = logging.getLogger("connectors.http.connection")
    log.setLevel(logging.ERROR)
    return log


class _State(ServerState):
    def __init__(self, app: App, most: int) -> None:
        super().__init__()
        self.app = app
        self.most = most


class _Connection(HttpToolsProtocol):
    """One sender's connection."""

    server_state: _State

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.logger = _LOG

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.server_state.most:
            self.server_state.app.counts["crowded"] += 1
            transport.write(_CROWDED)
            transport.close()

    def send_400_response(self, msg: str) -> None:
        self.server_state.app.counts["not http"] += 1
        super().send_400_response(msg)

    @property
    def reading_head(self) -> bool:
        """Whether it neither works on a request nor rests between two (uvicorn's own time-out is for that)."""
        at_work = self.cycle is not None and not self.cycle.response_complete
        return not at_work and self.timeout_keep_alive_task is None


_LOG = _quiet()


class Listener:
    """Serves one app on one bound socket."""

    def __init__(self, app: App, settings: HttpSettings) -> None:
        self._settings = settings
        config = Config(
            cast("ASGIApplication", app),
            http=_Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # X-Forwarded-For would let a sender choose its source address
            server_header=False,
            timeout_keep_alive=cast("int", settings.idle_timeout),
        )
        self._server = Server(config)
        self._server.server_state = self._state = _State(app, settings.max_connections)
        self._heads: dict[_Connection, tuple[object, float]] = {}

    @property
    def _connections(self) -> set[_Connection]:
        return cast("set[_Connection]", self._state.connections)

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept. Raises OSError when the certificate cannot be read."""
        config = self._server.config
        config.load()
        if self._settings.tls is not None:
            config.ssl = read_certificate(self._settings.tls.certificate, self._settings.tls.key)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.on_tick(0)  # the Date header of the first answers
        await self._server.startup(sockets=[listener])

    async def watch(self) -> None:
        """Once a second, until cancelled: a new Date header, and an end to connections whose head never comes."""
        while True:
            await asyncio.sleep(_WATCH_EVERY)
            await self._server.on_tick(0)
            self._end_slow_heads(asyncio.get_running_loop().time())

    def _end_slow_heads(self, now: float) -> None:
        seen: dict[_Connection, tuple[object, float]] = {}
        for connection in self._connections:
            if connection.reading_head:
                # The same cycle as a second ago: no request came in between.
                cycle, since = self._heads.get(connection, (connection.cycle, now))
                seen[connection] = (cycle, since) if cycle is connection.cycle else (connection.cycle, now)
        for connection, (_, since) in seen.items():
            if now - since >= self._settings.body_timeout:
                self._state.app.counts["too slow"] += 1
                connection.transport.close()
        self._heads = seen

    async def finish(self, bound: float) -> None:
        """Accept nothing more, let requests in flight be answered within ``bound`` seconds, end the others."""
        tasks = self._state.tasks
        for server in self._server.servers:
            server.close()
        for connection in list(self._connections):
            connection.shutdown()
        try:
            if tasks:
                await asyncio.wait(tuple(tasks), timeout=bound)
        finally:
            for task in tuple(tasks):
                task.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks), timeout=1.0)
        for connection in list(self._connections):
            connection.transport.close()
        await asyncio.sleep(0)


def read_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context that serves with it. Raises OSError that names the files when they cannot be read or do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")  # a key with a password fails, nobody is asked
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or str(error)
        raise OSError(error.errno, f"cannot serve HTTPS with {certificate} and {key}: {why}") from error
    return context

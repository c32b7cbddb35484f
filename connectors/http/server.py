"""The listening side of the http connector: its app on one bound socket, with its limits."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from bridge.asgi import Limits, Server
from connectors.http import answers
from connectors.http.app import App
from connectors.http.settings import HttpSettings


class Listener:
    """Serves one app on one bound socket."""

    def __init__(self, app: App, settings: HttpSettings) -> None:
        self._settings = settings
        limits = Limits(
            connections=settings.max_connections,
            slow=settings.body_timeout,
            idle=settings.idle_timeout,
            unread=settings.body_timeout,
        )
        self._server = Server(app, limits, app.counts, answers.on_the_wire(answers.CROWDED))

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept. Raises OSError when the certificate cannot be read."""
        tls = self._settings.tls
        await self._server.start(listener, read_certificate(tls.certificate, tls.key) if tls is not None else None)

    async def finish(self, bound: float) -> None:
        """Accept nothing more, let requests in flight be answered within ``bound`` seconds, end the others."""
        await self._server.finish(bound)


def read_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context that serves with it. Raises OSError that names the files when they cannot be read or do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")  # a key with a password fails, nobody is asked
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or str(error)
        raise OSError(error.errno, f"cannot serve HTTPS with {certificate} and {key}: {why}") from error
    return context

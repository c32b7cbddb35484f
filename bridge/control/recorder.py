"""Recording: every message of a connector as the intake saw it, with what its profile masks masked, pictures whole.

A message that no sensor's address fits was masked by no profile: it is counted and not recorded.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from bridge.control import records
from bridge.control.listening import Listener
from bridge.model import ConnectorId, Message
from bridge.routing import Routed

AT_ONCE = 4
LINES = 10_000
BYTES = 64 * 2**20


class Recorder:
    """``attach`` is called with what has to be told of every message, or None when nobody records any more: then the
    hot path has nothing to do."""

    def __init__(self, attach: Callable[[Callable[[Routed], None] | None], None]) -> None:
        self._attach = attach
        self._listeners: dict[Listener, ConnectorId] = {}
        self._closed = False

    @property
    def full(self) -> bool:
        return len(self._listeners) >= AT_ONCE

    def took(self, routed: Routed) -> None:
        message = routed.message
        line: bytes | None = None
        for listener, connector in self._listeners.items():
            if connector == message.connector:
                line = line or records.line(of_message(message) if routed.masked else {"what": "unmasked"})
                listener.put(line)

    @contextmanager
    def listen(self, connector: ConnectorId) -> Iterator[AsyncIterator[bytes]]:
        listener = Listener(LINES, BYTES)
        self._listeners[listener] = connector
        self._attach(self.took)
        if self._closed:
            listener.close()
        try:
            yield listener.lines()
        finally:
            self._listeners.pop(listener, None)
            if not self._listeners:
                self._attach(None)

    def close(self) -> None:
        self._closed = True
        for listener in self._listeners:
            listener.close()


def of_message(message: Message) -> records.Object:
    """One line of a recording: bytes as base64, all else as it is."""
    origin = message.origin
    return {
        "what": "message",
        "at": message.arrived.utc,
        "connector": message.connector,
        "peer": origin.peer,
        "place": origin.place,
        "authenticated": origin.authenticated,
        "attributes": dict(origin.attributes),
        "content_type": message.content_type,
        "redelivered": message.redelivered,
        "body": base64.b64encode(message.body).decode(),
        "parts": [
            {
                "content_type": part.content_type,
                "name": part.name,
                "filename": part.filename,
                "data": base64.b64encode(part.data).decode(),
            }
            for part in message.parts
        ],
    }

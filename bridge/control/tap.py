"""Watching a running service: every decision and every settled delivery as a JSON line, to whoever listens now.

A listener that reads too slowly loses lines, never the service time: see ``listening``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from bridge.control import records
from bridge.control.listening import LINES, Listener
from bridge.control.stages import Sieve
from bridge.journal.contract import LaneHead
from bridge.model import Decision, Outcome


class Tap:
    """An observer of the service. Costs nothing while nobody listens."""

    def __init__(self, lines: int = LINES, listeners: int = 16) -> None:
        """``lines``: kept per listener; ``listeners``: at once."""
        self._limit = lines
        self._room = listeners
        self._listeners: dict[Listener, Sieve | None] = {}
        self._closed = False

    def decided(self, decision: Decision) -> None:
        whole: bytes | None = None
        for listener, sieve in self._listeners.items():
            if sieve is None:
                whole = whole or records.line(records.of_decision(decision))
                listener.put(whole)
                continue
            for stage in sieve.decided(decision):
                listener.put(records.line(stage))

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        whole: bytes | None = None
        for listener, sieve in self._listeners.items():
            if sieve is None:
                whole = whole or records.line(records.of_settled(head, outcome))
                listener.put(whole)
            elif (stage := sieve.settled(head, outcome)) is not None:
                listener.put(records.line(stage))

    @property
    def full(self) -> bool:
        """No room for another listener."""
        return len(self._listeners) >= self._room

    @contextmanager
    def listen(self, sieve: Sieve | None = None) -> Iterator[AsyncIterator[bytes]]:
        """Lines from now on, ``decided`` and ``settled`` whole, or with a sieve what it lets through, stage by stage;
        they end when the tap is closed."""
        listener = Listener(self._limit)
        self._listeners[listener] = sieve
        if self._closed:
            listener.close()
        try:
            yield listener.lines()
        finally:
            self._listeners.pop(listener, None)

    def close(self) -> None:
        """End every listener's lines, those of later listeners too."""
        self._closed = True
        for listener in self._listeners:
            listener.close()

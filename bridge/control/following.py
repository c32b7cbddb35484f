"""Calls that go on for as long as one listens: the tap, the recorder, and the journal as one file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractContextManager, aclosing, asynccontextmanager

import msgspec

from bridge.control.answer import Answer, Asked, Call, Refused, Stream
from bridge.control.served import Served, known
from bridge.control.stages import Sieve, Wanted
from bridge.control.tap import Tap
from bridge.model import ConnectorId, SensorId


class Following:
    def __init__(self, served: Served, tap: Tap) -> None:
        self._served = served
        self._tap = tap
        self.calls: dict[str, Call] = {"/tap": self._listen, "/record": self._record, "/backup": self._backup}
        """With GET."""

    async def _listen(self, asked: Asked) -> Answer:
        if self._tap.full:
            raise Refused("too many are listening already", 503)
        wanted = asked.parameters
        sieve = Sieve(msgspec.convert(wanted, Wanted), self._connectors_of) if wanted else None
        return Stream(_meanwhile(self._tap.listen(sieve)))

    def _connectors_of(self, sensor: SensorId) -> Collection[ConnectorId]:
        found = self._served.site.sensors.get(sensor)
        return () if found is None else (found.connector, *found.also)

    async def _record(self, asked: Asked) -> Answer:
        connector = asked.parameters.get("connector", "")
        known(connector, self._served.site.connectors, "connector")
        recorder = self._served.recorder
        if recorder.full:
            raise Refused("too many are recording already", 503)
        return Stream(_meanwhile(recorder.listen(ConnectorId(connector))))

    async def _backup(self, asked: Asked) -> Answer:
        return Stream(_begun(self._served.backup()), "application/x-tar")


@asynccontextmanager
async def _meanwhile(listening: AbstractContextManager[AsyncIterator[bytes]]) -> AsyncIterator[AsyncIterator[bytes]]:
    with listening as told:
        yield told


@asynccontextmanager
async def _begun(told: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Its first piece is there: what cannot be made is refused before anything is answered."""
    async with aclosing(told) as pieces:  # type: ignore[type-var]
        first = await anext(pieces)

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for piece in pieces:
                yield piece

        yield whole()

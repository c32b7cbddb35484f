"""What every simulated VMS is that has one HTTP port: started and stopped, asked, and on demand having a bad day."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from bridge.simulator.bad_day import BadDay
from bridge.simulator.faults import Faults
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer


class Simulated(ABC):
    """``async with`` it. ``asked``: every request, in order. ``base``: of its URL. ``failed``: what it says with a
    status on a bad day."""

    def __init__(
        self,
        host: str,
        port: int,
        seed: int,
        *,
        base: str = "",
        failed: Mapping[int, bytes] | None = None,
        record_bytes: bool = False,
    ) -> None:
        self.faults = Faults(seed)
        self.server = HttpServer(self._respond, host=host, port=port, keep_heads=record_bytes)
        self.asked: list[Asked] = []
        self._day = BadDay(self.faults, failed)
        self._base = base

    @abstractmethod
    def _answer(self, asked: Asked) -> Answer:
        """Do what is asked."""

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}{self._base}"

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._day.end()
        await self.server.stop()

    def _respond(self, asked: Asked, connection: Connection) -> None:
        self.asked.append(asked)
        self._day.respond(asked, connection, lambda: self._answer(asked))

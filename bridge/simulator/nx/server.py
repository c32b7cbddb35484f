"""A simulated Nx site on one port, on demand having a bad day. It speaks plain HTTP; a real one TLS with a certificate
of its own on the same port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType

from bridge.simulator.bad_day import BadDay
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.nx.api import Api
from bridge.simulator.nx.users import Users
from bridge.simulator.vxg.faults import Faults

DEVICES: Mapping[str, str] = {
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301": "Dock",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3302": "Gate",
}


FAILED = {
    401: b'{"error":"4","errorString":"Unauthorized"}',
    500: b'{"error":"3","errorString":"Internal error"}',
}


class SimulatedNx:
    """``async with SimulatedNx() as nx: … nx.base_url, nx.api.bookmarks, nx.api.events``.

    ``version``: of the VMS, 4.2, 5.1, 6.0 or 6.1. ``told``: called with each event and bookmark that was taken.
    """

    def __init__(
        self,
        *,
        version: str = "6.1",
        devices: Mapping[str, str] = DEVICES,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        told: Callable[[Mapping[str, object]], None] | None = None,
    ) -> None:
        self.users = Users()
        self.api = Api(devices, self.users, version)
        self.faults = Faults(seed)
        self._day = BadDay(self.faults, FAILED)
        self.server = HttpServer(self._respond, host=host, port=port)
        self.asked: list[Asked] = []
        self._told = told

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

    async def __aenter__(self) -> SimulatedNx:
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

    def _answer(self, asked: Asked) -> Answer:
        before = len(self.api.events), len(self.api.bookmarks)
        answer = self.api.answer(asked)
        if self._told is not None:
            if len(self.api.events) > before[0]:
                self._told(self.api.events[-1])
            if len(self.api.bookmarks) > before[1]:
                self._told(list(self.api.bookmarks.values())[-1])
        return answer

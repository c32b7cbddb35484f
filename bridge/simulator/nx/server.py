"""A simulated Nx site on one port, on demand having a bad day. It speaks plain HTTP; a real one TLS with a certificate
of its own on the same port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType

from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.nx.api import Api
from bridge.simulator.nx.users import Users
from bridge.simulator.vxg.faults import Faults, Kind

DEVICES: Mapping[str, str] = {
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301": "Dock",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3302": "Gate",
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
        self.server = HttpServer(self._respond, host=host, port=port)
        self.asked: list[Asked] = []
        self._told = told
        self._later: set[asyncio.TimerHandle] = set()

    @property
    def base_url(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

    async def __aenter__(self) -> SimulatedNx:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._later:
            handle.cancel()
        await self.server.stop()

    def _respond(self, asked: Asked, connection: Connection) -> None:
        self.asked.append(asked)
        fault = self.faults.pick(asked.method, asked.path)
        if fault is None:
            connection.answer(self._answer(asked))
            return
        match fault.kind:
            case Kind.CUT_BEFORE:
                connection.cut()
            case Kind.CUT_AFTER:
                self._answer(asked)
                connection.cut()
            case Kind.SLOW | Kind.LATE_COMMIT:
                self._after(fault.seconds, lambda: connection.answer(self._answer(asked)))
            case Kind.LATE_ANSWER:
                answer = self._answer(asked)
                self._after(fault.seconds, lambda: connection.answer(answer))
            case Kind.UNAUTHORIZED:
                connection.answer(Answer(401, b'{"error":"4","errorString":"Unauthorized"}'))
            case Kind.THROTTLED:
                connection.answer(Answer(429, headers=(("Retry-After", str(round(fault.seconds))),)))
            case Kind.SERVER_ERROR:
                connection.answer(Answer(500, b'{"error":"3","errorString":"Internal error"}'))
            case Kind.UNAVAILABLE:
                connection.answer(Answer(503, headers=(("Retry-After", str(round(fault.seconds))),)))
            case Kind.BAD_GATEWAY:
                connection.answer(Answer(502, b"<html><body>502 Bad Gateway</body></html>", "text/html"))

    def _answer(self, asked: Asked) -> Answer:
        before = len(self.api.events), len(self.api.bookmarks)
        answer = self.api.answer(asked)
        if self._told is not None:
            if len(self.api.events) > before[0]:
                self._told(self.api.events[-1])
            if len(self.api.bookmarks) > before[1]:
                self._told(list(self.api.bookmarks.values())[-1])
        return answer

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)

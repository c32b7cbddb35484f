"""The simulated cloud on a port: endpoints, faults and outages put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType

from bridge.simulator.faults import Fault, Faults, Kind
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.vxg import admin, answers, routes
from bridge.simulator.vxg.state import Cloud
from bridge.simulator.vxg.store import Raised, Store
from bridge.simulator.vxg.tokens import Tokens

FIRST_CAMERA = 4711
_PROXY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n"
)


class SimulatedVxg:
    """A VXG cloud for loopback: ``async with SimulatedVxg(cameras=4) as vms: … vms.base_url, vms.tokens``.

    ``cameras``: how many (numbered from 4711), or which numbers. ``declared``: event types every camera has from the
    start. ``record_bytes``: keep head and body of each raise as they came. ``strict`` and ``search_lag`` as in
    ``Cloud``; both, ``faults`` and everything else may be changed while it runs. The same seed gives the same tokens
    and the same faults in the same order of requests.
    """

    def __init__(
        self,
        cameras: int | Sequence[int] = 4,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        strict: bool = True,
        record_bytes: bool = False,
        search_lag: float = 0.0,
        faults: Iterable[Fault] = (),
        declared: Iterable[str] = (),
    ) -> None:
        numbers = range(FIRST_CAMERA, FIRST_CAMERA + cameras) if isinstance(cameras, int) else cameras
        self._store = Store({number: f"Camera {number}" for number in numbers})
        for number in numbers:
            for name in declared:
                self._store.declare(number, name)
        self._seed = seed
        self._strict = strict
        self._search_lag = search_lag
        self._later: set[asyncio.TimerHandle] = set()
        self.faults = Faults(seed)
        for fault in faults:
            self.faults.add(fault)
        self.server = HttpServer(self._respond, host=host, port=port, keep_heads=record_bytes)
        self.cloud: Cloud

    async def __aenter__(self) -> SimulatedVxg:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        await self.server.start()
        tokens = Tokens(self._store.cameras, self.server.host, self.server.port, self._seed)
        self.cloud = Cloud(self._store, tokens, self.base_url, self._strict)
        self.cloud.search_lag = self._search_lag

    async def stop(self) -> None:
        for handle in self._later:
            handle.cancel()
        self._later.clear()
        if self._outage is not None:
            self._outage.cancel()
            await asyncio.wait([self._outage])
        await self.server.stop()

    @property
    def base_url(self) -> str:
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return f"http://{host}:{self.server.port}"

    @property
    def tokens(self) -> Mapping[int, str]:
        """The full-access token of each camera, as it is now."""
        return self.cloud.tokens.all

    @property
    def record(self) -> Sequence[Raised]:
        """Every event the cloud holds, in the order it took them."""
        return self._store.events

    def events_of(self, camera: int) -> list[Raised]:
        """The events of one camera in the order they arrived."""
        return [event for event in self._store.events if event.camera == camera]

    def rotate(self, camera: int) -> str:
        """Give the camera a new token and refuse the old one; returns the new one."""
        return self.cloud.tokens.rotate(camera)

    def reset(self) -> None:
        """Forget events, documents and faults; cameras, types and tokens stay."""
        self._store.clear()
        self.cloud.clips.clear()
        self.faults.clear()

    # Outages

    async def go_away(self) -> None:
        """Refuse connections and cut those there are, until ``come_back``."""
        await self.server.go_away()

    async def come_back(self) -> None:
        await self.server.come_back()

    async def away(self, seconds: float) -> None:
        """A whole outage of so long; returns when it is over."""
        await self.go_away()
        try:
            await asyncio.sleep(seconds)
        finally:
            await self.come_back()

    def go_away_for(self, seconds: float) -> None:
        """The same, begun in the next turn of the loop and ended by itself: the call that asks for it is answered."""
        self._outage = asyncio.ensure_future(self._outage_after_answer(seconds))

    _outage: asyncio.Future[None] | None = None

    async def _outage_after_answer(self, seconds: float) -> None:
        await asyncio.sleep(0.05)
        await self.away(seconds)

    # Requests

    def _respond(self, asked: Asked, connection: Connection) -> None:
        if asked.path.startswith(admin.PREFIX):
            connection.answer(admin.work(self, asked))
            return
        fault = self.faults.pick(asked.method, asked.path) if asked.path.startswith("/api/") else None
        if fault is None:
            connection.write(routes.work(self.cloud, asked).encode())
        else:
            self._misbehave(fault, asked, connection)

    def _misbehave(self, fault: Fault, asked: Asked, connection: Connection) -> None:
        match fault.kind:
            case Kind.CUT_BEFORE:
                connection.cut()
            case Kind.CUT_AFTER:
                routes.work(self.cloud, asked)
                connection.cut()
            case Kind.SLOW:
                self._after(fault.seconds, lambda: self._work_if_there(asked, connection))
            case Kind.LATE_COMMIT:
                self._after(fault.seconds, lambda: connection.answer(routes.work(self.cloud, asked)))
            case Kind.LATE_ANSWER:
                answer = routes.work(self.cloud, asked)
                self._after(fault.seconds, lambda: connection.answer(answer))
            case _:
                connection.answer(_refusal(fault))

    def _work_if_there(self, asked: Asked, connection: Connection) -> None:
        if connection.open:
            connection.answer(routes.work(self.cloud, asked))

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(seconds, due)
        self._later.add(handle)


def _refusal(fault: Fault) -> Answer:
    wait = (("Retry-After", str(max(0, round(fault.seconds)))),)
    match fault.kind:
        case Kind.UNAUTHORIZED:
            return answers.not_authorized().answer
        case Kind.THROTTLED:
            return answers.error(429, "throttled", "Too many requests", wait)
        case Kind.UNAVAILABLE:
            return answers.error(503, "unavailable", "Service is temporarily unavailable", wait)
        case Kind.BAD_GATEWAY:
            return Answer(502, _PROXY_PAGE, "text/html")
        case _:
            return answers.error(500, "internal_error", "Internal error")

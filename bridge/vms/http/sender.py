"""The sender: one request, once, over a connection kept or new."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from bridge.vms.http.answer import Answer, NotSent
from bridge.vms.http.connecting import Proxy, Wire, connect
from bridge.vms.http.connection import LARGEST_ANSWER, Connection
from bridge.vms.http.download import Download
from bridge.vms.http.origin import Origin
from bridge.vms.http.pool import Pool
from bridge.vms.http.tls import Trust
from bridge.vms.http.wire import head

KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept: common servers close at 5 (uvicorn, Node) and later (nginx 75, Apache 5)."""

MOST_POOLS = 256


class Sender:
    """Sends requests of one VMS. Not thread-safe; belongs to the loop it first sends on.

    ``connections``: in flight at most per origin; ``reserved``: of these only for urgent requests.
    """

    def __init__(
        self,
        *,
        connections: int = 16,
        reserved: int = 4,
        keep_alive: float = KEEP_ALIVE,
        trust: Trust | None = None,
        proxy: Proxy | None = None,
        largest_answer: int = LARGEST_ANSWER,
    ) -> None:
        self._connections = connections
        self._reserved = min(reserved, connections - 1)
        self._keep_alive = keep_alive
        self._trust = trust or Trust()
        self._proxy = proxy
        self._largest_answer = largest_answer
        self._context: ssl.SSLContext | None = None
        self._pools: dict[Origin, Pool] = {}
        self._in_use: set[Connection] = set()
        self._downloads: set[Download] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def send(
        self,
        method: str,
        origin: Origin,
        path: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 10.0,  # noqa: ASYNC109 - its end is NotSent or AnswerLost, which the caller must tell apart
        urgent: bool = False,
    ) -> Answer:
        """Send once; any HTTP answer is an Answer, a redirect too. ``timeout``: seconds for all of it.

        Raises NotSent (surely not taken), AnswerLost (may have been taken), Unsendable (cannot be written).
        """
        pool = self._pools.get(origin) or self._new_pool(origin)
        loop = self._loop
        assert loop is not None
        through_proxy = self._proxy is not None and not origin.secure
        if through_proxy and self._proxy is not None:
            headers = (*headers, *self._proxy.headers())
        data = head(method, origin, path, headers, len(body), through_proxy) + body
        left = timeout
        if not pool.enter(urgent):
            started = loop.time()
            await pool.wait(urgent, timeout)
            left -= loop.time() - started
        try:
            connection = pool.reuse()
            if connection is None:
                started = loop.time()
                connection = await self._connect(origin, left)
                left -= loop.time() - started
                if self._closed:
                    connection.abort()
                    raise NotSent("the sender was closed", busy=True)
            self._in_use.add(connection)
            try:
                answer = await connection.ask(data, left)
            except BaseException:
                connection.abort()
                raise
            finally:
                self._in_use.discard(connection)
            if connection.reusable:
                if self._closed:
                    connection.close()
                else:
                    _heed(connection, answer, self._keep_alive)
                    pool.keep(connection)
            return answer
        finally:
            pool.leave(urgent)

    @asynccontextmanager
    async def download(
        self,
        origin: Origin,
        path: str,
        headers: Iterable[tuple[str, str]] = (),
        timeout: float = 10.0,  # noqa: ASYNC109 - as in ``send``
    ) -> AsyncIterator[Download]:
        """GET once, over a connection of its own that is no other's; its status is known, its body not read yet.

        ``timeout``: seconds to connect, and again until its head has come. Raises NotSent, AnswerLost, Unsendable.
        """
        through_proxy = self._proxy is not None and not origin.secure
        if through_proxy and self._proxy is not None:
            headers = (*headers, *self._proxy.headers())
        data = head("GET", origin, path, headers, 0, through_proxy)
        if self._closed:
            raise NotSent("the sender was closed", busy=True)
        found = await self._open(origin, Download, timeout)
        self._downloads.add(found)
        try:
            await found.start(data, timeout)
            yield found
        finally:
            self._downloads.discard(found)
            found.close()

    def written(
        self, method: str, origin: Origin, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> bytes:
        """The bytes ``send`` would write for the same arguments, a proxy's log-in left out; makes no connection.

        Raises Unsendable.
        """
        return head(method, origin, path, headers, len(body), self._proxy is not None and not origin.secure) + body

    async def reach(self, origin: Origin, seconds: float) -> None:
        """Connect, greet in TLS if that is wanted, and keep the connection; asks nothing. Raises NotSent."""
        pool = self._pools.get(origin) or self._new_pool(origin)
        pool.keep(await self._connect(origin, seconds))

    async def close(self) -> None:
        """Close every connection; who waits for an answer is told that it is lost."""
        self._closed = True
        for pool in self._pools.values():
            pool.close()
        for connection in tuple(self._in_use):
            connection.abort()
        for download in tuple(self._downloads):
            download.close()
        self._pools.clear()
        await asyncio.sleep(0)  # let the transports see it

    @property
    def idle(self) -> int:
        """Connections kept for the next request."""
        return sum(pool.idle for pool in self._pools.values())

    def _new_pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise NotSent("the sender was closed", busy=True)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        if len(self._pools) >= MOST_POOLS:  # hosts that tokens no longer name
            for old in [each for each, pool in self._pools.items() if pool.empty]:
                self._pools.pop(old).close()
        pool = self._pools[origin] = Pool(self._loop, self._connections, self._reserved)
        return pool

    async def _connect(self, origin: Origin, seconds: float) -> Connection:
        loop = self._loop
        assert loop is not None
        return await self._open(origin, lambda: Connection(loop, self._keep_alive, self._largest_answer), seconds)

    async def _open(self, origin: Origin, make: Callable[[], Wire], seconds: float) -> Wire:
        if origin.secure and self._context is None:
            self._context = self._trust.context()
        try:
            async with asyncio.timeout(seconds):
                return await connect(origin, make, self._trust, self._context if origin.secure else None, self._proxy)
        except TimeoutError:
            raise NotSent(f"no connection to {origin} within {round(seconds, 1):g} s") from None


def _heed(connection: Connection, answer: Answer, usual: float) -> None:
    """Keep a connection no longer than its server says it will: ``Keep-Alive: timeout=5``."""
    for name, value in answer.headers:
        if len(name) == 10 and name.lower() == b"keep-alive":
            _, found, rest = value.lower().partition(b"timeout=")
            digits = rest.split(b",")[0].split(b";")[0].strip()
            if found and digits.isdigit():
                connection.keep_alive = max(0.0, min(usual, float(digits[:9]) - 1.0))

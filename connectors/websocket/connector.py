"""The WebSocket connector as the service sees it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from bridge.model import ConnectorId, Finding, Findings, Instant, Message, Origin, Reach
from bridge.secret import Secrets
from bridge.units import said_seconds, said_size
from connectors.backoff import Backoff
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.in_order import InOrder
from connectors.outbound import Filled, find_secrets, without_library
from connectors.reaching import connects
from connectors.staying import REFUSED_PAUSE, STEADY, Alive, Away, Ended, Staying
from connectors.websocket.settings import WebSocketAddress, WebSocketSettings

if TYPE_CHECKING:
    from connectors.websocket.session import Session

FINISH_WITHIN = 5.0
"""Seconds that what was received gets to be kept when the connector is stopped."""


class WebSocketConnector:
    """Implements ``connectors.base.Connector``.

    ``counts``: see ``InOrder`` and ``Staying``; also ``empty`` messages, which are not kept.
    ``away``: seconds of all gaps. ``taken``: messages taken by a dry run; they cannot be given back.
    """

    Settings: ClassVar[type[ConnectorSettings]] = WebSocketSettings
    Address: ClassVar[type[Address]] = WebSocketAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, WebSocketSettings):
            raise TypeError(f"a websocket connector has settings of its own kind, not {type(settings).__name__}")
        self.counts: Counter[str] = Counter()
        self.backoff = Backoff()
        self.steady = STEADY
        self.refused_pause = REFUSED_PAUSE
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._place = urlsplit(settings.url).path
        self._observing = False
        self._staying: Staying | None = None
        self._tls: ssl.SSLContext | None = None

    @property
    def taken(self) -> int:
        return self.counts["messages"] if self._observing else 0

    @property
    def away(self) -> float:
        return 0.0 if self._staying is None else self._staying.away

    def readdress(self, addresses: Addresses) -> None:
        """Nothing to do: which sensor an item is of, is the intake's to know."""

    # ------------------------------------------------------------------------------------------------------- probing

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, WebSocketSettings)
        found = connects(
            settings.url,
            speaks="WebSocket with TLS" if settings.url.startswith("wss:") else "WebSocket",
            how_often=f"always connected; a ping every {said_seconds(settings.ping)}",
            how_large=f"{said_size(settings.max_message)} a message at most",
            why="the server tells its events",
        )
        return (found,)

    async def probe(self) -> Findings:
        """Whether the server can be reached. The WebSocket is opened only with ``observe: connect``: it is not known
        of every server whether a second client takes events from the first."""
        where = f"connectors.{self._name}"
        found = find_secrets(self._settings.secrets(), self._secrets, where)
        if found:
            return tuple(found)
        try:
            if self._settings.observe == "connect":
                _need_library()
                session = await self._open()
                await session.leave(_forget)
                what = f"{self._settings.url} takes us"
            else:
                await self._reach()
                what = f"{self._settings.url} can be reached (not asked further: observe is {self._settings.observe})"
        except Away as error:
            return (Finding(False, str(error), where, "mend what it says, or the connector's url"),)
        except OSError as error:
            what = f"{self._settings.url} cannot be reached: {error.strerror or error}"
            return (Finding(False, what, where, "see whether the server runs and the url is right"),)
        return (Finding(True, what, where),)

    async def _reach(self) -> None:
        parts = urlsplit(self._settings.url)
        secure = parts.scheme == "wss"
        tls = await self._context()
        async with asyncio.timeout(self._settings.connect_timeout):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or (443 if secure else 80), ssl=tls if secure else None
            )
        writer.transport.abort()

    # ------------------------------------------------------------------------------------------------------- running

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the library is not installed."""
        self._observing = mode is Mode.OBSERVE
        _need_library()
        if self._observing and self._settings.observe != "connect":
            link.down("a dry run does not connect: it may take events from the running bridge; see observe")
            await _until_cancelled()
            return
        staying = self._staying = Staying(self._name, link, self.counts, self.backoff, lasting_is_alive=False)
        staying.steady, staying.refused_pause = self.steady, self.refused_pause
        async with asyncio.TaskGroup() as group:
            in_order = InOrder(intake, self.counts, self._settings.max_message)

            async def converse(session: Session, alive: Alive) -> Ended:
                return await self._converse(session, alive, group, in_order)

            try:
                await staying.keep(self._open, converse, self._connected)
            except asyncio.CancelledError:
                pass  # to stop is to finish what is in flight, and then to return
            finally:
                await in_order.finish(FINISH_WITHIN)

    def _connected(self, gap: float | None) -> str:
        if gap is None:
            return f"connected to {self._settings.url}"
        return f"back after {gap:.1f} s; what was sent meanwhile is not repeated by a WebSocket"

    async def _converse(self, session: Session, alive: Alive, group: asyncio.TaskGroup, in_order: InOrder) -> Ended:
        origin = Origin(session.peer, self._place)

        async def take(body: bytes) -> None:
            if not body:
                self.counts["empty"] += 1
                return
            now = Instant(datetime.now(UTC), time.monotonic())
            await in_order.submit(group, Message(connector=self._name, origin=origin, body=body, arrived=now))

        try:
            return await session.converse(take, alive)
        finally:
            try:
                async with asyncio.timeout(FINISH_WITHIN):
                    await session.leave(take)
            except TimeoutError:
                self.counts["abandoned"] += 1

    async def _open(self) -> Session:
        """Raises Away, or OSError for a secret or a CA file that cannot be read."""
        from connectors.websocket.session import Session

        fresh = self._staying is not None and self._staying.refused
        filled = Filled(self._settings, self._secrets, fresh)
        subscriptions = self._settings.subscriptions(self._secrets, fresh)
        tls = await self._context() if self._settings.url.startswith("wss:") else None
        return await Session.open(self._settings, filled, subscriptions, tls)

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.to_thread(self._settings.tls.context)
        return self._tls


def _need_library() -> None:
    """Missed now, not on the first connect. Raises OSError."""
    try:
        import connectors.websocket.session  # noqa: F401
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "websockets":
            raise
        raise without_library("websockets", "websocket", "websocket") from None


async def _forget(body: bytes) -> None:
    """A probe keeps nothing."""


async def _until_cancelled() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.get_running_loop().create_future()

"""The HTTP stream connector as the service sees it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from bridge.model import ConnectorId, Finding, Findings, Instant, Message, Origin, Position, Reach
from bridge.secret import Secrets
from bridge.units import said_seconds, said_size
from connectors.backoff import Backoff
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.http_stream.settings import HttpStreamAddress, HttpStreamSettings
from connectors.http_stream.told import Told
from connectors.in_order import InOrder
from connectors.outbound import Filled, find_secrets, without_library
from connectors.reaching import connects
from connectors.staying import REFUSED_PAUSE, STEADY, Alive, Away, Ended, Staying

if TYPE_CHECKING:
    from connectors.asking.client import Authorization
    from connectors.http_stream.session import Session

log = logging.getLogger("connectors.http_stream")

FINISH_WITHIN = 5.0
"""Seconds that what was received gets to be kept when the connector is stopped."""


MOST_SAID = 100
"""Different troubles that are said, each once."""


class HttpStreamConnector:
    """Implements ``connectors.base.Connector``.

    ``counts``: see ``InOrder`` and ``Staying``; also messages and pictures left out as ``oversize``, those ``cut`` off
    by the end of a stream, ``garbage`` among the messages. ``away``: seconds of all gaps. ``taken``: messages taken by
    a dry run; they cannot be given back.
    """

    Settings: ClassVar[type[ConnectorSettings]] = HttpStreamSettings
    Address: ClassVar[type[Address]] = HttpStreamAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, HttpStreamSettings):
            raise TypeError(f"an http-stream connector has settings of its own kind, not {type(settings).__name__}")
        self.counts: Counter[str] = Counter()
        self.backoff = Backoff()
        self.steady = STEADY
        self.refused_pause = REFUSED_PAUSE
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._place = urlsplit(settings.url).path
        self._host = urlsplit(settings.url).hostname or ""
        self._observing = False
        self._staying: Staying | None = None
        self._authorization: Authorization | None = None
        self._tls: ssl.SSLContext | None = None
        self._said: set[str] = set()
        self._until: float | None = None
        self._last_id = ""
        self._last_kept = asyncio.Event()

    @property
    def taken(self) -> int:
        return self.counts["messages"] if self._observing else 0

    @property
    def away(self) -> float:
        return 0.0 if self._staying is None else self._staying.away

    @property
    def position(self) -> str:
        """The name the journal keeps the last event's id under."""
        return f"stream {self._settings.position or self._name}"

    def readdress(self, addresses: Addresses) -> None:
        """Nothing to do: which sensor a message is of, is the intake's to know."""

    # ------------------------------------------------------------------------------------------------------- probing

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, HttpStreamSettings)
        secure = "HTTPS" if settings.url.startswith("https:") else "HTTP"
        size = f"{said_size(settings.max_message)} a message at most"
        found = [
            connects(
                settings.url, speaks=f"{secure}, one answer that does not end", how_often="always connected",
                how_large=size, why="the device tells its events",
            )
        ]  # fmt: skip
        return [*found, *settings.token_reaches()]

    async def probe(self) -> Findings:
        """Whether the server can be reached. The stream is opened only with ``observe: connect``: it is not known of
        every server whether a second client takes events from the first."""
        where = f"connectors.{self._name}"
        found = find_secrets(self._settings.secrets(), self._secrets, where)
        if found:
            return tuple(found)
        url = self._settings.url
        try:
            if self._settings.observe == "connect":
                session = await self._open()
                async with asyncio.timeout(FINISH_WITHIN):
                    await session.leave(_forget, _say_nothing)
                what = f"{url} takes us, and its answer is a stream"
            else:
                await self._reach()
                what = f"{url} can be reached (not asked further: observe is {self._settings.observe})"
        except (Away, TimeoutError) as error:
            why = str(error) or f"{url} does not answer within {said_seconds(self._settings.connect_timeout)}"
            return (Finding(False, why, where, "mend what it says, or the connector's url"),)
        except OSError as error:
            what = f"{url} cannot be reached: {error.strerror or error}"
            return (Finding(False, what, where, "see whether the device runs and the url is right"),)
        return (Finding(True, what, where),)

    async def _reach(self) -> None:
        parts = urlsplit(self._settings.url)
        secure = parts.scheme == "https"
        tls = await self._context() if secure else None
        async with asyncio.timeout(self._settings.connect_timeout):
            port = parts.port or (443 if secure else 80)
            _, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls)
        writer.transport.abort()

    # ------------------------------------------------------------------------------------------------------- running

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the library is not installed or a CA file cannot be read."""
        self._observing = mode is Mode.OBSERVE
        self._need_library()
        if self._observing and self._settings.observe != "connect":
            link.down("a dry run does not connect: it may take events from the running bridge; see observe")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return
        position = await intake.position(self.position)
        self._last_id = "" if position is None else position.value
        self._last_kept.set()
        staying = self._staying = Staying(
            self._name, link, self.counts, self.backoff, lasting_is_alive=self._settings.silence is None
        )
        staying.steady, staying.refused_pause = self.steady, self.refused_pause
        async with asyncio.TaskGroup() as group:
            in_order = InOrder(intake, self.counts, self._settings.max_message)

            async def converse(session: Session, alive: Alive) -> Ended:
                return await self._converse(session, alive, group, in_order)

            try:
                await staying.keep(self._open, converse, self._connected, repeats=lambda: bool(self._last_id))
            except asyncio.CancelledError:
                pass  # to stop is to finish what is in flight, and then to return
            finally:
                await in_order.finish(max(0.0, (self._until or time.monotonic() + FINISH_WITHIN) - time.monotonic()))

    def _connected(self, gap: float | None) -> str:
        if gap is None:
            return f"connected to {self._settings.url}"
        if self._last_id:
            return f"back after {gap:.1f} s, and asked to go on behind the last event"
        return f"back after {gap:.1f} s; what was sent meanwhile is not repeated by this stream"

    async def _converse(self, session: Session, alive: Alive, group: asyncio.TaskGroup, in_order: InOrder) -> Ended:
        async def take(told: Told) -> None:
            await self._submit(told, session.peer, group, in_order)

        def say(trouble: str) -> None:
            if trouble not in self._said and len(self._said) < MOST_SAID:
                self._said.add(trouble)
                log.warning("connector %s: %s; said once", self._name, trouble)

        left = False
        try:
            ended = await session.converse(take, say, alive)
            await session.leave(take, say)  # however long: while nothing can be kept, another connection is of no use
            left = True
        finally:
            if not left:
                self._until = time.monotonic() + FINISH_WITHIN
                try:
                    async with asyncio.timeout(FINISH_WITHIN):
                        await session.leave(take, say)
                except TimeoutError:
                    self.counts["abandoned"] += session.waiting
            self.counts.update(session.lost())
        events = session.events
        if events is not None and events.last_id is not None:
            self._last_id = events.last_id  # of events without data too, which the journal does not keep
        return ended

    async def _submit(self, told: Told, peer: str, group: asyncio.TaskGroup, in_order: InOrder) -> None:
        """With an id one at a time: the id that is on disk stands for everything before it."""
        await self._last_kept.wait()
        attributes = {"event": told.event} if told.event else {}
        message = Message(
            connector=self._name,
            origin=Origin(peer or self._host, self._place, attributes=attributes),
            body=told.body,
            content_type=told.content_type,
            parts=told.parts,
            arrived=Instant(datetime.now(UTC), time.monotonic()),
            position=None if told.id is None else Position(self.position, told.id),
        )
        await in_order.submit(group, message, None if told.id is None else self._last_kept.set)
        if told.id is not None:
            self._last_kept.clear()
            self._last_id = told.id

    async def _open(self) -> Session:
        """Raises Away, or OSError for a secret or a CA file that cannot be read."""
        from connectors.asking.client import Authorization
        from connectors.http_stream.session import Session

        settings, fresh = self._settings, self._staying is not None and self._staying.refused
        tls = await self._context() if settings.url.startswith("https:") else None
        if self._authorization is None:
            self._authorization = await Authorization.of(settings, self._secrets, tls, settings.connect_timeout)
        filled = Filled(settings, self._secrets, fresh)
        return await Session.open(settings, filled, self._authorization.now(fresh), tls, self._last_id)

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.to_thread(self._settings.tls.context)
        return self._tls

    def _need_library(self) -> None:
        """Missed now, not on the first connect."""
        try:
            import connectors.http_stream.session  # noqa: F401
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.partition(".")[0] != "httpx":
                raise
            raise without_library("httpx", "http-stream", "stream") from None


async def _forget(told: Told) -> None:
    """A probe keeps nothing."""


def _say_nothing(trouble: str) -> None:
    """And says nothing."""

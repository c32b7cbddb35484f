"""One WebSocket connection, from its upgrade to its end. Imports the library; the connector imports this when it runs.

Protocol: RFC 6455. Close codes: its section 7.4.1.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from connectors.outbound import Filled
from connectors.sources import plain
from connectors.staying import Alive, Away, Ended
from connectors.websocket.settings import WebSocketSettings

Take: TypeAlias = Callable[[bytes], Awaitable[None]]

MISSED = 2
"""Pings without an answer that end a connection."""

_CLOSING = 2.0
"""Seconds a server gets to say goodbye."""

_FRAMES = 16
"""Frames read ahead; what is not read waits in the server."""

_wire = logging.getLogger("connectors.websocket.wire")
_wire.setLevel(logging.ERROR)  # the library would log requests, credentials in them, on the level DEBUG

# Reference "OMNI Platform", section 1.
_OMNI_FORMS = (
    "an OMNI Platform has it, by its version, at /event-service/ws with endpoint_id (1.18), at "
    "/event-service/EVENT_TYPE/ws with endpoint_id and scope_id (1.16, 1.17), or at "
    "/event-service/identification/ws and /event-service/non_identification/ws with access (1.13, 1.14)"
)


class Session:
    """Made by ``open``; ``converse`` until it ends; then always ``leave``."""

    def __init__(self, connection: ClientConnection, settings: WebSocketSettings) -> None:
        self._connection = connection
        self._ping_every = settings.ping
        self._most = settings.max_message
        self._in_hand: bytes | None = None
        self._reading = False
        self._heard = False  # a message, since the last ping
        self._dead = False
        remote = connection.remote_address
        self.peer = plain(str(remote[0])) if remote else ""

    @classmethod
    async def open(
        cls, settings: WebSocketSettings, filled: Filled, subscriptions: Sequence[str], tls: ssl.SSLContext | None
    ) -> Session:
        """Connect, upgrade and subscribe. Raises Away."""
        try:
            connection = await connect(
                settings.whole_url(filled),
                ssl=tls,
                additional_headers=filled.headers,
                subprotocols=[Subprotocol(name) for name in settings.subprotocols] or None,
                proxy=None,
                open_timeout=settings.connect_timeout,
                ping_interval=None,
                close_timeout=_CLOSING,
                max_size=settings.max_message,
                max_queue=_FRAMES,
                logger=_wire,
            )
        except InvalidStatus as error:
            raise _not_upgraded(error.response.status_code, settings.url) from None
        except TimeoutError:
            raise Away(f"{settings.url} does not answer within {settings.connect_timeout:g} s") from None
        except OSError as error:
            raise Away(f"{settings.url} cannot be reached: {_reason(error)}") from None
        except (WebSocketException, ValueError, EOFError) as error:
            # The library's own texts may show the URL whole.
            raise Away(f"{settings.url} does not speak WebSocket: {type(error).__name__}") from None
        session = cls(connection, settings)
        try:
            async with asyncio.timeout(settings.connect_timeout):
                for text in subscriptions:
                    await connection.send(text)
        except (ConnectionClosed, TimeoutError):
            await connection.close()
            raise Away(f"{settings.url} ended the connection before it could be subscribed to") from None
        except BaseException:
            connection.transport.abort()
            raise
        return session

    async def converse(self, take: Take, alive: Alive) -> Ended:
        """Hand each message on, in order, until the connection ends. A message and the answer to a ping are signs of
        life."""
        async with asyncio.TaskGroup() as group:
            pinging = group.create_task(self._ping(alive))
            try:
                while True:
                    self._reading = True
                    body: bytes = await self._connection.recv(decode=False)
                    self._reading = False
                    self._heard = True
                    alive()
                    await self._hand_on(body, take)
            except ConnectionClosed as closed:
                return Ended(self._why(closed), deaf=self._dead)
            finally:
                pinging.cancel()

    async def _hand_on(self, body: bytes, take: Take) -> None:
        self._in_hand = body
        await take(body)
        self._in_hand = None

    async def _ping(self, alive: Alive) -> None:
        """Pings are only counted as missed while we read and nothing comes: a full intake would keep the answers from
        us, and in a flow of messages they stand behind those."""
        waiting: list[asyncio.Future[float]] = []

        def answered(pong: asyncio.Future[float]) -> None:
            if not pong.cancelled() and pong.exception() is None:
                alive()

        try:
            while True:
                await asyncio.sleep(self._ping_every if waiting else 0)
                waiting = [each for each in waiting if not each.done()]
                if self._heard or not self._reading:
                    self._heard = False
                    waiting.clear()
                elif len(waiting) >= MISSED:
                    self._dead = True
                    await self._connection.close(1011, "no pong")
                    return
                waiting.append(asyncio.ensure_future(await self._connection.ping()))
                waiting[-1].add_done_callback(answered)
        except ConnectionClosed:
            return  # whoever reads is told as well

    async def leave(self, take: Take) -> None:
        """Say goodbye; what was received by then is handed on. May be called on an ended connection too."""
        if self._in_hand is not None:
            await self._hand_on(self._in_hand, take)
        try:
            await self._connection.close(1001, "going away")
            while True:
                await self._hand_on(await self._connection.recv(decode=False), take)
        except ConnectionClosed:
            pass
        finally:
            self._connection.transport.abort()

    def _why(self, closed: ConnectionClosed) -> str:
        if self._dead:
            return f"{MISSED} pings were not answered"
        if closed.sent is not None and not closed.rcvd_then_sent:
            if closed.sent.code == 1009:
                return f"a message was longer than max_message ({self._most} bytes) and is lost"
            return f"what the server said is no WebSocket ({closed.sent.code} {closed.sent.reason})"
        if closed.rcvd is not None:
            return f"the server ended it ({closed.rcvd.code} {closed.rcvd.reason})".replace(" )", ")")
        return "the connection broke"


def _not_upgraded(status: int, url: str) -> Away:
    if status in (401, 403):
        return Away(f"{url} refuses us ({status}): see its query, headers and secrets", refused=True)
    if status == 404:
        path = urlsplit(url).path or "/"
        return Away(f"{url}: there is no WebSocket at {path} (404); {_OMNI_FORMS}")
    return Away(f"{url} answers {status} instead of opening a WebSocket")


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message if getattr(error, "verify_message", "") else str(error.args[-1])
    return error.strerror or str(error) or type(error).__name__

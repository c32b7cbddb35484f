"""A WebSocket endpoint: who may subscribe, from where on, and how events are told to each subscriber.

A subscriber is one task that reads the journal at the pace its connection takes events: nothing is buffered for it but
what the connection itself holds, 32 KiB.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import msgspec

from bridge.endpoints.document import gap_document, position_document
from bridge.endpoints.filter import NARROWING, Filter, narrowed
from bridge.endpoints.pictures import picture_of
from bridge.endpoints.settings import WebSocketEndpoint
from bridge.endpoints.status import EndpointStatus
from bridge.endpoints.stream import Stream
from bridge.journal.contract import JournalError
from bridge.model import EventId, MediaId
from bridge.secret import SecretMissing, Secrets

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.datastructures import Headers

log = logging.getLogger("bridge.endpoints")

SILENT = 30.0
"""Seconds after which a subscriber whose filter let nothing pass is told where it stands."""
PICTURES_AT_ONCE = 4

GOING_AWAY, POLICY, TRY_LATER = 1001, 1008, 1013
"""WebSocket close codes (RFC 6455, 7.4.1; 1013: IANA registry)."""


class Refused(Exception):
    """A request that gets this answer instead."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Admitted(msgspec.Struct, frozen=True):
    """What a subscriber asked for, and the version of the token it showed. ``after`` None: from now on."""

    after: str | None
    from_oldest: bool
    asked: Filter
    version: str


class Picture(msgspec.Struct, frozen=True):
    content_type: str
    data: bytes


class WebSocket:
    """One endpoint; its port (``bridge.endpoints.port``) brings it connections."""

    def __init__(
        self, name: str, settings: WebSocketEndpoint, wanted: Filter, stream: Stream, secrets: Secrets
    ) -> None:
        self.settings = settings
        self.path = settings.path
        self._name = name
        self._wanted = wanted
        self._stream = stream
        self._secrets = secrets
        self._subscribers: dict[ServerConnection, str | None] = {}
        self._pictures = 0
        self.status = EndpointStatus(name, "websocket")

    # ------------------------------------------------------------------------------------------------------ who may

    def admit(self, query: str, headers: Headers) -> Admitted:
        """Judge a subscriber by its request. Raises Refused, whose text never repeats what was sent."""
        asked = parse_qs(query, keep_blank_values=True, max_num_fields=20)
        version = self._authenticate(asked.pop("token", []), headers)
        after = asked.pop("after", ["now"])[-1]
        unknown = [key for key in asked if key not in NARROWING]
        if unknown:
            raise Refused(HTTPStatus.BAD_REQUEST, f"there is: token, after, {', '.join(NARROWING)}; nothing else")
        if len(self._subscribers) >= self.settings.subscribers:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{self.settings.subscribers} are subscribed, the most")
        return Admitted(None if after in ("", "now", "oldest") else after, after == "oldest", narrowed(asked), version)

    def _authenticate(self, tokens: list[str], headers: Headers) -> str:
        """The version of the token shown."""
        origin = headers.get("Origin")
        if origin is not None and origin not in self.settings.origins:
            raise Refused(HTTPStatus.FORBIDDEN, "pages of this origin may not connect; name it under origins")
        shown = tokens[-1] if tokens else ""
        authorization = headers.get("Authorization", "")
        if authorization[:7].lower() == "bearer ":
            shown = authorization[7:].strip()
        try:
            secret = self._secrets.get(self.settings.token)
            if not _same(shown, secret.reveal()):  # it may have been changed a moment ago
                secret = self._secrets.get(self.settings.token, fresh=True)
        except SecretMissing as missing:
            log.warning("endpoint %s: %s", self._name, missing)
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the token cannot be looked up now") from None
        if not _same(shown, secret.reveal()):
            raise Refused(HTTPStatus.UNAUTHORIZED, "show the token: Authorization: Bearer TOKEN, or ?token=TOKEN")
        return secret.version

    # ------------------------------------------------------------------------------------------------------ pictures

    async def picture(self, event: str, media: str, query: str, headers: Headers) -> Picture:
        """The bytes of a picture of an event that this endpoint tells. Raises Refused."""
        self._authenticate(parse_qs(query, max_num_fields=20).get("token", []), headers)
        if self._pictures >= PICTURES_AT_ONCE:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many pictures are asked for at once; try again")
        self._pictures += 1
        try:
            found = await picture_of(self._stream.journal, self._wanted, EventId(event), MediaId(media))
            if found is None:
                raise Refused(HTTPStatus.NOT_FOUND, "this endpoint tells no event of this id with this picture")
            return Picture(found.content_type, await self._stream.journal.media(found.id))
        except JournalError:
            raise Refused(HTTPStatus.NOT_FOUND, "this picture is not kept any more") from None
        finally:
            self._pictures -= 1

    # ------------------------------------------------------------------------------------------------------- telling

    async def serve(self, connection: ServerConnection, admitted: Admitted) -> None:
        """Tell one subscriber, until it goes or is sent away."""
        if len(self._subscribers) >= self.settings.subscribers:
            await connection.close(TRY_LATER, "too many subscribers")
            return
        self._subscribers[connection] = admitted.after
        try:
            telling = asyncio.create_task(self._tell(connection, admitted))
            hearing = asyncio.create_task(_hear(connection))
            try:
                await asyncio.wait((telling, hearing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (telling, hearing):
                    task.cancel()
                ended = await asyncio.gather(telling, hearing, return_exceptions=True)
            for failure in ended:
                if isinstance(failure, Exception) and not _closed(failure):
                    log.error("endpoint %s: telling a subscriber failed", self._name, exc_info=failure)
        finally:
            del self._subscribers[connection]

    async def _tell(self, connection: ServerConnection, admitted: Admitted) -> None:
        wanted, asked, stream = self._wanted, admitted.asked, self._stream
        loop = asyncio.get_running_loop()
        at = admitted.after
        if at is None and not admitted.from_oldest:
            at = self._subscribers[connection] = await stream.head()
            await connection.send(position_document(at), text=True)
        told_at, spoken = loop.time(), at
        while True:
            news = stream.news
            try:
                piece = await stream.after(at)
            except JournalError as error:
                await connection.close(TRY_LATER, "the journal cannot be read now")
                log.warning("endpoint %s: %s", self._name, error)
                return
            if piece.gap is not None:
                await connection.send(gap_document(piece.gap), text=True)
                told_at, spoken = loop.time(), piece.gap.until
            for told in piece.events:
                if wanted.passes(told.fed) and asked.passes(told.fed):
                    await connection.send(told.document, text=True)
                    self.status.told += 1
                    self.status.last = told.fed.event.arrived_at
                    told_at, spoken = loop.time(), told.fed.position
            moved = piece.position != at
            at = self._subscribers[connection] = piece.position
            if moved:
                continue
            if at != spoken and loop.time() - told_at >= SILENT:
                await connection.send(position_document(at), text=True)
                told_at, spoken = loop.time(), at
            if not self._still_valid(admitted.version):
                await connection.close(POLICY, "the token was changed")
                return
            await stream.wait(news)

    def _still_valid(self, version: str) -> bool:
        try:
            return self._secrets.get(self.settings.token).version == version
        except SecretMissing:
            return True  # who was let in stays while nobody can say otherwise

    # ---------------------------------------------------------------------------------------------------- from outside

    async def dismiss(self, why: str) -> None:
        """Send every subscriber away: it may come again and go on where it was."""
        await asyncio.gather(*(each.close(GOING_AWAY, why) for each in tuple(self._subscribers)))

    async def current(self) -> EndpointStatus:
        """How it is now. Raises JournalError."""
        status = self.status
        status.subscribers = len(self._subscribers)
        furthest = min((each for each in self._subscribers.values() if each is not None), default="")
        status.position = furthest
        status.behind = await self._stream.journal.behind(furthest) if furthest else 0
        return status


async def _hear(connection: ServerConnection) -> None:
    """What a subscriber says is thrown away; without reading, its pongs would not be heard either."""
    async for _ in connection:
        pass


def _same(shown: str, token: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), token.encode("utf-8", "surrogateescape"))


def _closed(failure: Exception) -> bool:
    from websockets.exceptions import ConnectionClosed

    return isinstance(failure, ConnectionClosed)

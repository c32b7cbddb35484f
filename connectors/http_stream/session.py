"""One answer that does not end, from its head to its end. Imports httpx; the connector imports this when it runs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import httpx
import msgspec

from bridge.units import said_seconds
from connectors.asking.client import client, peer, refusal
from connectors.http_stream.events import Events
from connectors.http_stream.inflating import Inflating
from connectors.http_stream.joining import Joining
from connectors.http_stream.lines import Lines
from connectors.http_stream.settings import HttpStreamSettings
from connectors.http_stream.told import Reading, Told
from connectors.outbound import Filled, masked
from connectors.staying import Alive, Away, Ended

Take: TypeAlias = Callable[[Told], Awaitable[None]]
Say: TypeAlias = Callable[[str], None]

_CHUNKS = 4
"""Read ahead; what is not read waits in the server."""

_ASKS_FOR = {
    "auto": "multipart/mixed, multipart/x-mixed-replace, text/event-stream, application/x-ndjson, */*;q=0.5",
    "events": "text/event-stream",
}
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "text/plain")
_OBJECTS = ("application/json", "application/stream+json", "application/json-seq")


class _End(msgspec.Struct, frozen=True):
    """Why there are no more bytes. ``clean``: the server ended them, they did not break off."""

    why: str
    clean: bool


class Session:
    """Made by ``open``; ``converse`` until it ends; then always ``leave``."""

    def __init__(
        self, settings: HttpStreamSettings, http: httpx.AsyncClient, response: httpx.Response, reading: Reading
    ) -> None:
        self._settings = settings
        self._http = http
        self._response = response
        self._reading = reading
        self._inflating = Inflating(response.headers.get("content-encoding", ""))
        self._clean = False
        self._chunks: asyncio.Queue[bytes | _End] = asyncio.Queue(_CHUNKS)
        self._told: list[Told] = []
        self.peer = peer(response)

    @classmethod
    async def open(
        cls,
        settings: HttpStreamSettings,
        filled: Filled,
        auth: httpx.Auth | None,
        tls: ssl.SSLContext | None,
        last_id: str,
    ) -> Session:
        """Ask, and look at the head of the answer. Raises Away, or OSError for a secret that is missing."""
        url = settings.url
        http = client(tls, httpx.Timeout(settings.connect_timeout, read=None), _headers(settings, last_id))
        try:
            async with asyncio.timeout(settings.connect_timeout):
                content = None if settings.body is None else settings.body.encode("utf-8")
                if content is not None:
                    filled.headers.setdefault("Content-Type", settings.content_type or "text/plain; charset=utf-8")
                method = settings.method or ("GET" if content is None else "POST")
                request = http.build_request(method, url, params=filled.query, headers=filled.headers, content=content)
                response = await http.send(request, auth=auth, stream=True)
            reading = _reading(settings, response)
        except (TimeoutError, httpx.TimeoutException):
            await http.aclose()
            raise Away(f"{url} does not answer within {said_seconds(settings.connect_timeout)}") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            await http.aclose()
            why = masked(str(error), {**filled.query, **filled.headers}) or type(error).__name__
            raise Away(f"{url} cannot be asked: {why}") from None
        except BaseException:
            await http.aclose()
            raise
        return cls(settings, http, response, reading)

    @property
    def events(self) -> Events | None:
        """What is known of server-sent events, where these are such."""
        return self._reading if isinstance(self._reading, Events) else None

    async def converse(self, take: Take, say: Say, alive: Alive) -> Ended:
        """Hand each message on, in order, until the stream ends; why it did."""
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump())
            try:
                return await self._listen(take, say, alive)
            finally:
                pump.cancel()

    async def leave(self, take: Take, say: Say) -> None:
        """Hand on what was received, and close the connection. May be called again when it was cancelled."""
        while not self._chunks.empty():
            chunk = self._chunks.get_nowait()
            if isinstance(chunk, _End):
                self._clean = chunk.clean
            else:
                self._told += self._reading.feed(chunk)
        self._told += self._reading.finish(self._clean)
        self._say(say)
        try:
            await self._hand_on(take)
        finally:
            await self._response.aclose()
            await self._http.aclose()

    @property
    def waiting(self) -> int:
        """Messages that were received and not handed on."""
        return len(self._told)

    def lost(self) -> Mapping[str, int]:
        """How many were left out, by why."""
        reading = self._reading
        return {"oversize": reading.oversize, "cut": reading.cut, "garbage": reading.garbage}

    # ------------------------------------------------------------------------------------------------------- reading

    async def _listen(self, take: Take, say: Say, alive: Alive) -> Ended:
        loop, reading, silence = asyncio.get_running_loop(), self._reading, self._settings.silence
        deadline = None if silence is None else loop.time() + silence
        while True:
            before = reading.alive
            chunk = await self._next(deadline)
            if isinstance(chunk, _End):
                self._clean = chunk.clean
                return self._ended(chunk.why)
            self._told += reading.settle() if chunk is None else reading.feed(chunk)
            self._say(say)
            if reading.alive > before:
                alive()
            if self._told or reading.alive > before:
                await self._hand_on(take)
                deadline = None if silence is None else loop.time() + silence  # what waits for us counts from here
            elif deadline is not None and loop.time() >= deadline:
                what = "nothing complete came" if reading.held else "nothing came"
                return self._ended(f"{what} for {said_seconds(silence or 0.0)}", deaf=True)
            if reading.broken:
                return self._ended("what it sends cannot be read; see format", deaf=True)

    async def _next(self, deadline: float | None) -> bytes | _End | None:
        """The next bytes; None when there were none until the deadline, or until the reading can make do with less."""
        settles = self._reading.settles_in
        until = deadline
        if settles is not None:
            soon = asyncio.get_running_loop().time() + settles
            until = soon if deadline is None else min(soon, deadline)
        try:
            async with asyncio.timeout_at(until):
                return await self._chunks.get()
        except TimeoutError:
            return None

    async def _pump(self) -> None:
        """From the connection into what waits to be read: a task of its own, so that waiting for bytes can end and the
        connection goes on."""
        end = _End("the server ended the stream", clean=True)
        try:
            async for data in self._response.aiter_raw():
                for piece in self._inflating.pieces(data):
                    await self._chunks.put(piece)
        except (httpx.HTTPError, OSError) as error:
            end = _End(f"the connection broke: {str(error)[:200] or type(error).__name__}", clean=False)
        except ValueError as error:
            end = _End(str(error), clean=False)
        await self._chunks.put(end)

    async def _hand_on(self, take: Take) -> None:
        while self._told:
            await take(self._told[0])
            del self._told[0]

    def _ended(self, why: str, deaf: bool = False) -> Ended:
        retry = self._reading.retry if isinstance(self._reading, Events) else None
        return Ended(f"{self._settings.url}: {why}", deaf, retry or 0.0)

    def _say(self, say: Say) -> None:
        if self._reading.trouble:
            say(self._reading.trouble)
            self._reading.trouble = ""


def _headers(settings: HttpStreamSettings, last_id: str) -> dict[str, str | bytes]:
    asked: dict[str, str | bytes] = {
        "Accept": _ASKS_FOR.get(settings.format, "*/*"),
        "Accept-Encoding": "identity",
        "Cache-Control": "no-cache",
    }
    return {**asked, "Last-Event-ID": last_id.encode("utf-8")} if last_id else asked


def _reading(settings: HttpStreamSettings, response: httpx.Response) -> Reading:
    """How this answer is read. Raises Away for one that is no stream."""
    wrong = refusal(response, settings.url)
    if wrong is not None:
        raise wrong
    if response.status_code in (204, 304):
        raise Away(f"{settings.url} answers {response.status_code}: it has no stream for us")
    content_type = response.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    form, most = settings.format, settings.max_message
    if form == "multipart" or (form == "auto" and kind.startswith("multipart/")):
        return Joining(content_type, most, settings.pictures, settings.picture_count)
    if form == "events" or (form == "auto" and kind == "text/event-stream"):
        return Events(most)
    if form == "lines" or (form == "auto" and kind in _LINES):
        return Lines("lines", most)
    if form == "json" or (form == "auto" and kind in _OBJECTS):
        return Lines("json", most)
    said = f"is {kind[:80]}" if kind else "has no Content-Type"
    raise Away(f"{settings.url}: the answer {said}: say how messages stand in it with format, or mend the url")

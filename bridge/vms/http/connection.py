"""One connection: a request out, its answer in, one after the other."""

from __future__ import annotations

import asyncio
import select
from typing import cast

import httptools

from bridge.vms.http.answer import Answer, AnswerLost, NotSent

LARGEST_ANSWER = 2**20
"""Bytes of an answer, head and body, that are read; of a larger one only the status counts."""


class Connection(asyncio.Protocol):
    """``ask`` writes a request and gives a future; ``reusable`` says afterwards whether it can be asked again."""

    __slots__ = (
        "_body",
        "_complete",
        "_head_done",
        "_headers",
        "_limit",
        "_loop",
        "_lost",
        "_parser",
        "_poll",
        "_received",
        "_spoiled",
        "_timer",
        "_transport",
        "_waiting",
        "idle_since",
        "keep_alive",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, keep_alive: float, limit: int = LARGEST_ANSWER) -> None:
        self._loop = loop
        self._limit = limit
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._poll: select.poll | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._received = 0
        self._head_done = self._complete = self._spoiled = self._lost = False
        self.idle_since = 0.0
        self.keep_alive = keep_alive

    # ----------------------------------------------------------------------------------------------------- for the pool

    def ask(self, data: bytes, seconds: float) -> asyncio.Future[Answer]:
        """Write a whole request; the future brings the Answer or raises AnswerLost. Raises NotSent at once."""
        transport = self._transport
        if transport is None or self._lost or transport.is_closing():
            raise NotSent("the connection was closed before anything was written")
        if seconds <= 0:
            raise NotSent("the time was over before anything was written", busy=True)
        waiting: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting = waiting
        self._timer = self._loop.call_later(seconds, self._too_late, seconds)
        transport.write(data)
        return waiting

    @property
    def reusable(self) -> bool:
        return not (self._lost or self._spoiled)

    def closed_meanwhile(self) -> bool:
        """Whether the other side has closed it, or said something unasked, since the last answer.

        Asks the operating system, for the loop may not have looked yet: a request written now would be lost.
        """
        transport = self._transport
        if transport is None or self._lost or self._spoiled or transport.is_closing():
            return True
        if self._poll is None:
            file = transport.get_extra_info("socket")
            if file is None or not hasattr(select, "poll"):
                return False
            self._poll = select.poll()
            self._poll.register(file.fileno(), select.POLLIN)
        return bool(self._poll.poll(0))

    def close(self) -> None:
        self._lost = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; whoever waits for an answer is told that it is lost."""
        self._lost = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def transport(self) -> asyncio.Transport | None:
        return self._transport

    # ------------------------------------------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._parser is None:
            self._spoiled = True  # said unasked: a 408 before closing, say
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._spoiled = True  # after a whole answer the rest does not matter
            if not self._complete:
                self._fail("the answer is not HTTP")
                self.abort()
                return
        if self._complete and self._received <= self._limit:
            self._finish()
        elif self._received > self._limit:
            self._spoiled = True
            if self._head_done and self._parser is not None:
                self._settle(Answer(self._parser.get_status_code(), self._headers, b"", cut=True))
            else:
                self._fail("the answer's head has no end")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._waiting is not None:
            if exc is None and self._head_done and self._ends_with_connection() and self._parser is not None:
                self._settle(Answer(self._parser.get_status_code(), self._headers, b"".join(self._body)))
            elif self._received:
                self._fail("the connection was cut in the middle of the answer")
            else:
                self._fail("the connection was cut before an answer came")
        self._parser = self._transport = self._poll = None  # they hold each other

    # --------------------------------------------------------------------------------------------- httptools' callbacks

    def on_message_begin(self) -> None:
        if self._complete:
            self._spoiled = True  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._complete:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._head_done = True

    def on_body(self, data: bytes) -> None:
        if not self._complete:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._complete or self._parser is None:
            return
        if self._parser.get_status_code() < 200:  # 100 Continue, 103 Early Hints: the answer is yet to come
            self._headers = []
            self._head_done = False
            return
        self._complete = True
        if not self._parser.should_keep_alive():  # can be asked only now
            self._spoiled = True

    # ---------------------------------------------------------------------------------------------------------- endings

    def _finish(self) -> None:
        parser, transport = self._parser, self._transport
        if parser is None:
            return
        body = self._body
        answer = Answer(parser.get_status_code(), self._headers, body[0] if len(body) == 1 else b"".join(body))
        # A server that answers before it has read all will not read the rest.
        unread = transport is None or transport.get_write_buffer_size() > 0
        self._settle(answer)
        if self._spoiled or unread:
            self._spoiled = True
            self.close()

    def _settle(self, answer: Answer) -> None:
        waiting = self._reset()
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _fail(self, why: str, silent: bool = False) -> None:
        waiting = self._reset()
        if waiting is not None and not waiting.done():
            waiting.set_exception(AnswerLost(why, silent))

    def _reset(self) -> asyncio.Future[Answer] | None:
        waiting, self._waiting = self._waiting, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._headers, self._body, self._received = [], [], 0
        self._head_done = self._complete = False
        return waiting

    def _too_late(self, seconds: float) -> None:
        heard = "only part of an answer" if self._received else "no answer"
        self._fail(f"{heard} within {round(seconds, 1):g} s", silent=not self._received)
        self.abort()

    def _ends_with_connection(self) -> bool:
        """Whether this answer has neither length nor chunks, so that its end is the connection's (RFC 9112, 6.3)."""
        for name, value in self._headers:
            lower = name.lower()
            if lower == b"content-length" or (lower == b"transfer-encoding" and b"chunked" in value.lower()):
                return False
        return True

"""One request: who it may be from, its body within the limits, the intake, and the answer its receipt gives.

Measured, the CPU this adds to the server: see docs/connectors/http.md. Nothing here logs per message.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from bridge.model import ConnectorId, Instant, Message, Origin, Part
from bridge.secret import SecretRef
from connectors.base import Intake, Mode
from connectors.http import answers
from connectors.http.answers import Answer, Event
from connectors.http.bodies import Bodies, Gone, Overloaded, Receive
from connectors.http.credentials import Credentials, Refused, Uncertain, text_of
from connectors.http.inflating import TooLarge
from connectors.http.methods import AUTHORIZATION, Method
from connectors.http.querying import message_in, shown_in
from connectors.http.refusals import Refusals
from connectors.http.settings import HttpSettings
from connectors.http.table import Near, Table
from connectors.multipart import looks_multipart, split
from connectors.sources import plain

Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Event], Awaitable[None]]

_LINGER = 1.0
"""Seconds in which what still comes of a refused body is thrown away, so that its sender can read why."""

_NOTHING: Mapping[str, str] = {}
_DASHES = (b"-", b"\r", b"\n")
_BODIES = frozenset({"POST", "PUT", "PATCH"})


class App:
    """A raw ASGI application. ``table`` may be replaced at any moment; a request under way keeps the one it began with.

    ``counts``: requests that brought no message, by reason. ``taken``: messages acknowledged in OBSERVE.
    """

    def __init__(
        self,
        name: ConnectorId,
        settings: HttpSettings,
        table: Table,
        credentials: Credentials,
        refusals: Refusals | None = None,
    ) -> None:
        self.table = table
        self.counts: Counter[str] = Counter()
        self.taken = 0
        self._name = name
        self._most = settings.max_body
        self._bodies = Bodies(settings.max_body, settings.body_timeout)
        self._strict = settings.answer == "strict"
        self._reply = None if settings.reply is None else answers.kept(settings.reply.content_type, settings.reply.body)
        self._credentials = credentials
        self._refusals = refusals or Refusals(name)
        self._intake: Intake | None = None
        self._observing = self._give_back = False

    def begin(self, intake: Intake, mode: Mode, accept: bool) -> None:
        """Where messages go from now on. In OBSERVE their senders keep them, unless ``accept``."""
        self._intake = intake
        self._observing = mode is Mode.OBSERVE
        self._give_back = self._observing and not accept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in _BODIES or (self.table.queried and self._may_bring_a_message(scope)):
            try:
                ready = await self._take(scope, receive)
            except TooLarge:
                self.counts["too large"] += 1
                return await self._refuse(answers.TOO_LARGE, receive, send)
            except Overloaded:
                self.counts["overloaded"] += 1
                return await self._refuse(answers.OVERLOADED, receive, send)
            except Gone:
                self.counts["cut off"] += 1
                return None
            except asyncio.CancelledError:  # the bound on stopping has passed; what was committed will be a duplicate
                ready = answers.STOPPING
        else:
            ready = self._without_body(scope)
        await send(ready[0])
        await send(ready[1])
        return None

    def _without_body(self, scope: Scope) -> Answer:
        """Devices try the URL they were given before they use it. One whose event comes by such a method is not told
        that all is well: nothing is read of it."""
        if scope["method"] not in ("GET", "HEAD") or _has_body(scope["headers"]):
            self.counts["wrong method"] += 1
            return answers.WRONG_METHOD
        return answers.READY if self.table.knows(scope["path"]) else answers.NOT_HERE

    def _may_bring_a_message(self, scope: Scope) -> bool:
        """Whether it is a GET with a query or a body, on a path some of whose messages come so."""
        if scope["method"] != "GET":
            return False
        client = scope["client"]
        near = self.table.near(scope["path"], plain(client[0]) if client else "")
        return bool(near.from_query) and (_has_body(scope["headers"]) or bool(scope.get("query_string")))

    async def _take(self, scope: Scope, receive: Receive) -> Answer:
        table = self.table
        read, wanted = table.read, table.wanted
        shown: dict[bytes, bytes] = {}
        label: bytes | None = None
        coding: bytes | None = None
        length = -1
        for name, value in scope["headers"]:
            if name not in read:
                continue
            if name == b"content-type":
                label = value
            elif name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                length = max(length, 0)
            elif name == b"content-encoding":
                coding = value
            if name in wanted:
                shown[name] = value
        client = scope["client"]
        peer = plain(client[0]) if client else ""
        path: str = scope["path"]
        near = table.near(path, peer)
        authenticated: SecretRef | None = None
        by_signature = False
        if near.guarded:
            if table.in_query and scope.get("query_string"):
                shown.update(shown_in(scope["query_string"], table.in_query))
            try:
                authenticated = self._credentials.shown(near, shown, scope)
            except Refused as refused:
                by_signature = any(claim.credential and claim.credential.where in shown for claim in near.signatures)
                if not by_signature:
                    place = (peer, table.place(path))
                    return self._not_let_in(near, shown, place, refused.stale, close=length > self._most)
            except Uncertain:
                return answers.UNCERTAIN
        if length < 0 and scope["method"] != "GET":
            # HTTP has no body without a length. A sender that means "until I close" would be told its event was
            # taken although only its head was read, so it is told what is missing.
            self.counts["no length"] += 1
            return answers.NO_LENGTH
        if length > self._most:
            raise TooLarge
        try:
            body = await self._bodies.read(receive, peer)
        except TimeoutError:
            self.counts["too slow"] += 1
            return answers.TOO_SLOW
        try:
            if near.signatures and authenticated is None:
                authenticated = await self._credentials.signed(near, shown, body)
                if authenticated is None and by_signature:
                    return self._not_let_in(near, shown, (peer, table.place(path)))
            if near.guarded and self._refusals.any:
                self._refusals.let_in(peer, table.place(path))
            if coding is not None:
                body = await self._bodies.unpack(body, coding, peer)
            said = None if label is None else text_of(label)
            if not body and near.from_query:
                found = message_in(scope.get("query_string", b""), near.from_query, table.in_query)
                if found is None and scope["method"] == "GET":
                    return answers.READY
                message, said = found or (body, said)
            else:
                message = body
            attributes = _attributes(table, shown) if shown else _NOTHING
            name = None if authenticated is None else str(authenticated)  # a plain str: this is stored
            origin = Origin(peer, path, name, attributes)
            return await self._submit(origin, message, said, near.replies.get(authenticated, self._reply))
        except Uncertain:
            return answers.UNCERTAIN
        finally:
            self._bodies.held -= len(body)

    def _not_let_in(
        self, near: Near, shown: Mapping[bytes, bytes], of: tuple[str, str], stale: bool = False, close: bool = False
    ) -> Answer:
        """Digest begins with a request without credentials, so that one is not counted as refused. ``of``: its sender
        and the path."""
        begins = Method.DIGEST in near.methods and AUTHORIZATION not in shown
        self.counts["stale" if stale else "challenged" if begins else "refused"] += 1
        if not stale and not begins:
            self._refusals.refused(*of)
        return self._credentials.refusal(near, stale, close)

    async def _submit(self, origin: Origin, body: bytes, label: str | None, reply: Answer | None) -> Answer:
        parts: tuple[Part, ...] = ()
        if (label is not None and label[:10].lower() == "multipart/") or (
            body[:1] in _DASHES and looks_multipart(body)
        ):
            parts, body = split(body, label or ""), b""
        arrived = Instant(datetime.now(UTC), time.monotonic())
        message = Message(
            connector=self._name, origin=origin, body=body, arrived=arrived, content_type=label, parts=parts
        )
        assert self._intake is not None
        receipt = await self._intake.submit(message)
        if self._observing:
            if self._give_back:
                return answers.DRY_RUN
            self.taken += receipt.kept
        return answers.to_receipt(receipt, self._strict, reply)

    async def _refuse(self, ready: Answer, receive: Receive, send: Send) -> None:
        """Answer at once, then throw away what still comes for a moment: closing on unread bytes resets the
        connection, and the sender would not see why."""
        await send(ready[0])
        await send({**ready[1], "more_body": True})
        try:
            async with asyncio.timeout(_LINGER):
                while (await receive()).get("more_body", False):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b""})


def _has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and int(value)) for name, value in headers)


def _attributes(table: Table, shown: Mapping[bytes, bytes]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, (called, only) in table.attributes.items():
        if name in shown:
            value = text_of(shown[name])
            if only is None or value in only:
                found[called] = value
    return found

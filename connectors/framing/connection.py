"""One device's connection: what it says is framed, submitted in order, and never answered."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from bridge.model import ConnectorId, Instant, Message, Origin
from bridge.units import said_seconds
from connectors.base import Intake
from connectors.framing.framed import Framed, framed
from connectors.framing.framings import FramedSettings
from connectors.sources import plain

log = logging.getLogger("connectors.tcp")

MOST_IN_SUBMISSION = 64
"""Messages of one connection that wait for their commit at once; their order is kept."""

MOST_HELD = 256 * 2**20
"""Bytes of unfinished objects on one port; beyond it the connection that holds most of them is closed."""

_MOST_SAID = 1024
_UNREAD = 256 * 1024
_SLICE = 32 * 1024
_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 0.01


class Port:
    """What the connections of one port share. ``idle``: seconds without a byte that end one, None: none do. ``most``:
    open at once. ``heard``: called at each sign of life, where somebody wants to know. ``kept_alive``: its connections
    have from their listener what ``keep_alive`` sets.

    ``counts``: ``messages`` that were kept, ``again``: times the intake said later and was waited for, ``garbage``
    among the messages, ``garbage bytes dropped``, messages left out as ``oversize``, connections ``crowded`` out,
    ``idle``, ``overloaded`` or closed as ``unreadable``, messages ``abandoned`` at the end.
    """

    def __init__(
        self,
        name: ConnectorId,
        settings: FramedSettings,
        intake: Intake,
        counts: Counter[str],
        idle: float | None,
        most: int = 1,
    ) -> None:
        self.name = name
        self.settings = settings
        self.heard: Callable[[], None] | None = None
        self.kept_alive = False
        self.idle = idle
        self.most = most
        self.intake = intake
        self.counts = counts
        self.held = 0
        self.connections: set[Connection] = set()
        self._places: Counter[str] = Counter()  # how many of them each sender has
        self._said: set[tuple[str, str]] = set()

    def say(self, peer: str, trouble: str) -> None:
        """Into the log, once for each peer and kind of trouble: a device with another framing connects for ever."""
        if (peer, trouble) in self._said:
            return
        if len(self._said) >= _MOST_SAID:
            self._said.clear()
        self._said.add((peer, trouble))
        log.warning("%s, from %s: %s; said once", self.name, peer, trouble)

    def has_room_for(self, peer: str) -> bool:
        """Whether this sender may have one more connection. Where all places are taken, the sender with most of them
        gives one to a sender with fewer, its longest silent: a device that connects again and again without ever
        hanging up shuts out nobody but itself."""
        if len(self.connections) < self.most:
            return True
        self.counts["crowded"] += 1
        crowd = max(self._places, key=self._places.__getitem__)  # a flood comes here for each of its connections
        if self._places[crowd] <= self._places[peer] + 1:
            return False
        self.say(
            crowd, f"it has most of the {self.most} connections there may be; its longest silent make room for others"
        )
        longest = min((each for each in self.connections if each.peer == crowd), key=lambda each: each.heard_at)
        longest.make_room("another device needed its place")
        self.farewell(longest)
        return True

    def welcome(self, connection: Connection) -> None:
        self.connections.add(connection)
        self._places[connection.peer] += 1

    def farewell(self, connection: Connection) -> None:
        if connection not in self.connections:
            return
        self.connections.discard(connection)
        self._places[connection.peer] -= 1
        if not self._places[connection.peer]:
            del self._places[connection.peer]

    def release(self) -> None:
        """Too much is held: who holds most gives up."""
        going = [each for each in self.connections if each.given_up]
        if self.held - sum([each.held for each in going]) > MOST_HELD:
            staying = [each for each in self.connections if not each.given_up]
            largest = max(staying, key=lambda each: each.held, default=None)
            if largest is not None:
                self.counts["overloaded"] += 1
                largest.given_up = True
                largest.make_room("its messages do not end")


class Connection(asyncio.Protocol):
    """Reads into a bounded buffer; ``converse`` is the task that owns everything else. ``ended``: why it did;
    ``deaf``: since nothing came, or nothing that can be read; ``given_up``: since too much of it was held. ``held``:
    bytes of an unfinished object; ``heard_at``: when something came last, in monotonic seconds."""

    def __init__(self, port: Port, begin: Callable[[Connection], None]) -> None:
        self.ended = ""
        self.deaf = self.given_up = False
        self.held = 0
        self.heard_at = time.monotonic()
        self._port = port
        self._begin = begin
        self._framer: Framed | None = None
        self._found: list[bytes] = []
        self._rests = False  # the task waits, and all that came was framed
        self._framed = False  # what came since, and something is to be done
        self._chunks: deque[bytes] = deque()
        self._unread = 0
        self._ended = False
        self._paused = False
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._origin = Origin("")
        self._slots = asyncio.Semaphore(MOST_IN_SUBMISSION)
        self._again = asyncio.Lock()
        self._waiting_bytes = 0
        self._less = asyncio.Event()

    # ------------------------------------------------------------------------------------------------ the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is one, but not by inheritance
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._origin = Origin(plain(str(peer[0])) if peer else "")
        if not self._port.has_room_for(self.peer):
            transport.abort()
            return
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None and not self._port.kept_alive:
            keep_alive(connection)
        self._port.welcome(self)
        self._begin(self)

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        if self._port.heard is not None:
            self._port.heard()
        if self._rests and len(data) <= _SLICE:
            # A device that speaks byte by byte costs the others what it costs to look at a byte, and no task its turn.
            if self._frame(data):
                self._rests, self._framed = False, True
                self._news.set()
            return
        self._chunks.append(data)
        self._unread += len(data)
        if self._unread >= _UNREAD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._end("the device ended it")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        # A reset too: what came before it was said.
        self._end("the device ended it" if exc is None else f"the connection broke: {exc}")

    def stop(self) -> None:
        """Read nothing more; what was read is still submitted."""
        if self._transport is not None and not self._transport.is_closing() and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._end("stopped")

    @property
    def peer(self) -> str:
        return self._origin.peer

    def make_room(self, why: str) -> None:
        """Read nothing more, for others; what was read is still submitted."""
        self._end(why)
        self._close()

    def _end(self, why: str) -> None:
        self.ended = self.ended or why
        self._ended = True
        self._news.set()

    # ------------------------------------------------------------------------------------------------------ the task

    async def converse(self) -> None:
        """Until the sender leaves or ``stop``, and all it said is kept. Never raises but CancelledError."""
        framer = self._framer = framed(self._port.settings.framing, self._port.settings.max_object)
        try:
            async with asyncio.TaskGroup() as group:
                while (data := await self._next()) is not None:
                    for start in range(0, len(data) or 1, _SLICE):
                        if data:
                            self._frame(data[start : start + _SLICE])
                        found, self._found = self._found, []
                        for body in found:
                            await self._submit(group, body)
                        if framer.trouble:
                            self._port.say(self._origin.peer, framer.trouble)
                            framer.trouble = ""
                        if framer.broken:
                            self.ended = "what it says cannot be framed as the settings say"
                            break
                        if start:
                            await asyncio.sleep(0)  # framing must not keep the loop from other senders
                    if framer.broken:
                        self._port.counts["unreadable"] += 1
                        self.deaf = True
                        break
                    if self._port.held > MOST_HELD:
                        self._port.release()
                    if self.given_up:
                        break
                self._close()
                for body in framer.finish():
                    await self._submit(group, body)
        except* Exception as errors:  # a fault in one connection must not take the port down
            log.exception("a connection of %s failed", self._origin.peer, exc_info=errors)
        finally:
            self._port.held -= self.held
            self.held = 0
            if framer.trouble:
                self._port.say(self._origin.peer, framer.trouble)
            self._port.counts["garbage"] += framer.garbage
            self._port.counts["oversize"] += framer.oversize
            self._port.counts["garbage bytes dropped"] += framer.dropped
            self._port.farewell(self)
            self._close()

    def _frame(self, data: bytes) -> bool:
        """Whether something is to be done then."""
        framer, port = self._framer, self._port
        assert framer is not None
        self._found += framer.feed(data)
        held = framer.held
        port.held += held - self.held
        self.held = held
        return bool(self._found or framer.trouble or framer.broken or port.held > MOST_HELD)

    async def _next(self) -> bytes | None:
        """The next bytes, none of them when what came was framed already; None when there will be none."""
        left = self._port.idle
        while not self._chunks:
            if self._framed:
                self._framed = False
                return b""
            if self._ended:
                return None
            self._news.clear()
            self._rests = True
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                assert self._port.idle is not None
                left = self.heard_at + self._port.idle - time.monotonic()
                if left > 0:
                    continue
                self._port.counts["idle"] += 1
                self.deaf = True
                self.ended = f"nothing came for {said_seconds(self._port.idle)}"
                return None
            finally:
                self._rests = False
        data = self._chunks.popleft()
        self._unread -= len(data)
        if self._paused and not self._ended and self._unread < _UNREAD and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # ---------------------------------------------------------------------------------------------------- submitting

    async def _submit(self, group: asyncio.TaskGroup, body: bytes) -> None:
        """Begin to submit, when it is this message's turn; until then nothing more is read."""
        await self._slots.acquire()
        while self._waiting_bytes and self._waiting_bytes + len(body) > self._port.settings.max_object:
            self._less.clear()
            await self._less.wait()
        if self._again.locked():
            async with self._again:  # behind those that were told "later"
                pass
        self._waiting_bytes += len(body)
        now = Instant(datetime.now(UTC), time.monotonic())
        group.create_task(self._keep(Message(connector=self._port.name, origin=self._origin, body=body, arrived=now)))

    async def _keep(self, message: Message) -> None:
        """Submit until it is kept. After a "later" those behind it wait for it, so that their order stays."""
        kept = False
        pause = 0.0
        try:
            behind = self._again.locked()
            if not behind:
                receipt = await self._port.intake.submit(message)
                kept = receipt.kept
                behind = self._again.locked()
                pause = 0.0 if behind else max(receipt.after, _SHORTEST_PAUSE)
            if not kept:
                async with self._again:  # first told "later", first submitted again
                    while not kept:
                        if pause:
                            self._port.counts["again"] += 1
                            await asyncio.sleep(_jittered(pause))
                        receipt = await self._port.intake.submit(message)
                        kept = receipt.kept
                        pause = max(receipt.after, min(2 * pause, _LONGEST_PAUSE), _SHORTEST_PAUSE)
        finally:
            self._port.counts["messages" if kept else "abandoned"] += 1
            self._waiting_bytes -= len(message.body)
            self._less.set()
            self._slots.release()


def _jittered(wanted: float) -> float:
    """Seconds until the next try, jittered: all connections of a port are told "later" at the same moment."""
    return random.uniform(0.5, 1.0) * min(wanted, _LONGEST_PAUSE)  # noqa: S311


def keep_alive(connection: socket.socket) -> None:
    """Have the kernel notice a peer that lost its power: after 60 s of silence ask every 20 s, give up after 3."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

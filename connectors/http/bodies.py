"""The bodies of one port's requests: read within the limits, unpacked, and counted while they are held."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeAlias, cast

from connectors.http.answers import Event
from connectors.http.inflating import TooLarge, inflate

Receive: TypeAlias = Callable[[], Awaitable[Event]]

MOST_HELD = 256 * 2**20
"""Bytes of bodies that are being read, or wait for their commit, on one port; beyond it senders are told "later"."""


class Overloaded(Exception):
    pass


class Gone(Exception):
    """The sender hung up before its body was complete."""


class _Coming:
    """A body that has not come whole. ``given_up``: another needs its room; its bytes are not counted any more."""

    def __init__(self, peer: str, bound: asyncio.Timeout) -> None:
        self.peer = peer
        self.bound = bound
        self.whole = bytearray()
        self.given_up = False

    def give_up(self) -> None:
        self.given_up = True
        if not self.bound.expired():
            self.bound.reschedule(asyncio.get_running_loop().time())


class Bodies:
    """``held``: bytes of all that was read and not yet released. ``most``: of one body; ``timeout``: seconds it may
    take to arrive."""

    def __init__(self, most: int, timeout: float) -> None:
        self.held = 0
        self._most = most
        self._timeout = timeout
        self._coming: set[_Coming] = set()

    async def read(self, receive: Receive, peer: str) -> bytes:
        """The whole body, counted as held. Raises TimeoutError, Gone, TooLarge, Overloaded.

        Where too much is held, the sender with most that has not come whole gives its largest up for one with less.
        """
        # Of nearly all requests the server has read the body before the first line of ours runs; then nothing is
        # waited for, and the time-out's 5 µs of 13 are saved. Where it does not tell, it is waited with the time-out.
        if not getattr(getattr(receive, "__self__", None), "more_body", True):
            body = _bytes_of(await receive())
            self._hold(len(body), 0, peer)
            return body
        bound = asyncio.timeout(self._timeout)
        coming = _Coming(peer, bound)
        whole = coming.whole
        try:
            async with bound:
                self._coming.add(coming)
                more = True
                while more:
                    event = await receive()
                    body = _bytes_of(event)
                    self._hold(len(body), len(whole), peer, coming.given_up)
                    whole += body
                    more = bool(event.get("more_body", False))
        except BaseException as error:
            if not coming.given_up:
                self.held -= len(whole)
            elif isinstance(error, TimeoutError):
                raise Overloaded from None
            raise
        finally:
            self._coming.discard(coming)
        return bytes(whole)

    async def unpack(self, body: bytes, coding: bytes, peer: str) -> bytes:
        """What a compressed body holds, in its place among what is held; itself where it is not what its label says.
        Raises TooLarge, Overloaded."""
        found = await inflate(body, coding, self._most)
        if found is None:
            return body
        self._hold(len(found), 0, peer)
        self.held -= len(body)
        return found

    def _hold(self, more: int, already: int, peer: str, given_up: bool = False) -> None:
        if given_up:
            raise Overloaded
        if already + more > self._most:
            raise TooLarge
        while self.held + more > MOST_HELD:
            self._make_room(more, peer)
        self.held += more

    def _make_room(self, more: int, peer: str) -> None:
        """Raises Overloaded when nobody has more than this sender would have."""
        has: Counter[str] = Counter()
        for each in self._coming:
            if not each.given_up:
                has[each.peer] += len(each.whole)
        crowd = max(has, key=has.__getitem__, default=peer)
        if has[crowd] <= has[peer] + more:
            raise Overloaded
        largest = max(
            (each for each in self._coming if each.peer == crowd and not each.given_up),
            key=lambda each: len(each.whole),
        )
        largest.give_up()
        self.held -= len(largest.whole)


def _bytes_of(event: Event) -> bytes:
    if event["type"] != "http.request":
        raise Gone
    return cast("bytes", event.get("body", b""))

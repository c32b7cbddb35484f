"""The bodies of one port's requests: read within the limits, unpacked, and counted while they are held."""

from __future__ import annotations

import asyncio
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


class Bodies:
    """``held``: bytes of all that was read and not yet released. ``most``: of one body; ``timeout``: seconds it may
    take to arrive."""

    def __init__(self, most: int, timeout: float) -> None:
        self.held = 0
        self._most = most
        self._timeout = timeout

    async def read(self, receive: Receive) -> bytes:
        """The whole body, counted as held. Raises TimeoutError, Gone, TooLarge, Overloaded."""
        # Of nearly all requests the server has read the body before the first line of ours runs; then nothing is
        # waited for, and the time-out's 5 µs of 13 are saved. Where it does not tell, it is waited with the time-out.
        if not getattr(getattr(receive, "__self__", None), "more_body", True):
            body = _bytes_of(await receive())
            self._hold(len(body), 0)
            return body
        whole = bytearray()
        try:
            async with asyncio.timeout(self._timeout):
                more = True
                while more:
                    event = await receive()
                    body = _bytes_of(event)
                    self._hold(len(body), len(whole))
                    whole += body
                    more = bool(event.get("more_body", False))
        except BaseException:
            self.held -= len(whole)
            raise
        return bytes(whole)

    async def unpack(self, body: bytes, coding: bytes) -> bytes:
        """What a compressed body holds, in its place among what is held; itself where it is not what its label says.
        Raises TooLarge, Overloaded."""
        found = await inflate(body, coding, self._most)
        if found is None:
            return body
        self._hold(len(found), 0)
        self.held -= len(body)
        return found

    def _hold(self, more: int, already: int) -> None:
        if already + more > self._most:
            raise TooLarge
        if self.held + more > MOST_HELD:
            raise Overloaded
        self.held += more


def _bytes_of(event: Event) -> bytes:
    if event["type"] != "http.request":
        raise Gone
    return cast("bytes", event.get("body", b""))

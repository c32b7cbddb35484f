"""Messages are read by the site of the moment: small ones at once, large ones in a thread, each origin's in order."""

from __future__ import annotations

import asyncio
import logging

from bridge.config.site import Site
from bridge.model import ConnectorId, Malformed, Message
from bridge.routing import Routed, RoutedItem, Router

log = logging.getLogger("bridge.intake.reading")

LARGE = 16 * 1024
"""Bytes of a message, its pictures not counted, from which on it is read in a thread. Measured over all built-in
profiles with hostile bodies: what is smaller takes up to 15 ms to read, 512 KiB up to 134 ms."""

_PICTURES = (b"\xff\xd8", b"\x89P")
"""How a JPEG and a PNG begin."""


class Reading:
    def __init__(self, site: Site) -> None:
        self.read_by(site)
        self._waiting: dict[tuple[ConnectorId, str, str], asyncio.Future[None]] = {}
        """By origin, the last message that waits for a large one to be read."""

    def read_by(self, site: Site) -> None:
        """Another site, from the next message on."""
        self.site = site
        self._router = Router(site)

    def waits(self, message: Message) -> bool:
        """Whether it has to be read by ``in_turn``."""
        return bool(self._waiting) or _text(message) > LARGE

    def at_once(self, message: Message) -> Routed:
        """Never raises."""
        try:
            return self._router.route(message)
        except Exception as error:  # a profile must not raise; if one does, only this message suffers
            log.exception("a message of connector %s could not be read", message.connector)
            unread = RoutedItem(Malformed(0, f"reading it failed: {error!r}"))
            return Routed(message, (unread,), masked=False)

    async def beside(self, message: Message) -> tuple[Routed, Site]:
        """Read in a thread, so that other sensors do not wait for it; and by which site. Python takes turns with the
        thread every few milliseconds, a decoder in C does not."""
        site = self.site
        return await asyncio.to_thread(self.at_once, message), site

    async def in_turn(self, message: Message) -> Routed:
        """A large message, read beside the loop; or one whose origin sent a large one before, which waits its turn."""
        origin = message.origin
        key = (message.connector, origin.peer, origin.place)
        before = self._waiting.get(key)
        large = _text(message) > LARGE
        if before is None and not large:
            return self.at_once(message)
        mine = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            if before is not None:
                await asyncio.shield(before)
            if not large:
                return self.at_once(message)
            routed, site = await self.beside(message)
            # Another site meanwhile: its sensors are those that count.
            return routed if self.site is site else self.at_once(message)
        finally:
            if before is None or before.done():
                self._go_on(key, mine)
            else:  # its sender went away: those behind it wait for those before it
                before.add_done_callback(lambda _: self._go_on(key, mine))

    def _go_on(self, key: tuple[ConnectorId, str, str], waited_for: asyncio.Future[None]) -> None:
        waited_for.set_result(None)
        if self._waiting.get(key) is waited_for:
            del self._waiting[key]


def _text(message: Message) -> int:
    """Bytes that have to be read: all but the pictures that stand alone."""
    length = len(message.body)
    for part in message.parts:
        if part.data[:2] not in _PICTURES:
            length += len(part.data)
    return length

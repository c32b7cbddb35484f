"""What a stream says, one message after the other, however it writes them."""

from __future__ import annotations

from typing import Protocol

import msgspec

from bridge.model import Part


class Told(msgspec.Struct, frozen=True):
    """One message. Of several pieces (a document and its pictures) ``parts`` holds all and ``body`` is empty.

    ``event`` and ``id`` are those of a server-sent event; ``id`` is None where it was given none.
    """

    body: bytes = b""
    content_type: str | None = None
    parts: tuple[Part, ...] = ()
    event: str = ""
    id: str | None = None


class Reading(Protocol):
    """A stream's bytes → its messages, depending on the bytes alone wherever they were cut, but for ``settle``.

    ``alive``: signs of life, every message and whatever a server sends to show that it is there. ``trouble``: what is
    wrong with the stream, "" until something is. ``broken``: nothing more can be read from it. ``oversize``: messages
    or pictures left out because they are too long; ``cut``: lost because the stream ended inside of them; ``garbage``:
    messages that are none, to be quarantined.
    """

    trouble: str

    @property
    def alive(self) -> int: ...

    @property
    def broken(self) -> bool: ...

    @property
    def oversize(self) -> int: ...

    @property
    def cut(self) -> int: ...

    @property
    def garbage(self) -> int: ...

    @property
    def settles_in(self) -> float | None:
        """Seconds without a byte after which ``settle`` has something to do; None when it has not."""

    @property
    def held(self) -> int:
        """Bytes waiting for the rest of their message."""

    def feed(self, data: bytes) -> list[Told]:
        """The messages that end in these bytes."""

    def settle(self) -> list[Told]:
        """The messages that are complete though nothing says so yet: nothing came for ``settles_in``."""

    def finish(self, clean: bool) -> list[Told]:
        """What is left when the stream has ended. ``clean``: its server ended it, it did not break."""

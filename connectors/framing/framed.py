"""What every framing of a stream gives, and which one a port's settings ask for. Pure."""

from __future__ import annotations

from typing import Protocol

from connectors.framing.framings import Between, Framing, Length
from connectors.framing.objects import Framer


class Framed(Protocol):
    """A stream → its messages. Which bytes belong to which message depends on the bytes alone, never on how they were
    cut. ``garbage``: messages given that are none, to be quarantined; ``dropped``: bytes that are in no message, line
    ends between messages not counted; ``oversize``: messages left out because they are too long. ``trouble``: what is
    wrong with the stream, "" until something is; ``broken``: nothing more can be read from it."""

    garbage: int
    dropped: int
    oversize: int
    trouble: str
    broken: bool

    @property
    def held(self) -> int:
        """Bytes waiting for the rest of their message."""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that end in these bytes."""

    def finish(self) -> list[bytes]:
        """What is left when the stream has ended."""


def framed(framing: Framing, most: int) -> Framed:
    """A new stream's framing; ``most``: bytes of the longest message. Raises ValueError when a package is missing."""
    if framing == "json":
        return Framer(most)
    from connectors.framing.ended import EndFramer  # a port has one framing; the others need not be loaded

    if framing == "lines":
        return EndFramer((b"\n", b"\r"), most, blank=False)
    if isinstance(framing, Between):
        return EndFramer((framing.end,), most, framing.start or b"", framing.restart)
    if isinstance(framing, Length):
        from connectors.framing.lengths import LengthFramer

        return LengthFramer(framing, most)
    from connectors.framing.patterns import PatternFramer, compiled

    assert not isinstance(framing, str)
    return PatternFramer(compiled(framing.regex), most, framing.keep)

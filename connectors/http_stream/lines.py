"""Documents one after the other in a response that does not end: one on each line, or found by their braces. Pure."""

from __future__ import annotations

from typing import Literal

from connectors.framing.framed import framed
from connectors.http_stream.told import Told
from connectors.http_stream.whole import is_whole


class Lines:
    """Implements ``told.Reading``. An empty line says that the server is there, and nothing else."""

    settles_in = None

    def __init__(self, framing: Literal["lines", "json"], most: int) -> None:
        self.alive = self.cut = 0
        self._framed = framed(framing, most)

    @property
    def trouble(self) -> str:
        return self._framed.trouble

    @trouble.setter
    def trouble(self, said: str) -> None:
        self._framed.trouble = said

    @property
    def broken(self) -> bool:
        return self._framed.broken

    @property
    def oversize(self) -> int:
        return self._framed.oversize

    @property
    def garbage(self) -> int:
        return self._framed.garbage

    @property
    def held(self) -> int:
        return self._framed.held

    def feed(self, data: bytes) -> list[Told]:
        found = self._framed.feed(data)
        self.alive += bool(found) or b"\n" in data
        return [_told(body) for body in found]

    def settle(self) -> list[Told]:
        return []

    def finish(self, clean: bool) -> list[Told]:
        """Of what the end cut off nobody could tell what is missing; a document that is whole is given all the same."""
        left = self._framed.finish()
        whole = [body for body in left if clean or is_whole(body)]
        if len(whole) < len(left):
            self.cut += len(left) - len(whole)
            self.trouble = f"the stream ended inside of a line, {len(left[-1])} bytes of which had come"
        return [_told(body) for body in whole]


def _told(body: bytes) -> Told:
    kind = "application/json" if body.lstrip()[:1] in (b"{", b"[") else None
    return Told(body, kind)

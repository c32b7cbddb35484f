"""Who speaks: what was heard, put together by sender, way and path, with a few messages of each."""

from __future__ import annotations

import msgspec

from bridge.model import Message

SAMPLES = 5
MOST = 200
"""Speakers told apart; what comes from others is counted."""


MOST_BYTES = 128 * 2**20
"""Kept of all that was heard; beyond it messages are counted and not kept."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``way``: http, tcp, or tls (which nobody can read without its key). ``shows``: the scheme of the
    credentials it came with (basic, digest, bearer), never these. ``raw``: an HTTP body as it came."""

    way: str
    message: Message
    method: str = ""
    shows: str = ""
    from_query: bool = False
    raw: bytes = b""


class Speaker(msgspec.Struct, kw_only=True):
    """``samples``: its first messages, the latest in the place of the last."""

    peer: str
    way: str
    place: str
    content_type: str
    method: str
    from_query: bool
    shows: str = ""
    count: int = 0
    bytes: int = 0
    samples: list[Heard] = []


class Speakers:
    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.found: dict[tuple[str, str, str, str, str], Speaker] = {}
        self.others = 0
        self._room = most_bytes

    def add(self, heard: Heard) -> Speaker | None:
        """The speaker if it is one that was not heard before."""
        message = heard.message
        kind = (message.content_type or "").partition(";")[0].strip().lower()
        key = (message.origin.peer, heard.way, message.origin.place, kind, heard.method)
        known = self.found.get(key)
        if known is None:
            if len(self.found) >= MOST:
                self.others += 1
                return None
            known = self.found[key] = Speaker(
                peer=message.origin.peer, way=heard.way, place=message.origin.place, content_type=kind,
                method=heard.method, from_query=heard.from_query,
            )  # fmt: skip
        known.count += 1
        known.bytes += len(message.body) + sum(len(part.data) for part in message.parts)
        known.shows = heard.shows or known.shows
        if len(known.samples) >= SAMPLES:
            self._room += _size(known.samples.pop())
        if _size(heard) <= self._room:
            self._room -= _size(heard)
            known.samples.append(heard)
        return known if known.count == 1 else None


def _size(heard: Heard) -> int:
    """Bytes it takes to keep it."""
    return len(heard.raw) + len(heard.message.body) + sum(len(part.data) for part in heard.message.parts)

"""Whether an event that a VMS may have is looked for before it is sent once more, as the VMS is asked."""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qs

import msgspec

from bridge.simulator.http_server import Asked
from bridge.simulator.ledger import Property
from bridge.simulator.vxg.routes import EVENTS

LOOKED = "what may be there twice was looked for"

Sent = tuple[str, str]
"""Camera and event."""


class _Raised(msgspec.Struct):
    camid: int
    meta: dict[str, object]


class Looking:
    """``searches``: how often the VMS was asked whether it has an event."""

    def __init__(self) -> None:
        self.searches = 0
        self._of: Counter[str] = Counter()
        """Searches by camera; of its events none is named in them."""
        self._before: dict[Sent, int] = {}
        """How many there were when it was sent last without a mark."""
        self._marked: set[Sent] = set()
        self._broken: list[str] = []

    def asked(self, asked: Asked) -> None:
        if asked.path != EVENTS:
            return
        if asked.method == "GET":
            self.searches += 1
            self._of.update(parse_qs(asked.query).get("camid", []))
        elif asked.method == "POST":
            self._sent(msgspec.json.decode(asked.body, type=_Raised))

    def _sent(self, raised: _Raised) -> None:
        camera = str(raised.camid)
        sent = camera, str(raised.meta["bridge_event"])
        if "possible_duplicate" not in raised.meta:
            self._before[sent] = self._of[camera]
        elif sent not in self._marked:
            self._marked.add(sent)
            if self._of[camera] <= self._before.get(sent, 0):
                self._broken.append(f"event {sent[1]} came to camera {camera} as a possible duplicate at once")

    def judged(self) -> Property:
        return Property(LOOKED, len(self._marked), list(self._broken))

"""An event as text in a URL: all that the Web SDK has room for [5, 7]."""

from __future__ import annotations

from datetime import UTC, datetime

from bridge.model import Delivery
from bridge.vms.genetec.settings import GenetecSettings
from bridge.vms.one_line import one_line
from bridge.vms.text import Place, percent_encoded

LEAST = 400
"""A comma, escaped, takes twice its room: of so much text no more than there is, see ``settings.LEAST_ROOM``."""
_ALIKE = {char: chr(ord(char) + 0xFEE0) for char in "(){}\\#=@*"}
"""Their full-width twins, which mean nothing in ``q`` [5]."""


class Words:
    def __init__(self, settings: GenetecSettings) -> None:
        self._in_q = _ALIKE if settings.bookmark_characters == "alike" else {}

    def message(self, delivery: Delivery, room: int) -> str:
        """Percent-encoded, in ``room`` characters; for a place of its own in the URL."""
        return percent_encoded(one_line(delivery, Place(most=room, encoding="url")))

    def bookmark(self, delivery: Delivery, room: int) -> str:
        """Percent-encoded, in ``room`` characters; for an argument in ``q``, where ``\\,`` is a comma [5]."""
        limit = room
        while True:
            text = one_line(delivery, Place(most=limit, encoding="url", instead=self._in_q))
            written = percent_encoded(text.replace(",", "\\,"))
            over = len(written) - room
            if over <= 0:
                return written
            limit = max(LEAST, limit - over)


def milliseconds(time: datetime) -> str:
    """As a shipping client writes a bookmark's time [6]."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

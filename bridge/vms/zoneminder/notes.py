"""The notes of one event of ZoneMinder, in which several of ours may stand: whoever forces an alarm on a monitor that
is alarmed already, speaks into its open event [2, 8].

The capture process rewrites the notes of an open event from what it was told over the socket (seen by running), so what
is written here may be gone when the next one comes; it is then written again, from what is remembered.
"""

from __future__ import annotations

import re

from bridge.model import EventId
from bridge.vms.lines import EVENT
from bridge.vms.text import shorten
from bridge.vms.zoneminder.settings import MOST_NOTES

_OURS = re.compile(rf"^{EVENT}: (.+)$", re.MULTILINE)
_EMPTY = frozenset({"Forced Web:", ""})
APART = "\n\n"


def ours_in(notes: str) -> dict[EventId, str]:
    """Our blocks in these notes, by the event they are of."""
    found = {}
    for part in _parts(notes):
        known = _OURS.search(part)
        if known is not None:
            found[EventId(known[1].strip())] = part
    return found


def merged(standing: str, remembered: dict[EventId, str], event: EventId, block: str) -> str:
    """The notes as they should be: what stands there and is not ours, then our blocks, this one last.

    ``remembered``: blocks written before, which may have been overwritten. What does not fit is shortened, the oldest
    first.
    """
    others = [part for part in _parts(standing) if _OURS.search(part) is None]
    blocks = {**ours_in(standing), **remembered}
    blocks.pop(event, None)
    blocks[event] = block
    parts = [*others, *blocks.values()]
    over = _bytes(APART.join(parts)) - MOST_NOTES
    for place, (known, whole) in enumerate(blocks.items(), len(others)):
        if over <= 0:
            break
        parts[place] = _less(known, whole)
        over -= _bytes(whole) - _bytes(parts[place])
    return shorten(APART.join(parts), MOST_NOTES, event, "utf-8")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _parts(notes: str) -> list[str]:
    parts = [part.strip() for part in notes.replace("\r\n", "\n").split(APART)]
    return [part for part in parts if part not in _EMPTY]


def _less(event: EventId, block: str) -> str:
    title, _, _ = block.partition("\n")
    return f"{title}\n{EVENT}: {event}\n… [no room for more, all of it in event {event}]"

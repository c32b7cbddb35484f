"""Nx's bookmarks as it tells them, and asking for those of a time [5]."""

from __future__ import annotations

import msgspec

from bridge.model import EventId
from bridge.vms.http import Answer
from bridge.vms.lines import EVENT, tags_of
from bridge.vms.nx.answers import why
from bridge.vms.nx.api import Api
from bridge.vms.nx.words import KNOWN_BY, known_by

PAGE = 100
"""Bookmarks that are asked for at once."""


class Bookmark(msgspec.Struct):
    id: str
    name: str | None = None
    description: str | None = None
    startTimeMs: int | float | str | None = None
    durationMs: int | float | str | None = None
    tags: list[str] | str | None = None
    deviceId: str | None = None

    @property
    def start(self) -> int | None:
        return _whole(self.startTimeMs)

    @property
    def lasts(self) -> int:
        return _whole(self.durationMs) or 0

    @property
    def told(self) -> dict[str, str]:
        return tags_of(self.description or "")

    @property
    def labels(self) -> list[str]:
        """Its tags, also where they are one text."""
        if isinstance(self.tags, str):
            return [tag.strip() for tag in self.tags.split(",")]
        return self.tags or []

    def is_of(self, event: EventId) -> bool:
        """By its tag; a person may have taken that off, and then by its description."""
        return known_by(event) in self.labels or self.told.get(EVENT) == event

    @property
    def event(self) -> str:
        """The id of ours that it is of, "" for one of another's."""
        said = self.told.get(EVENT, "")
        tagged = [tag.removeprefix(KNOWN_BY) for tag in self.labels if tag.startswith(KNOWN_BY)]
        return said or (tagged[0] if tagged else "")


class Untold(Exception):
    """Nx answered with no bookmarks; says what."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


class _Reply(msgspec.Struct):
    reply: list[Bookmark]


_list = msgspec.json.Decoder(list[Bookmark] | _Reply).decode
_one = msgspec.json.Decoder(Bookmark).decode


async def between(
    api: Api, path: str, first: int, last: int, text: str = "", urgent: bool = False
) -> tuple[list[Bookmark], bool]:
    """Those of ``path`` in this time (milliseconds since 1970), and whether there may be more. Raises SendingError,
    Refused, Untold."""
    query = f"{path}?startTimeMs={max(0, first)}&endTimeMs={last}&limit={PAGE}"
    answer = await api.get(f"{query}&text={text}" if text else query, urgent)
    if not 200 <= answer.status < 300:
        raise Untold(f"Nx does not tell its bookmarks ({why(answer)})", answer.status)
    if answer.cut:
        return [], True
    told = answer.told(_list)
    if told is None:
        raise Untold("Nx answers with something that is no list of bookmarks", answer.status)
    found = told.reply if isinstance(told, _Reply) else told
    return found, len(found) >= PAGE


def bookmark(answer: Answer) -> Bookmark | None:
    """None when it is none."""
    return answer.told(_one)


def _whole(number: int | float | str | None) -> int | None:
    try:
        return int(number) if number is not None else None
    except (ValueError, OverflowError):
        return None

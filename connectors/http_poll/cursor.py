"""How far was read: picked out of answers, kept as text in the journal, put into questions. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from connectors.http_poll import moments
from connectors.http_poll.answer import Path

if TYPE_CHECKING:
    from connectors.http_poll.settings import CursorSettings

LONGEST = 4096
"""Characters of a cursor that is text."""


class Unusable(ValueError):
    """The cursor in the journal is not of the kind the settings want; says what to do."""


class Cursor:
    def __init__(self, settings: CursorSettings) -> None:
        self._settings = settings
        self._path = Path(settings.from_)

    def start(self, now: datetime) -> str:
        """The cursor when there is none yet."""
        if self._settings.as_ == "time" and self._settings.start == "now":
            return self._kept(now)
        return self.kept_as(self._settings.start)

    @property
    def starts_now(self) -> bool:
        """Whether where it began is known only once it is kept."""
        return self._settings.as_ == "time" and self._settings.start == "now"

    @property
    def first_page_only(self) -> bool:
        """Whether the bookmark of a poll stands on its first page."""
        return self._settings.as_ == "text" and self._settings.pick == "first"

    def kept_as(self, value: object) -> str:
        """A value as the journal keeps it. Raises Unusable."""
        kept = self._read(value)
        if kept is None:
            wanted = {"time": "a time", "number": "a number", "text": "text"}[self._settings.as_]
            raise Unusable(f"the cursor {str(value)[:80]} is not {wanted}; give the cursor another name to begin anew")
        return kept

    def question(self, kept: str) -> str | int:
        """The cursor as it is asked with: the overlap earlier, in the form the server wants."""
        if self._settings.as_ == "time":
            moment = moments.read(kept, self._settings.zone) or moments.EPOCH
            return moments.write(max(moments.EPOCH, moment - timedelta(seconds=self._settings.overlap)), self._form)
        return int(kept) if self._settings.as_ == "number" and kept.lstrip("-").isdecimal() else kept

    def moment(self, now: datetime) -> str | int:
        """This moment, in the form the server wants."""
        return moments.write(now, self._form)

    @property
    def _form(self) -> str:
        return self._settings.write

    def after(self, kept: str, document: object, now: datetime) -> str:
        """How far has been read after this answer; never back, and never beyond now: a device whose clock is ahead
        would else hide what it says later."""
        found = [value for value in map(self._read, self._path.values(document)) if value is not None]
        if not found:
            return kept
        if self._settings.as_ == "text":
            return found[-1] if self._settings.pick == "last" else found[0]
        if self._settings.as_ == "number":
            return max([kept, *found], key=Decimal)
        return max(kept, min(max(found), self._kept(now)))

    def _read(self, value: object) -> str | None:
        if self._settings.as_ == "time":
            moment = moments.read(value, self._settings.zone)
            return None if moment is None else self._kept(moment)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        text = str(value).strip()
        if self._settings.as_ == "text":
            return text if len(text) <= LONGEST else None
        try:
            return text if len(text) <= 64 and text.isascii() and Decimal(text).is_finite() else None
        except InvalidOperation:
            return None

    @staticmethod
    def _kept(moment: datetime) -> str:
        """Of equal length, so that texts compare as the times do."""
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")

"""Items that leave the quarantine because somebody listens for them now: the row of their message, mended."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from bridge.journal.sqlite.ledger import ITEMS, MEDIA_BYTES
from bridge.model import Adopted, Fate, Media, Verdict

if TYPE_CHECKING:
    from bridge.journal.sqlite.quarantine import Origins
    from bridge.journal.sqlite.rows import Rows

_ENCODE = msgspec.msgpack.Encoder().encode
_VERDICTS = msgspec.msgpack.Decoder(tuple[Verdict, ...])
_MEDIA = msgspec.msgpack.Decoder(tuple[Media, ...])


class Adoption:
    """Written with the decision that follows from it: one transaction takes the items out of quarantine and keeps what
    became of them, so that none is decided twice or lost between."""

    def __init__(self, adopted: Adopted, verdicts: Sequence[Verdict], origins: Origins) -> None:
        self._adopted = adopted
        self._verdicts = verdicts
        self._origins = origins

    def write(self, connection: sqlite3.Connection, rows: Rows) -> None:
        message = self._adopted.message
        row = connection.execute("SELECT verdicts, media FROM message WHERE id = ?", (message,)).fetchone()
        if row is None:
            return
        fates = {verdict.index: verdict for verdict in _VERDICTS.decode(row[0])}
        for verdict in self._verdicts:
            before = fates.get(verdict.index)
            if before is not None:
                rows.sums.count(ITEMS[before.fate], -1)
            fates[verdict.index] = verdict
            if verdict.fate is not Fate.QUARANTINED:
                self._origins.forget(connection, rows, message, verdict.index)
        new = [each.media for each in self._adopted.media]
        media = [*(_MEDIA.decode(row[1]) if row[1] is not None else ()), *new]
        rows.sums.count(MEDIA_BYTES, sum(each.size for each in new))
        connection.execute(
            "UPDATE message SET verdicts = ?, media = ? WHERE id = ?",
            (_ENCODE(tuple(fates.values())), _ENCODE(media) if media else None, message),
        )

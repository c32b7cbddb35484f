"""Messages that are decided in pieces: what is decided of each so far, until its last piece puts it all together.

The row of a message holds all its verdicts, and its body; to write it anew with every piece would write the body as
often. So the verdicts of each piece stand here until the last comes.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from bridge.journal.contract import MessageRecord, Undecided
from bridge.journal.sqlite.lanes import UNREADABLE
from bridge.journal.sqlite.ledger import MEDIA_BYTES
from bridge.model import EventId, Media, Message, MessageId, Piece, Verdict

if TYPE_CHECKING:
    from bridge.journal.sqlite.rows import Rows

log = logging.getLogger("bridge.journal")

_ENCODE = msgspec.msgpack.Encoder().encode
_MESSAGE = msgspec.msgpack.Decoder(Message)
_VERDICTS = msgspec.msgpack.Decoder(tuple[Verdict, ...])
_MEDIA = msgspec.msgpack.Decoder(tuple[Media, ...])

_INSERT = "INSERT INTO piece VALUES (?, ?, ?, ?, ?)"
_MESSAGES = "SELECT DISTINCT message FROM piece WHERE message > ? ORDER BY message"
_OF = "SELECT verdicts, media, place, closed FROM piece WHERE message = ? ORDER BY place"


class Decided:
    """A piece of a message, written with the decision it is of."""

    def __init__(self, piece: Piece, verdicts: Sequence[Verdict]) -> None:
        self._piece = piece
        self._verdicts = tuple(verdicts)

    def write(self, connection: sqlite3.Connection, rows: Rows) -> None:
        piece = self._piece
        new = tuple([each.media for each in piece.media])
        rows.sums.count(MEDIA_BYTES, sum(each.size for each in new))
        if not piece.last:
            row = (piece.message, piece.place, _ENCODE(self._verdicts), _ENCODE(new), piece.closed)
            connection.execute(_INSERT, row)
            return
        found = connection.execute("SELECT verdicts, media FROM message WHERE id = ?", (piece.message,)).fetchone()
        if found is not None:
            verdicts, media = [*_VERDICTS.decode(found[0])], [*_MEDIA.decode(found[1] or _NONE)]
            for more_verdicts, more_media, _, _ in connection.execute(_OF, (piece.message,)):
                verdicts += _VERDICTS.decode(more_verdicts)
                media += _MEDIA.decode(more_media)
            verdicts += self._verdicts
            media += new
            connection.execute(
                "UPDATE message SET verdicts = ?, media = ? WHERE id = ?",
                (_ENCODE(verdicts), _ENCODE(media) if media else None, piece.message),
            )
        connection.execute("DELETE FROM piece WHERE message = ?", (piece.message,))


def first(connection: sqlite3.Connection, piece: Piece) -> None:
    """The message's own row has the verdicts of its first piece; here is only that more will follow."""
    connection.execute(_INSERT, (piece.message, piece.place, _NONE, _NONE, piece.closed))


def next_undecided(connection: sqlite3.Connection, after: MessageId | None) -> Undecided | None:
    """Of the messages that are decided in part, the one that came next after this one."""
    connection.execute("BEGIN")  # all of it as it is at one moment
    try:
        for (message,) in connection.execute(_MESSAGES, (after or "",)):
            row = connection.execute("SELECT verdicts, media, packed FROM message WHERE id = ?", (message,)).fetchone()
            if row is not None:
                pieces = connection.execute(_OF, (message,)).fetchall()
                try:
                    return _undecided(MessageId(message), row, pieces)
                except UNREADABLE as error:  # nobody can go on with it; the others are not to wait for it
                    log.error("message %s is decided in part and cannot be read: %s", message, error)  # noqa: TRY400
        return None
    finally:
        connection.execute("ROLLBACK")


def _undecided(
    message: MessageId,
    row: tuple[bytes, bytes | None, bytes],
    pieces: Sequence[tuple[bytes, bytes, int, str | None]],
) -> Undecided:
    verdicts, media = [*_VERDICTS.decode(row[0])], [*_MEDIA.decode(row[1] or _NONE)]
    for more_verdicts, more_media, _, _ in pieces:
        verdicts += _VERDICTS.decode(more_verdicts)
        media += _MEDIA.decode(more_media)
    _, _, place, closed = pieces[-1]
    record = MessageRecord(
        id=message,
        message=_MESSAGE.decode(row[2]),
        verdicts=tuple(verdicts),
        media=tuple([each.id for each in media]),
    )
    return Undecided(record, Piece(message, place, last=False, closed=None if closed is None else EventId(closed)))


_NONE = _ENCODE(())
